import type { PgModule, PostgresGuard } from "../../guards/postgres/index.js";

/** A query runner of TypeORM's, by what is hooked of it. */
export interface TypeormQueryRunner {
  query(...args: never[]): Promise<unknown>;
}

/** What TypeORM hands to its result cache. */
export interface TypeormCacheEntry {
  readonly identifier?: string | undefined;
  readonly query?: string | undefined;
}

/** A result cache of TypeORM's. */
export interface TypeormResultCache {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  synchronize(runner?: never): Promise<void>;
  getFromCache(entry: never, runner?: never): Promise<unknown>;
  storeInCache(entry: never, saved: never, runner?: never): Promise<void>;
  isExpired(saved: never): boolean;
  clear(runner?: never): Promise<void>;
  remove(identifiers: string[], runner?: never): Promise<void>;
}

/** The members of its PostgreSQL driver, which TypeORM does not export. */
export interface PostgresDriver {
  readonly postgres?: unknown;
  readonly master?: unknown;
  readonly slaves?: readonly unknown[];
  createQueryRunner(mode: string): TypeormQueryRunner;
}

/** Its options, by what is read of them. */
export interface Options {
  readonly cache?:
    | boolean
    | { readonly type?: string; readonly provider?: (source: never) => unknown };
  readonly synchronize?: boolean;
  readonly migrationsRun?: boolean;
  readonly dropSchema?: boolean;
}

/** The guard, over whichever `pg`. */
export type Guard = PostgresGuard<PgModule>;
