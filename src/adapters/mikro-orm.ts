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
import { replicaPool, type ReplicaAddress } from "./replica-pool.js";

interface Connection {
  readonly options: { readonly driverOptions?: unknown };
  getClient(): unknown;
  createKyselyDialect?(overrides: object): unknown;
}

/** The slice of `MikroORM` that is guarded. */
interface MikroOrm {
  readonly config: {
    get(option: string): unknown;
    set(option: string, value: unknown): void;
    getResultCacheAdapter(): CacheAdapterLike;
  };
  readonly driver: {
    readonly connection: Connection;
    readonly replicas: readonly Connection[];
    createEntityManager(...parts: unknown[]): EntityManagerLike;
    getPlatform(): { getExceptionConverter(): { convertException(exception: Error): Error } };
  };
}

const guarded = new WeakMap<object, PostgresGuard<PgModule>>();

/**
 * Puts a MikroORM 7 over the guard: returns its options with what does so, for `MikroORM.init()` or the constructor. Its
 * connections are the guard's, under the guard's logins; its entity managers, with their identity maps, units of work and
 * data loaders, answer to one scope each; its result cache is kept apart by tenant; errors are Partywall's own where the
 * wall refused.
 *
 * The constructor then throws `PW_GUARD_BYPASSED` where the ORM has a Kysely instance or dialect of its own, and
 * `PW_CONFIG` where it is not for PostgreSQL, has two guards or sets `sessionContext: "connection"`.
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
 * export const orm = new MikroORM(
 *   guardMikroOrm(pw.postgres, { entities: [Order], dbName: "shop" }),
 * );
 * await pw.run("acme", () => orm.em.find(Order, {}));
 * ```
 */
export function guardMikroOrm<Options extends object>(
  guard: PostgresGuard<PgModule>,
  options: Options,
): Options {
  const { driverOptions, extensions = [] } = options as {
    readonly driverOptions?: unknown;
    readonly extensions?: readonly object[];
  };
  // MikroORM registers its extensions when all but its entity managers is made.
  const plain = isPlain(driverOptions) ? driverOptions : undefined;
  const Guarded = {
    name: "Partywall",
    register: (orm: MikroOrm) => cover(guard, orm, plain?.onPoolCreated),
  };
  return {
    ...options,
    extensions: [...extensions, Guarded],
    driverOptions: isPlain(driverOptions)
      ? { ...driverOptions, onPoolCreated: refusePool }
      : driverOptions,
  };
}

/** Options of the driver that are no connections of its own. */
interface PlainOptions {
  readonly onPoolCreated?: PoolHook | undefined;
}

type PoolHook = (pool: never) => unknown;

const isPlain = (given: unknown): given is PlainOptions | undefined =>
  given === undefined ||
  (typeof given === "object" &&
    given !== null &&
    !("createDriver" in given || "getExecutor" in given));

// What has lost the extension on its way to MikroORM connects to nothing.
function refusePool(pool: { connect: unknown; query: unknown }): void {
  pool.connect = pool.query = () => Promise.reject(bypassed("lost the extension it was given"));
}

function cover(
  guard: PostgresGuard<PgModule>,
  orm: MikroOrm,
  onPoolCreated: PoolHook | undefined,
): void {
  const owner = guarded.get(orm);
  if (owner === guard) return;
  assertOptions(orm, owner);
  const { config, driver } = orm;
  for (const connection of [driver.connection, ...driver.replicas]) {
    const isReplica = connection !== driver.connection;
    lendTo(guard, connection, { isReplica, onPoolCreated });
  }
  // The application's login creates no database.
  config.set("ensureDatabase", false);

  const cache = new PartitionedCache(config.getResultCacheAdapter(), guard);
  config.getResultCacheAdapter = () => cache;
  const create = driver.createEntityManager.bind(driver);
  driver.createEntityManager = (...parts) => {
    const em = create(...parts);
    const Scoped = scopedEntityManager(em.constructor as EntityManagerClass, guard);
    // Whatever comes after is made of it.
    config.set("entityManager", Scoped);
    driver.createEntityManager = create;
    return Object.setPrototypeOf(em, Scoped.prototype as object) as EntityManagerLike;
  };

  const converter = driver.getPlatform().getExceptionConverter();
  const convert = converter.convertException.bind(converter);
  converter.convertException = (exception) => partywallErrorOf(exception) ?? convert(exception);
  guarded.set(orm, guard);
}

function assertOptions({ config, driver }: MikroOrm, owner: object | undefined): void {
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
    if (!isPlain(given))
      throw bypassed("has a Kysely instance, dialect or function in `driverOptions`");
  }
}

function bypassed(why: string): PartywallError {
  return new PartywallError(
    "PW_GUARD_BYPASSED",
    `guardMikroOrm() got a MikroORM that ${why}, so what it sends would not pass the guard. Leave \`driverOptions\` out, and hand MikroORM what guardMikroOrm() returned, with no other \`extensions\`.`,
  );
}

function lendTo(
  guard: PostgresGuard<PgModule>,
  connection: Connection,
  how: { readonly isReplica: boolean; readonly onPoolCreated: PoolHook | undefined },
): void {
  const create = connection.createKyselyDialect?.bind(connection);
  let isLent = false;
  connection.createKyselyDialect = (overrides) => {
    const own = (overrides as PlainOptions | undefined)?.onPoolCreated;
    const lend = (pool: NativePool) => {
      isLent = true;
      const replica = how.isReplica
        ? replicaPool(guard, pool.options as ReplicaAddress)
        : undefined;
      lendThrough(pool, replica ?? (guard.pool as LendingPool), async () => replica?.end());
      return (own === refusePool ? how.onPoolCreated : own)?.(pool as never);
    };
    return create?.({ ...overrides, onPoolCreated: lend });
  };
  // Opens no socket; it only makes the pool.
  connection.getClient();
  if (!isLent) throw bypassed("makes its connections in another way");
}
