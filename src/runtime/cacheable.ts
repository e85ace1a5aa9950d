import { PartywallError } from "../errors.js";
import { guardKeyv, scopeKeyspace, type CacheHost, type KeyvCache } from "./keyv.js";

export type { CacheHost } from "./keyv.js";

/**
 * The part of a Cacheable that the guard calls; `Cacheable` 2 fits.
 *
 * @example
 * ```ts
 * import type { CacheableCache } from "partywall/runtime/cacheable";
 *
 * const hasSecond = (cache: CacheableCache) => cache.secondary !== undefined;
 * ```
 */
export interface CacheableCache {
  readonly primary: unknown;
  readonly secondary: unknown;
  wrap(...args: never[]): unknown;
  getOrSet(...args: never[]): unknown;
}

type Fn = (...args: unknown[]) => unknown;

interface NativeCacheable {
  primary: KeyvCache;
  secondary: KeyvCache | undefined;
  sync: unknown;
  _cacheId: string;
  wrap: (fn: Fn, options?: unknown) => Fn;
  [method: string]: unknown;
}

const METHODS = [
  "get",
  "getRaw",
  "getMany",
  "getManyRaw",
  "set",
  "setMany",
  "take",
  "takeMany",
  "has",
  "hasMany",
  "delete",
  "deleteMany",
  "clear",
  "getOrSet",
];

const guarded = new WeakSet<object>();

/**
 * Puts a Cacheable, both its stores and its tags, behind the wall and returns the same Cacheable. Functions wrapped with `wrap()` and values
 * of `getOrSet()` are kept, and computed once for callers at the same time, for each tenant by itself.
 *
 * Throws `PW_CONFIG` for what is no Cacheable 2 and for one with `sync`. Its methods reject with `TenantContextError` outside a tenant's or
 * a central scope, even where Cacheable would only emit an error.
 *
 * @example
 * ```ts
 * import { Cacheable } from "cacheable";
 * import { createPartywall } from "partywall";
 * import { guardCacheable } from "partywall/runtime/cacheable";
 *
 * const pw = createPartywall();
 * const cache = guardCacheable(pw, new Cacheable());
 * const plan = (tenant: string) => pw.run(tenant, () => cache.getOrSet("plan", async () => "gold"));
 * ```
 */
export function guardCacheable<Cache extends CacheableCache>(pw: CacheHost, cache: Cache): Cache {
  const native = cache as unknown as NativeCacheable;
  if (guarded.has(cache)) return cache;
  if (typeof native.wrap !== "function" || typeof native._cacheId !== "string")
    throw new PartywallError("PW_CONFIG", "guardCacheable(): give it a Cacheable of cacheable 2.");
  if (native.sync !== undefined) throw noSync();
  const space = scopeKeyspace(pw);
  guardKeyv(pw, native.primary);
  if (native.secondary !== undefined) guardKeyv(pw, native.secondary);

  keepCoalescingApart(native, () => (pw.scope() === undefined ? "" : space().prefix));
  for (const method of METHODS) {
    const call = native[method];
    if (typeof call !== "function") continue;
    native[method] = async (...args: unknown[]): Promise<unknown> => {
      space();
      return Reflect.apply(call, native, args) as unknown;
    };
  }
  const wrap = native.wrap.bind(native);
  native.wrap = (fn, options) => {
    // Cacheable notes at once whose callers it brings together: here, for each tenant when it first calls.
    const byTenant = new Map<string, Fn>();
    return async (...args) => {
      const { prefix } = space();
      const own = byTenant.get(prefix) ?? wrap(fn, options);
      byTenant.set(prefix, own);
      return own(...args);
    };
  };
  keepStores(pw, native);
  guarded.add(cache);
  return cache;
}

/** Cacheable brings together callers that compute the same key at the same time, by the id of the cache. */
function keepCoalescingApart(cache: NativeCacheable, prefix: () => string): void {
  let id = cache._cacheId;
  Object.defineProperty(cache, "_cacheId", {
    configurable: true,
    get: () => `${id}::${prefix()}`,
    set: (given: string) => {
      id = given;
    },
  });
}

/** A store that is put in later is guarded too. */
function keepStores(pw: CacheHost, cache: NativeCacheable): void {
  for (const slot of ["_primary", "_secondary"] as const) {
    let store = cache[slot] as KeyvCache | undefined;
    Object.defineProperty(cache, slot, {
      configurable: true,
      get: () => store,
      set: (given: KeyvCache | undefined) => {
        store = given === undefined ? undefined : guardKeyv(pw, given);
      },
    });
  }
  Object.defineProperty(cache, "_sync", {
    configurable: true,
    get: () => undefined,
    set: () => {
      throw noSync();
    },
  });
}

function noSync(): PartywallError {
  return new PartywallError(
    "PW_CONFIG",
    "guardCacheable(): sync sends keys and values to every instance without their tenant. Take the option away.",
  );
}
