import type { Keys } from "./keys.js";
import type { Signatures } from "./signatures.js";

/** What the guard of one client decides by. */
export interface S3Guard {
  /** The keys of this moment's tenant; undefined in a system scope that is let through. Throws `TenantContextError`. */
  readonly keys: () => Keys | undefined;
  readonly signatures: Signatures;
}

const guards = new WeakMap<object, S3Guard>();

/** The guard of a client; undefined where it has none. */
export function guardOf(client: object): S3Guard | undefined {
  return guards.get(client);
}

/** Notes that a client is guarded. */
export function remember(client: object, guard: S3Guard): void {
  guards.set(client, guard);
}
