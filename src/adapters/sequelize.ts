import { PartywallError, partywallErrorOf } from "../errors.js";
import type { GuardedClient } from "../guards/postgres/client.js";
import type { PgModule, PostgresGuard } from "../guards/postgres/index.js";
import { outside } from "../scope/outside.js";

/**
 * A Sequelize 6 instance, by what {@link guardSequelize} reads and hooks of it. What `new Sequelize()` gives fits.
 *
 * @example
 * ```ts
 * import { Sequelize } from "sequelize";
 * import type { SequelizeInstance } from "partywall/adapters/sequelize";
 *
 * const instance: SequelizeInstance = new Sequelize({ dialect: "postgres" });
 * console.log(typeof instance.config);
 * ```
 */
export interface SequelizeInstance {
  readonly config: object;
  readonly connectionManager: object;
  addHook(type: "beforeSync" | "beforeBulkSync", hook: () => never): unknown;
}

interface Config {
  keepDefaultTimezone?: boolean;
  readonly dialectOptions?: object;
}

/** The members of its connection manager for PostgreSQL, which Sequelize does not declare. */
interface ConnectionManager {
  readonly lib?: unknown;
  readonly dialect: {
    Query: new (...args: never[]) => { formatError(error: Error, stack: string): Error };
    supports: object;
  };
  connect(config: Config): Promise<unknown>;
  releaseConnection(connection: GuardedClient): void;
  destroyConnection(connection: GuardedClient): Promise<void>;
}

type Guard = PostgresGuard<PgModule>;

const wired = new WeakSet<object>();

/**
 * Wires a Sequelize instance that was built with `dialectModule: guard.driver`, before its first query, and returns it:
 * opens its connections in nobody's scope and without the SETs that the guard would undo, clears them before they are lent
 * again, hands on Partywall's errors unwrapped, and has `findOrCreate` do without a temporary function. Throws `PW_GUARD_BYPASSED` for an instance over another
 * driver; `sync()` then rejects with `PW_CONFIG`.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { guardSequelize } from "partywall/adapters/sequelize";
 * import { guardPg } from "partywall/guards/postgres";
 * import pg from "pg";
 * import { Sequelize } from "sequelize";
 *
 * const { APP_URL, SYSTEM_URL, PARTYWALL_SECRET } = process.env;
 * const guard = guardPg(pg, { app: APP_URL, system: SYSTEM_URL, startup: { TimeZone: "UTC" } });
 * const pw = createPartywall({ secret: PARTYWALL_SECRET, postgres: guard });
 * const sequelize = guardSequelize(
 *   pw.postgres,
 *   new Sequelize(APP_URL ?? "", { dialect: "postgres", dialectModule: pw.postgres.driver }),
 * );
 * await pw.run({ slug: "acme" }, () => sequelize.query("select * from orders"));
 * ```
 */
export function guardSequelize<Instance extends SequelizeInstance>(
  guard: Guard,
  sequelize: Instance,
): Instance {
  const manager = sequelize.connectionManager as ConnectionManager;
  assertDriver(guard, manager);
  if (wired.has(sequelize)) return sequelize;
  (sequelize.config as Config).keepDefaultTimezone = true;
  connectInNoScope(guard, manager);
  settleOnRelease(manager);
  unwrapErrors(manager);
  leaveTemporaryFunctions(manager);
  refuseSchemaChanges(sequelize);
  wired.add(sequelize);
  return sequelize;
}

function assertDriver(guard: Guard, { lib }: ConnectionManager): void {
  if (lib === guard.driver) return;
  throw new PartywallError(
    "PW_GUARD_BYPASSED",
    'This Sequelize instance does not use this guard\'s driver, so no tenant would be put on any of its statements. Build it with { dialect: "postgres", dialectModule: pw.postgres.driver } and without dialectModulePath and native.',
  );
}

// A connection serves all tenants: what the first of them happens to be must show nowhere, neither in where the ORM asks
// for types nor in settings, which are cleared when the next tenant comes.
function connectInNoScope(guard: Guard, manager: ConnectionManager): void {
  const connect = manager.connect.bind(manager);
  manager.connect = async (config) => {
    assertDriver(guard, manager);
    const dialectOptions = { ...config.dialectOptions, clientMinMessages: "ignore" };
    try {
      return await outside(() => connect({ ...config, dialectOptions }));
    } catch (error) {
      throw partywallErrorOf(error) ?? error;
    }
  };
}

// As the guard's own pool does: what a borrower set, locked or left open is not handed to the next one.
function settleOnRelease(manager: ConnectionManager): void {
  const release = manager.releaseConnection.bind(manager);
  manager.releaseConnection = (connection) => {
    if (connection.isClean()) return release(connection);
    connection.settle((destroy) => {
      if (destroy) void manager.destroyConnection(connection);
      else release(connection);
    });
  };
}

function unwrapErrors({ dialect }: ConnectionManager): void {
  dialect.Query = class extends dialect.Query {
    override formatError(error: Error, stack: string): Error {
      const own = partywallErrorOf(error);
      if (own === undefined) return super.formatError(error, stack);
      // Sequelize notes both on what the driver throws; a Partywall error carries neither.
      Reflect.deleteProperty(own, "sql");
      Reflect.deleteProperty(own, "parameters");
      return own;
    }
  };
}

// findOrCreate would insert in a function of pg_temp, to which the application's login has no right.
function leaveTemporaryFunctions({ dialect }: ConnectionManager): void {
  dialect.supports = Object.create(dialect.supports, {
    EXCEPTION: { value: false, enumerable: true },
  }) as object;
}

function refuseSchemaChanges(sequelize: SequelizeInstance): void {
  for (const hook of ["beforeSync", "beforeBulkSync"] as const) {
    sequelize.addHook(hook, () => {
      throw new PartywallError(
        "PW_CONFIG",
        "This Sequelize instance is the application's, whose login may not change the schema. Run migrations or sync() with an instance of their own, unguarded and under the migration login (docs/guides/logins.md).",
      );
    });
  }
}
