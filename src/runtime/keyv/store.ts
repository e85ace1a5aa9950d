import { PartywallError } from "../../errors.js";
import type { Keyspace } from "../redis/keyspace.js";

type Key = string;
type Entry = readonly [key: Key, value: unknown];

/** What Keyv calls of a store; a `Map` is one too. */
export interface NativeStore {
  namespace?: string | undefined;
  readonly opts?: unknown;
  get(key: Key): unknown;
  set(key: Key, value: unknown, ttl?: number): unknown;
  delete(key: Key): unknown;
  clear(): unknown;
  has?(key: Key): unknown;
  hasMany?(keys: readonly Key[]): unknown;
  getMany?(keys: readonly Key[]): unknown;
  setMany?(entries: readonly { readonly key: Key }[]): unknown;
  deleteMany?(keys: readonly Key[]): unknown;
  iterator?(namespace?: string): AsyncIterable<Entry>;
  disconnect?(): unknown;
  /** Of the store in memory that cacheable brings. */
  getStore?(namespace?: string): { readonly keys: Iterable<Key> };
}

/**
 * The one place through which a Keyv goes: its store, with every key under the prefix of the scope. It has no `on`: Keyv
 * listens to the store inside already.
 */
export class TenantStore implements NativeStore {
  readonly inner: NativeStore;
  readonly #space: () => Keyspace;
  // Keyv looks at what a store has, and goes another way without.
  declare hasMany?: (keys: readonly Key[]) => unknown;
  declare getMany?: (keys: readonly Key[]) => unknown;
  declare setMany?: (entries: readonly { readonly key: Key }[]) => unknown;
  declare deleteMany?: (keys: readonly Key[]) => unknown;
  declare has?: (key: Key) => unknown;

  constructor(inner: NativeStore, space: () => Keyspace) {
    this.inner = inner;
    this.#space = space;
    // Keyv itself asks a Map by reading, because of what has expired.
    if (inner.has !== undefined && !(inner instanceof Map))
      this.has = (key) => inner.has?.(this.#own(key));
    if (inner.hasMany !== undefined) this.hasMany = (keys) => inner.hasMany?.(this.#all(keys));
    if (inner.getMany !== undefined) this.getMany = (keys) => inner.getMany?.(this.#all(keys));
    if (inner.deleteMany !== undefined)
      this.deleteMany = (keys) => inner.deleteMany?.(this.#all(keys));
    if (inner.setMany !== undefined)
      this.setMany = (entries) =>
        inner.setMany?.(entries.map((entry) => ({ ...entry, key: this.#own(entry.key) })));
  }

  get opts(): unknown {
    return this.inner.opts;
  }

  get namespace(): string | undefined {
    return this.inner.namespace;
  }

  set namespace(namespace: string | undefined) {
    this.inner.namespace = namespace;
  }

  get(key: Key): unknown {
    return this.inner.get(this.#own(key));
  }

  set(key: Key, value: unknown, ttl?: number): unknown {
    return this.inner.set(this.#own(key), value, ttl);
  }

  delete(key: Key): unknown {
    return this.inner.delete(this.#own(key));
  }

  /** Takes away the keys of the scope. Rejects with `PW_STATEMENT_REFUSED` where the store cannot list its keys. */
  async clear(): Promise<void> {
    const own: Key[] = [];
    for await (const key of this.#keys()) own.push(key);
    if (this.inner.deleteMany !== undefined && own.length > 0) await this.inner.deleteMany(own);
    else await Promise.all(own.map(async (key) => this.inner.delete(key)));
  }

  /** Entries of the scope it is begun in. Throws `PW_TRANSACTION_SCOPE` when it goes on in another. */
  async *entries(): AsyncGenerator<Entry> {
    const space = this.#space();
    const all: AsyncIterable<Entry> | Iterable<Entry> =
      this.inner instanceof Map
        ? (this.inner as Map<Key, unknown>)
        : (this.inner.iterator?.(this.inner.namespace) ?? []);
    for await (const [key, value] of all) {
      if (!key.startsWith(space.prefix)) continue;
      if (this.#space().prefix !== space.prefix)
        throw new PartywallError(
          "PW_TRANSACTION_SCOPE",
          "A Keyv iterator was begun in one scope and goes on in another. Begin and end it in one scope.",
        );
      yield [space.remove(key), value];
    }
  }

  disconnect(): unknown {
    return this.inner.disconnect?.();
  }

  /** Throws `PW_STATEMENT_REFUSED` where the store cannot be cleared for one tenant. */
  assertClearable(): void {
    const { inner } = this;
    if (inner instanceof Map || inner.iterator !== undefined || inner.getStore !== undefined)
      return;
    throw new PartywallError(
      "PW_STATEMENT_REFUSED",
      "clear() was refused: the store cannot list its keys, so it could only be cleared for every tenant. " +
        "Delete the keys by name, or use a store with an iterator.",
    );
  }

  async *#keys(): AsyncGenerator<Key> {
    this.assertClearable();
    const { prefix } = this.#space();
    const { inner } = this;
    const names: AsyncIterable<Entry> | Iterable<Entry> =
      inner instanceof Map
        ? (inner as Map<Key, unknown>)
        : (inner.iterator?.(inner.namespace) ?? entriesOf(inner));
    for await (const [key] of names) if (key.startsWith(prefix)) yield key;
  }

  #own(key: Key): Key {
    return this.#space().add(key) as Key;
  }

  #all(keys: readonly Key[]): Key[] {
    const space = this.#space();
    return keys.map((key) => space.add(key) as Key);
  }
}

function entriesOf(store: NativeStore): readonly Entry[] {
  return Array.from(store.getStore?.(store.namespace).keys ?? [], (key) => [key, undefined]);
}
