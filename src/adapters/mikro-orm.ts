import { partywallErrorOf, PartywallError } from "../errors.js";
import type { PgModule, PostgresGuard } from "../guards/postgres/index.js";
import type { LendingPool } from "./lent-client.js";
import {
  scopedEntityManager,
  type EntityManagerClass,
  type EntityManagerLike,
} from "./mikro-orm/entity-managers.js";
import { lendThrough, type NativePool } from "./mikro-orm/lending-pool.js";
import { PartitionedCache, type CacheAdapterLike } from "./mikro-orm/result-cache.js";
import { replicaPool } from "./replica-pool.js";

/** The slice of a connection of MikroORM's that `guardMikroOrm` uses. */
export interface MikroConnection {
  getClient(): unknown;
  getConnectionOptions(): object;
}

/** The slice of `MikroORM` that `guardMikroOrm` uses; one of `@mikro-orm/postgresql` fits. */
export interface MikroOrmLike {
  readonly em: object;
  readonly config: object;
  readonly driver: { getPlatform(): object };
}

interface Dialects {
  createKyselyDialect?(overrides: object): unknown;
}

interface Internals {
  readonly em: EntityManagerLike & { readonly constructor: EntityManagerClass };
  readonly config: {
    get(option: string): unknown;
    set(option: string, value: unknown): void;
    getResultCacheAdapter(): CacheAdapterLike;
  };
  readonly driver: {
    readonly connection: MikroConnection & Dialects & { readonly options: Options };
    readonly replicas: readonly (MikroConnection & Dialects & { readonly options: Options })[];
    convertException(exception: Error): Error;
    getPlatform(): { getExceptionConverter(): { convertException(exception: Error): Error } };
  };
}

interface Options {
  readonly driverOptions?: unknown;
}

const guarded = new WeakMap<object, PostgresGuard<PgModule>>();

/**
 * Puts a MikroORM 7 over the guard, and returns it: its connections are the guard's, under the guard's logins; its entity
 * managers, with their identity maps, units of work and data loaders, answer to one scope each; its result cache is kept
 * apart by tenant; errors are Partywall's own where the wall refused. Call it once, when the ORM is made and before it is
 * used.
 *
 * Throws `PW_GUARD_BYPASSED` where the ORM has connections already, or a Kysely instance or dialect of its own, and
 * `PW_CONFIG` where it is not for PostgreSQL, belongs to another guard or sets `sessionContext: "connection"`.
 *
 * @example
 * ```ts
 * import { defineEntity, MikroORM, p } from "@mikro-orm/postgresql";
 * import { createPartywall } from "partywall";
 * import { guardMikroOrm } from "partywall/adapters/mikro-orm";
 * import { guardPg } from "partywall/guards/postgres";
 * import pg from "pg";
 *
 * const Order = defineEntity({
 *   name: "Order",
 *   properties: { id: p.integer().primary(), note: p.string() },
 * });
 * const pw = createPartywall({
 *   secret: process.env["PARTYWALL_SECRET"],
 *   postgres: guardPg(pg, { app: process.env["APP_URL"], system: process.env["SYSTEM_URL"] }),
 * });
 * export const orm = guardMikroOrm(
 *   pw.postgres,
 *   new MikroORM({ entities: [Order], dbName: "shop" }),
 * );
 * await pw.run("acme", () => orm.em.find(Order, {}));
 * ```
 */
export function guardMikroOrm<Orm extends MikroOrmLike>(
  guard: PostgresGuard<PgModule>,
  orm: Orm,
): Orm {
  const owner = guarded.get(orm);
  if (owner === guard) return orm;
  const { config, driver, em } = orm as unknown as Internals;
  assertOptions(orm as unknown as Internals, owner);
  const connections = [driver.connection, ...driver.replicas];
  for (const connection of connections) {
    lendTo(guard, connection, connection !== driver.connection);
  }
  // The application's login creates no database.
  config.set("ensureDatabase", false);

  const kept = config.getResultCacheAdapter();
  const cache = new PartitionedCache(kept, guard);
  config.getResultCacheAdapter = () => cache;
  const Scoped = scopedEntityManager(em.constructor, guard);
  config.set("entityManager", Scoped);
  Object.setPrototypeOf(em, Scoped.prototype as object);

  const converter = driver.getPlatform().getExceptionConverter();
  const convert = converter.convertException.bind(converter);
  converter.convertException = (exception) => partywallErrorOf(exception) ?? convert(exception);
  guarded.set(orm, guard);
  return orm;
}

function assertOptions({ config, driver }: Internals, owner: object | undefined): void {
  if (owner !== undefined) {
    throw new PartywallError(
      "PW_CONFIG",
      "guardMikroOrm() got a MikroORM that another guard has already. Make one for each.",
    );
  }
  if (typeof driver.connection.createKyselyDialect !== "function") {
    throw new PartywallError(
      "PW_CONFIG",
      "guardMikroOrm() got a MikroORM that is not for PostgreSQL. Take `MikroORM` from @mikro-orm/postgresql 7.",
    );
  }
  if (config.get("sessionContext") === "connection") {
    throw new PartywallError(
      "PW_CONFIG",
      'guardMikroOrm() got a MikroORM with `sessionContext: "connection"`, which resets and sets the session of a connection whenever one is lent, outside any transaction. Use "transaction", its default.',
    );
  }
  for (const { options } of [driver.connection, ...driver.replicas]) {
    const given = options.driverOptions ?? config.get("driverOptions");
    const isOwn =
      typeof given === "object" &&
      given !== null &&
      ("createDriver" in given || "getExecutor" in given);
    if (isOwn || typeof given === "function") {
      throw bypassed("has a Kysely instance, dialect or function in `driverOptions`");
    }
  }
}

function bypassed(why: string): PartywallError {
  return new PartywallError(
    "PW_GUARD_BYPASSED",
    `guardMikroOrm() got a MikroORM that ${why}, so what it sends would not pass the guard. Leave that out, and call guardMikroOrm() with the ORM as it was made.`,
  );
}

function lendTo(
  guard: PostgresGuard<PgModule>,
  connection: MikroConnection & Dialects,
  isReplica: boolean,
): void {
  const create = connection.createKyselyDialect?.bind(connection);
  let isLent = false;
  connection.createKyselyDialect = (overrides) => {
    const { onPoolCreated } = overrides as { onPoolCreated?: (pool: unknown) => unknown };
    const lend = (pool: NativePool) => {
      isLent = true;
      if (isReplica) {
        const { host, port, max } = pool.options as {
          readonly host: string;
          readonly port: number;
          readonly max?: number;
        };
        const replica = replicaPool(guard, { host, port, max });
        lendThrough(pool, replica, () => replica.end());
      } else {
        lendThrough(pool, guard.pool as LendingPool, () => Promise.resolve());
      }
      return onPoolCreated?.(pool);
    };
    return create?.({ ...overrides, onPoolCreated: lend });
  };
  // Opens no socket; it only makes the pool, if there is none yet.
  connection.getClient();
  if (!isLent) throw bypassed("has connections already");
}
