import { PartywallError, partywallErrorOf } from "../errors.js";
import type { PgModule, PostgresGuard } from "../guards/postgres/index.js";

/** A query runner of TypeORM's, by what is hooked of it. */
interface TypeormQueryRunner {
  query(...args: never[]): Promise<unknown>;
}

/** What TypeORM hands to its result cache. */
interface TypeormCacheEntry {
  readonly identifier?: string | undefined;
  readonly query?: string | undefined;
}

/** A result cache of TypeORM's. */
interface TypeormResultCache {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  synchronize(runner?: never): Promise<void>;
  getFromCache(entry: never, runner?: never): Promise<unknown>;
  storeInCache(entry: never, saved: never, runner?: never): Promise<void>;
  isExpired(saved: never): boolean;
  clear(runner?: never): Promise<void>;
  remove(identifiers: string[], runner?: never): Promise<void>;
}

/**
 * A data source of TypeORM 1, by what {@link guardTypeorm} reads and hooks of it. What `new DataSource()` gives fits.
 *
 * @example
 * ```ts
 * import { DataSource } from "typeorm";
 * import type { TypeormDataSource } from "partywall/adapters/typeorm";
 *
 * const source: TypeormDataSource = new DataSource({ type: "postgres" });
 * console.log(typeof source.driver);
 * ```
 */
export interface TypeormDataSource {
  readonly options: object;
  readonly driver: object;
  queryResultCache?: TypeormResultCache;
  readonly relationLoader: {
    enableLazyLoad(relation: never, entity: object, runner?: never): void;
  };
  initialize(): Promise<unknown>;
  destroy(): Promise<void>;
  query(text: string): Promise<unknown>;
}

/** The members of its PostgreSQL driver, which TypeORM does not export. */
interface PostgresDriver {
  readonly postgres?: unknown;
  readonly master?: unknown;
  readonly slaves?: readonly unknown[];
  createQueryRunner(mode: string): TypeormQueryRunner;
}

interface Options {
  readonly cache?:
    | boolean
    | { readonly type?: string; readonly provider?: (source: never) => unknown };
  readonly synchronize?: boolean;
  readonly migrationsRun?: boolean;
  readonly dropSchema?: boolean;
}

type Guard = PostgresGuard<PgModule>;

const wired = new WeakSet<object>();

/**
 * Wires a TypeORM data source that was built with `driver: guard.driver`, before or after `initialize()`, and returns it:
 * keys the result cache by tenant, keeps lazy relations to the scope that loaded their entity, hands on Partywall's errors
 * unwrapped, and has `initialize()` prove that statements pass the guard. Throws `PW_GUARD_BYPASSED` for a data source over
 * another driver, `PW_CONFIG` for the result cache in a table and for `synchronize`, `migrationsRun` and `dropSchema`.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { guardTypeorm } from "partywall/adapters/typeorm";
 * import { guardPg } from "partywall/guards/postgres";
 * import pg from "pg";
 * import { DataSource } from "typeorm";
 *
 * const { APP_URL, SYSTEM_URL, PARTYWALL_SECRET } = process.env;
 * const guard = guardPg(pg, { app: APP_URL, system: SYSTEM_URL });
 * const pw = createPartywall({ secret: PARTYWALL_SECRET, postgres: guard });
 * const source = guardTypeorm(
 *   pw.postgres,
 *   new DataSource({ type: "postgres", url: APP_URL ?? "", driver: pw.postgres.driver }),
 * );
 * await source.initialize();
 * await pw.run({ slug: "acme" }, () => source.query("select * from orders"));
 * ```
 */
export function guardTypeorm<Source extends TypeormDataSource>(
  guard: Guard,
  source: Source,
): Source {
  assertDriver(guard, source);
  if (wired.has(source)) return source;
  assertSchemaIsLeft(source.options);
  keyCache(guard, source);
  bindLazyRelations(guard, source);
  unwrapErrors(source);
  refuseSchemaChanges(source);
  proveWhenInitialized(guard, source);
  wired.add(source);
  return source;
}

function assertDriver(guard: Guard, { driver }: TypeormDataSource): void {
  const { postgres, master, slaves = [] } = driver as PostgresDriver;
  const pools = master === undefined ? slaves : [master, ...slaves];
  if (postgres === guard.driver && pools.every((pool) => pool instanceof guard.Pool)) return;
  throw new PartywallError(
    "PW_GUARD_BYPASSED",
    'This TypeORM data source does not use this guard\'s driver, so no tenant would be put on any of its statements. Build it with { type: "postgres", driver: pw.postgres.driver } and without nativeDriver.',
  );
}

function schemaChange(): PartywallError {
  return new PartywallError(
    "PW_CONFIG",
    "This TypeORM data source is the application's, whose login may not change the schema. Leave out synchronize, migrationsRun and dropSchema, and run migrations with a data source of their own, unguarded and under the migration login (docs/guides/logins.md).",
  );
}

function assertSchemaIsLeft(options: Options): void {
  if (options.synchronize || options.migrationsRun || options.dropSchema) throw schemaChange();
}

const SCHEMA_CHANGES = [
  "synchronize",
  "dropDatabase",
  "runMigrations",
  "undoLastMigration",
  "showMigrations",
] as const;

function refuseSchemaChanges(source: TypeormDataSource): void {
  for (const name of SCHEMA_CHANGES) {
    Object.defineProperty(source, name, {
      value: () => Promise.reject(schemaChange()),
      configurable: true,
    });
  }
}

// Also what setOptions() puts there later.
function keyCache(guard: Guard, source: TypeormDataSource): void {
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

// What TypeORM loads into an entity later belongs to who loaded the entity: the same keys lead to other rows elsewhere, and
// what was loaded stays on the entity.
function bindLazyRelations(guard: Guard, { relationLoader }: TypeormDataSource): void {
  const owners = new WeakMap<object, string>();
  const enable = relationLoader.enableLazyLoad.bind(relationLoader);
  relationLoader.enableLazyLoad = (relation, entity, runner) => {
    enable(relation, entity, runner);
    const { propertyName } = relation as { readonly propertyName: string };
    const property = Object.getOwnPropertyDescriptor(entity, propertyName);
    // An entity may be made before any scope is open; it belongs to the first that loads into it.
    if (guard.scope() !== undefined) owners.set(entity, guard.partition());
    Object.defineProperty(entity, propertyName, {
      ...property,
      get(this: Record<string, unknown>): unknown {
        if (!isLoaded(this, propertyName)) {
          try {
            const current = guard.partition();
            const owner = owners.get(this) ?? current;
            if (owner !== current) throw foreignEntity();
            owners.set(this, owner);
          } catch (error) {
            // Before TypeORM, which would keep the rejected promise on the entity and leave it unhandled.
            return Promise.reject(error as Error);
          }
        }
        return property?.get?.call(this);
      },
    });
  };
}

function isLoaded(entity: Record<string, unknown>, name: string): boolean {
  return (
    entity[`__has_${name}__`] === true ||
    entity[`__${name}__`] !== undefined ||
    entity[`__promise_${name}__`] !== undefined
  );
}

function foreignEntity(): PartywallError {
  return new PartywallError(
    "PW_SCOPE_SWITCH",
    "A lazy relation was read in another scope than the one that loaded its entity, so nothing was sent. Load the entity in this scope.",
  );
}

function unwrapErrors({ driver }: TypeormDataSource): void {
  const postgres = driver as PostgresDriver;
  const createQueryRunner = postgres.createQueryRunner.bind(postgres);
  postgres.createQueryRunner = (mode) => {
    const runner = createQueryRunner(mode);
    const query = runner.query.bind(runner);
    runner.query = async (...args) => {
      try {
        return await query(...args);
      } catch (error) {
        throw partywallErrorOf(error) ?? error;
      }
    };
    return runner;
  };
}

function proveWhenInitialized(guard: Guard, source: TypeormDataSource): void {
  const initialize = source.initialize.bind(source);
  source.initialize = async () => {
    assertSchemaIsLeft(source.options);
    await initialize();
    try {
      assertDriver(guard, source);
      await guard.assertWired((text) => source.query(text));
    } catch (error) {
      await source.destroy();
      throw error;
    }
    return source;
  };
}
