import { createHash } from "node:crypto";
import { PartywallError } from "../../errors.js";
import type { PgModule } from "../../guards/postgres/driver.js";
import type { PostgresGuard } from "../../guards/postgres/guard.js";

/** Drizzle's `Cache`, by the methods that Drizzle calls. */
export interface DrizzleCache {
  strategy(): "explicit" | "all";
  get(
    key: string,
    tables: string[],
    isTag: boolean,
    isAutoInvalidate?: boolean,
  ): Promise<unknown[] | undefined>;
  put(
    key: string,
    response: unknown,
    tables: string[],
    isTag: boolean,
    config?: object,
  ): Promise<void>;
  onMutate(mutation: DrizzleMutation): Promise<void>;
}

/** What was changed: names of tables or Drizzle's tables, and tags of cached queries. */
export interface DrizzleMutation {
  readonly tags?: string | string[];
  readonly tables?: object | string | (object | string)[];
}

type Partitioned = Pick<PostgresGuard<PgModule>, "partition">;

const GUARDS = new WeakMap<object, object>();

/** Whether a cache is one of {@link tenantCache} over this guard. */
export const isCacheOf = (guard: object, cache: object): boolean => GUARDS.get(cache) === guard;

/**
 * A cache for Drizzle that keeps rows apart by the scope they were read in: each tenant, central scopes and system scopes
 * have entries, tables and tags of their own in the cache that is given. A tenant's write invalidates what its own scopes
 * cached; a write in a central or system scope invalidates what any scope cached of the table. Outside any scope every
 * method rejects with `PW_NO_SCOPE`, a hit too.
 *
 * @example
 * ```ts
 * import type { Cache } from "drizzle-orm/cache/core";
 * import { drizzle } from "drizzle-orm/node-postgres";
 * import { createPartywall } from "partywall";
 * import { guardDrizzle, tenantCache } from "partywall/adapters/drizzle";
 * import { guardPg } from "partywall/guards/postgres";
 * import pg from "pg";
 *
 * declare const cache: Cache; // of Upstash, or yours
 * const pw = createPartywall({ postgres: guardPg(pg, { app: process.env["APP_URL"] }) });
 *
 * export const db = guardDrizzle(
 *   pw.postgres,
 *   drizzle({ client: pw.postgres.pool, cache: tenantCache(pw.postgres, cache) }),
 * );
 * ```
 */
export function tenantCache(guard: Partitioned, cache: DrizzleCache): DrizzleCache {
  // Closures, since Drizzle hands `onMutate` on as db.$cache.invalidate; async, since it calls it with a query under way,
  // whose own rejection would go unheard if this threw.
  const partitioned: DrizzleCache = {
    strategy: () => cache.strategy(),
    get: async (key, tables, ...rest) => {
      const scope = partitionOf(guard);
      return cache.get(scope.own(key), tables.flatMap(scope.read), ...rest);
    },
    put: async (key, response, tables, ...rest) => {
      const scope = partitionOf(guard);
      await cache.put(scope.own(key), response, tables.flatMap(scope.read), ...rest);
    },
    onMutate: async ({ tags = [], tables = [] }) => {
      const scope = partitionOf(guard);
      await cache.onMutate({
        tags: [tags].flat().map(scope.own),
        tables: [tables].flat().map(nameOf).flatMap(scope.written),
      });
    },
  };
  GUARDS.set(partitioned, guard);
  return partitioned;
}

// A partition's names begin with a hash of one length, so none can be written to read like another's.
function partitionOf(guard: Partitioned) {
  const partition = guard.partition();
  const prefix = createHash("sha256").update(partition).digest("hex");
  const own = (name: string) => `${prefix}.${name}`;
  const isTenant = partition.startsWith("tenant:");
  const ofTenants = (name: string) => `tenants.${name}`;
  const ofOthers = (name: string) => `others.${name}`;
  return {
    own,
    /** Names under which a write to the table finds what is read of it here. */
    read: (table: string) => [own(table), (isTenant ? ofTenants : ofOthers)(table)],
    /** Names of all that a write here may make stale and that may be told of it. */
    written: (table: string) =>
      isTenant ? [own(table), ofOthers(table)] : [ofTenants(table), ofOthers(table)],
  };
}

const SCHEMA = Symbol.for("drizzle:Schema");
const BASE_NAME = Symbol.for("drizzle:BaseName");

// As Drizzle itself names the tables of a query.
function nameOf(table: object | string): string {
  if (typeof table === "string") return table;
  const schema = Reflect.get(table, SCHEMA) as unknown;
  const name = Reflect.get(table, BASE_NAME) as unknown;
  if (typeof name === "string") return typeof schema === "string" ? `${schema}.${name}` : name;
  throw new PartywallError(
    "PW_CONFIG",
    "A cache of tenantCache() was told to invalidate something that is neither the name of a table nor a table of Drizzle's. Give it one of these.",
  );
}
