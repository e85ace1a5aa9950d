import { PartywallError } from "../../errors.js";
import type { TypeormDataSource } from "../typeorm.js";
import type { Guard, Options, TypeormCacheEntry, TypeormResultCache } from "./native.js";

/** Keeps what the result cache holds apart by scope; also what setOptions() puts there later. Throws on one in a table. */
export function keyCache(guard: Guard, source: TypeormDataSource): void {
  const keyed = (cache: TypeormResultCache | undefined) => {
    if (cache === undefined) return undefined;
    assertNoTable(source.options, cache);
    return keyedCache(guard, cache);
  };
  let current = keyed(source.queryResultCache);
  Object.defineProperty(source, "queryResultCache", {
    get: () => current,
    set: (cache: TypeormResultCache | undefined) => {
      current = keyed(cache);
    },
    configurable: true,
    enumerable: true,
  });
}

// A key keeps the ORM from another tenant's entry, not a tenant's SQL from the table it lies in.
function assertNoTable({ cache }: Options, built: TypeormResultCache): void {
  const given = typeof cache === "object" ? cache : {};
  const isElsewhere = given.provider !== undefined || /^(?:io)?redis\b/.test(given.type ?? "");
  if (isElsewhere && !("queryResultCacheTable" in built)) return;
  throw new PartywallError(
    "PW_CONFIG",
    'TypeORM\'s result cache in a table (cache: true, type: "database") keeps the rows of all tenants where any tenant\'s SQL can read them. Use type "redis" or "ioredis", a provider of your own outside the database, or no cache.',
  );
}

function keyedCache(guard: Guard, cache: TypeormResultCache): TypeormResultCache {
  const key = (name: string) => JSON.stringify([guard.partition(), name]);
  const keyed = ({ identifier, query, ...entry }: TypeormCacheEntry) =>
    ({
      ...entry,
      ...(identifier && { identifier: key(identifier) }),
      ...(query && { query: key(query) }),
    }) as never;
  return {
    connect: () => cache.connect(),
    disconnect: () => cache.disconnect(),
    synchronize: (runner) => cache.synchronize(runner),
    getFromCache: async (entry, runner) => cache.getFromCache(keyed(entry), runner),
    storeInCache: async (entry, saved, runner) => cache.storeInCache(keyed(entry), saved, runner),
    isExpired: (saved) => cache.isExpired(saved),
    clear: (runner) => cache.clear(runner),
    remove: async (identifiers, runner) => cache.remove(identifiers.map(key), runner),
  };
}
