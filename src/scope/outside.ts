import { anchor } from "./anchor.js";

/** Runs `fn` outside every scope: what it opens, or calls later, belongs to nobody who happens to be current. */
export function outside<T>(fn: () => T): T {
  return anchor.als.run(undefined, fn);
}
