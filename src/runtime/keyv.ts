import { PartywallError } from "../errors.js";
import type { Scope } from "../scope/scope.js";
import { TenantStore, type NativeStore } from "./keyv/store.js";
import { keyspaceOf, type Keyspace } from "./redis/keyspace.js";

/**
 * The part of a Partywall instance that a cache uses; what `createPartywall` returns fits.
 *
 * @example
 * ```ts
 * import type { CacheHost } from "partywall/runtime/keyv";
 *
 * const kind = (host: CacheHost) => host.scope()?.kind;
 * ```
 */
export interface CacheHost {
  readonly realm: string;
  scope(): Scope | undefined;
}

/**
 * The part of a Keyv that the guard calls; `Keyv` 5 fits.
 *
 * @example
 * ```ts
 * import type { KeyvCache } from "partywall/runtime/keyv";
 *
 * const namespaceOf = (keyv: KeyvCache) => keyv.namespace;
 * ```
 */
export interface KeyvCache {
  namespace: string | undefined;
  get(...args: never[]): unknown;
  set(...args: never[]): unknown;
  clear(...args: never[]): unknown;
}

interface NativeKeyv {
  store: NativeStore;
  iterator?: ((...args: readonly unknown[]) => unknown) | undefined;
  generateIterator(entries: () => AsyncIterable<unknown>): (...args: readonly unknown[]) => unknown;
  [method: string]: unknown;
}

const METHODS = [
  "get",
  "getMany",
  "getRaw",
  "getManyRaw",
  "set",
  "setMany",
  "setRaw",
  "setManyRaw",
  "delete",
  "deleteMany",
  "has",
  "hasMany",
  "clear",
];

const guarded = new WeakSet<object>();

/**
 * Puts a Keyv behind the wall and returns the same Keyv: every key carries the prefix of the scope it is used in, whatever the store is;
 * `clear()` and iterators know the scope's own. Two Keyvs may share a store.
 *
 * Throws `PW_CONFIG` for what is no Keyv 5. Its methods reject with `TenantContextError` outside a tenant's or a central scope, even where
 * Keyv would only emit an error; `clear()` rejects with `PW_STATEMENT_REFUSED` where the store cannot list its keys.
 *
 * @example
 * ```ts
 * import Keyv from "keyv";
 * import { createPartywall } from "partywall";
 * import { guardKeyv } from "partywall/runtime/keyv";
 *
 * const pw = createPartywall();
 * const cache = guardKeyv(pw, new Keyv());
 * const remember = (tenant: string) => pw.run(tenant, () => cache.set("plan", "gold"));
 * ```
 */
export function guardKeyv<Cache extends KeyvCache>(pw: CacheHost, keyv: Cache): Cache {
  const native = keyv as unknown as NativeKeyv;
  if (guarded.has(keyv)) return keyv;
  if (typeof native.generateIterator !== "function" || typeof native.store?.get !== "function")
    throw new PartywallError("PW_CONFIG", "guardKeyv(): give it a Keyv of keyv 5.");
  const space = scopeKeyspace(pw);
  keepStore(native, space);
  for (const method of METHODS) {
    const call = native[method];
    if (typeof call !== "function") continue;
    // Keyv takes a store's error for a miss; outside a scope that would pass for an empty cache.
    native[method] = async (...args: unknown[]): Promise<unknown> => {
      space();
      if (method === "clear") (native.store as TenantStore).assertClearable();
      return Reflect.apply(call, native, args) as unknown;
    };
  }
  guarded.add(keyv);
  return keyv;
}

/** The keyspace of this moment's tenant or central scope. Throws `TenantContextError` elsewhere. */
export function scopeKeyspace(pw: CacheHost): () => Keyspace {
  // Not undefined: a system scope is not let through.
  return () => keyspaceOf(pw.realm, pw.scope(), false)!;
}

/** Sees to it that whatever store the Keyv has, or is given later, is reached through the prefix. */
function keepStore(keyv: NativeKeyv, space: () => Keyspace): void {
  const prototype = Object.getPrototypeOf(keyv) as object;
  const accessor = inherited(prototype, "store");
  const wrap = (store: NativeStore): void => {
    // Keyv decided from the bare store whether it can be iterated.
    const canIterate = typeof keyv.iterator === "function";
    const own = new TenantStore(store, space);
    accessor.set?.call(keyv, own);
    keyv.iterator = canIterate
      ? guardedIterator(
          keyv.generateIterator(() => own.entries()),
          space,
        )
      : undefined;
  };
  const { store } = keyv;
  Object.defineProperty(keyv, "store", {
    configurable: true,
    get: () => accessor.get?.call(keyv) as unknown,
    set: (given: NativeStore) => {
      keyv.iterator = undefined;
      accessor.set?.call(keyv, given);
      wrap(given);
    },
  });
  wrap(store);
}

function guardedIterator(
  iterate: (...args: readonly unknown[]) => unknown,
  space: () => Keyspace,
): (...args: readonly unknown[]) => unknown {
  return (...args) => {
    space();
    return iterate(...args);
  };
}

function inherited(prototype: object | null, name: string): PropertyDescriptor {
  for (let at = prototype; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const found = Object.getOwnPropertyDescriptor(at, name);
    if (found !== undefined) return found;
  }
  throw new PartywallError("PW_CONFIG", "guardKeyv(): give it a Keyv of keyv 5.");
}
