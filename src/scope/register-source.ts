import { anchor } from "./anchor.js";
import type { ScopeSource } from "./source.js";

/**
 * Registers a source for every Partywall instance of the process and returns a function that removes it.
 * A source for one instance only is passed to `createPartywall({ sources })` instead.
 *
 * @example
 * ```ts
 * import { registerScopeSource, type Scope } from "partywall";
 *
 * const perRequest = new Map<string, Scope>();
 * const remove = registerScopeSource({ get: () => perRequest.get("request-1") });
 * remove();
 * ```
 */
export function registerScopeSource(source: ScopeSource): () => void {
  anchor.sources.push(source);
  return () => {
    const at = anchor.sources.indexOf(source);
    if (at >= 0) anchor.sources.splice(at, 1);
  };
}
