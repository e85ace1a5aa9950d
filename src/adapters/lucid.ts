import { PartywallError } from "../errors.js";
import type { PgModule, PostgresGuard } from "../guards/postgres/index.js";
import { guardKnex } from "./knex.js";
import { replicaPool } from "./replica-pool.js";

/** The slice of a connection of Lucid's that `guardLucid` uses. */
export interface LucidConnection {
  readonly name: string;
  readonly clientName: string;
  readonly client?: object | undefined;
  readonly readClient?: object | undefined;
  readonly readReplicas: readonly unknown[];
  on(event: "disconnect", listener: () => void): unknown;
  disconnect(): Promise<void>;
}

/** The slice of Lucid's `Database` that `guardLucid` uses. */
export interface LucidDatabaseLike {
  readonly manager: {
    readonly connections: ReadonlyMap<
      string,
      { readonly config: { readonly client: unknown }; readonly connection?: object | undefined }
    >;
    connect(name: string): void;
  };
}

/** Options of {@link guardLucid}. */
export interface GuardLucidOptions {
  /**
   * Names of the connections to guard; others are left as they are, past the guard, which is for migrations. Default: all
   * that there are or will be, each of which must be to PostgreSQL.
   */
  readonly connections?: readonly string[];
}

type Guard = PostgresGuard<PgModule>;

const guarded = new WeakMap<object, Guard>();
const PG = new Set<unknown>(["pg", "postgres", "postgresql"]);

/**
 * Puts a `Database` of Lucid 22 over the guard, and returns it: its connections, those made later and again among them, lend
 * connections of the guard's, under the guard's logins. Call it where the database is made, before it is used.
 *
 * Throws `PW_GUARD_BYPASSED` where a connection was used before, and `PW_CONFIG` for one that is not to PostgreSQL, has
 * settings that {@link guardKnex} refuses, or belongs to another guard; for a connection that is added later, when it is used.
 *
 * @example
 * ```ts
 * import { Database } from "@adonisjs/lucid/database";
 * import type { ApplicationService } from "@adonisjs/core/types";
 * import { createPartywall } from "partywall";
 * import { guardLucid } from "partywall/adapters/lucid";
 * import { guardPg } from "partywall/guards/postgres";
 * import pg from "pg";
 *
 * export const pw = createPartywall({
 *   secret: process.env["PARTYWALL_SECRET"],
 *   postgres: guardPg(pg, { app: process.env["APP_URL"], system: process.env["SYSTEM_URL"] }),
 * });
 *
 * export default class TenancyProvider {
 *   constructor(protected app: ApplicationService) {}
 *
 *   async boot() {
 *     guardLucid(pw.postgres, await this.app.container.make(Database), { connections: ["postgres"] });
 *   }
 * }
 * ```
 */
export function guardLucid<Database extends LucidDatabaseLike>(
  guard: Guard,
  db: Database,
  options: GuardLucidOptions = {},
): Database {
  const owner = guarded.get(db);
  if (owner === guard) return db;
  if (owner !== undefined) {
    throw new PartywallError(
      "PW_CONFIG",
      "guardLucid() got a database that another guard has already. Make one for each.",
    );
  }
  const { manager } = db;
  const { connections: names } = options;
  const known = new WeakSet<object>();
  const isGuarded = (name: string) => names === undefined || names.includes(name);

  const cover = (name: string) => {
    const connection = manager.connections.get(name)?.connection as LucidConnection | undefined;
    if (connection === undefined || known.has(connection) || !isGuarded(name)) return;
    coverConnection(guard, connection);
    known.add(connection);
  };

  for (const name of names ?? []) assertNamed(manager.connections.has(name), name);
  for (const [name, { config }] of manager.connections) {
    if (isGuarded(name)) assertDialect(name, config.client);
  }
  for (const name of manager.connections.keys()) cover(name);

  const connect = manager.connect.bind(manager);
  manager.connect = (name) => {
    const registered = manager.connections.get(name);
    // Before it connects, or what it made would stay behind unguarded.
    if (registered !== undefined && isGuarded(name)) assertDialect(name, registered.config.client);
    connect(name);
    try {
      cover(name);
    } catch (error) {
      const { connection } = manager.connections.get(name) ?? {};
      void (connection as LucidConnection | undefined)?.disconnect();
      throw error;
    }
  };
  guarded.set(db, guard);
  return db;
}

interface Knex {
  readonly client: {
    readonly pool?: { numUsed(): number; numFree(): number; destroy(): Promise<unknown> };
    destroy(callback?: (error?: unknown) => void): Promise<unknown>;
  };
}

function coverConnection(guard: Guard, connection: LucidConnection): void {
  const { client, readClient, readReplicas, name } = connection;
  coverKnex(guard, client as Knex, name);
  if (readClient === client) return;
  const replicas = readReplicas.map((one) => replicaPool(guard, addressOf(one, name)));
  let turn = 0;
  const reading = {
    driver: guard.driver,
    assertWired: guard.assertWired.bind(guard),
    get pool() {
      turn += 1;
      return replicas[turn % replicas.length];
    },
  };
  coverKnex(reading as unknown as Guard, readClient as Knex, name);
  connection.on("disconnect", () => {
    for (const replica of replicas.splice(0)) void replica.end();
  });
}

function coverKnex(guard: Guard, knex: Knex, name: string): void {
  const { client } = knex;
  const { pool } = client;
  if ((pool?.numUsed() ?? 0) + (pool?.numFree() ?? 0) > 0) {
    throw new PartywallError(
      "PW_GUARD_BYPASSED",
      `guardLucid() got a database whose connection ${JSON.stringify(name)} was used before, past the guard. Call guardLucid() where the database is made.`,
    );
  }
  try {
    guardKnex(guard, knex);
  } catch (error) {
    if (!(error instanceof PartywallError)) throw error;
    throw new PartywallError(
      error.code,
      `guardLucid() cannot guard the connection ${JSON.stringify(name)}. ${error.message}`,
      { cause: error },
    );
  }
  // By the end of the pool that Knex made at first, Lucid knows that a connection has ended.
  const destroy = client.destroy.bind(client);
  client.destroy = async (callback) => {
    await destroy();
    await pool?.destroy();
    callback?.();
  };
}

function addressOf(config: unknown, name: string): { host: string; port: number } {
  const url =
    typeof config === "string"
      ? config
      : (config as { connectionString?: string }).connectionString;
  const { host, port } =
    url === undefined
      ? (config as { host?: string; port?: number | string })
      : { host: new URL(url).hostname, port: Number(new URL(url).port || 5432) };
  if (typeof host === "string") return { host, port: Number(port ?? 5432) };
  throw new PartywallError(
    "PW_CONFIG",
    `guardLucid() got the connection ${JSON.stringify(name)} with a read replica that names no host.`,
  );
}

function assertDialect(name: string, client: unknown): void {
  if (PG.has(client)) return;
  throw new PartywallError(
    "PW_CONFIG",
    `guardLucid() got the connection ${JSON.stringify(name)}, which is not one to PostgreSQL. Name the connections to guard in \`connections\`.`,
  );
}

function assertNamed(isThere: boolean, name: string): void {
  if (isThere) return;
  throw new PartywallError(
    "PW_CONFIG",
    `guardLucid() was told to guard the connection ${JSON.stringify(name)}, and there is none of that name.`,
  );
}
