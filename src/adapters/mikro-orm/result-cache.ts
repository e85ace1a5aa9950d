import type { PgModule, PostgresGuard } from "../../guards/postgres/index.js";

/** The slice of MikroORM's `CacheAdapter` that is guarded. */
export interface CacheAdapterLike {
  get(name: string): unknown;
  set(name: string, data: unknown, origin: string, expiration?: number): unknown;
  remove(name: string): unknown;
  clear(): unknown;
  close?(): unknown;
}

/**
 * A result cache that keeps what each partition stored under names of its own, in the adapter that was given. Throws
 * `PW_NO_SCOPE` outside any scope.
 */
export class PartitionedCache implements CacheAdapterLike {
  readonly #kept: CacheAdapterLike;
  readonly #guard: Pick<PostgresGuard<PgModule>, "partition">;

  constructor(kept: CacheAdapterLike, guard: Pick<PostgresGuard<PgModule>, "partition">) {
    this.#kept = kept;
    this.#guard = guard;
  }

  // As JSON, so that no partition and name can be written as another partition with another name.
  #own(name: string): string {
    return JSON.stringify([this.#guard.partition(), name]);
  }

  get(name: string): unknown {
    return this.#kept.get(this.#own(name));
  }

  set(name: string, data: unknown, origin: string, expiration?: number): unknown {
    return this.#kept.set(this.#own(name), data, origin, expiration);
  }

  remove(name: string): unknown {
    return this.#kept.remove(this.#own(name));
  }

  clear(): unknown {
    return this.#kept.clear();
  }

  close(): unknown {
    return this.#kept.close?.();
  }
}
