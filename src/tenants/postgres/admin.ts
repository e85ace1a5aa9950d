import { createHash } from "node:crypto";
import { PartywallError } from "../../errors.js";
import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { DEFAULT_SERVER } from "../../guards/postgres/place.js";
import type { PgLogin } from "../../guards/postgres/servers.js";

const LONGEST_WAIT_MS = 300_000;

/** The slice of `pg.Client` that is used here. */
export interface AdminClient extends SqlClient {
  connect(): Promise<unknown>;
  on(event: "error", listener: () => void): unknown;
  end(): Promise<void>;
}

/** The slice of the caller's `pg` that is used here; never the guarded one. */
export interface AdminPg {
  readonly Client: new (config: Record<string, unknown>) => AdminClient;
}

/** The logins that may create homes, by server. */
export class Admins {
  readonly #pg: AdminPg;
  readonly #logins: ReadonlyMap<string, PgLogin | undefined>;

  constructor(
    pg: AdminPg,
    first: PgLogin | undefined,
    further: Readonly<Record<string, PgLogin | undefined>> = {},
  ) {
    this.#pg = pg;
    this.#logins = new Map([...Object.entries(further), [DEFAULT_SERVER, first]]);
  }

  /** The servers' names, the default one first. */
  names(): string[] {
    return [DEFAULT_SERVER, ...[...this.#logins.keys()].filter((name) => name !== DEFAULT_SERVER)];
  }

  /** The `pg` configuration of a server's admin, in its own database or another. Throws `PW_PLACEMENT` or `PW_CONFIG`. */
  config(server: string = DEFAULT_SERVER, database?: string): Record<string, unknown> {
    if (!this.#logins.has(server)) {
      throw new PartywallError(
        "PW_PLACEMENT",
        `The provisioner has no server ${JSON.stringify(server)}. Add it to \`servers\`, or place the tenant elsewhere.`,
      );
    }
    const login = this.#logins.get(server);
    if (login === undefined || login === "") {
      throw new PartywallError(
        "PW_CONFIG",
        `The provisioner has no admin login for the server ${JSON.stringify(server)}. Pass a connection string or a pg configuration of a login that may create schemas or databases.`,
      );
    }
    const config: Record<string, unknown> =
      typeof login === "string" ? { connectionString: login } : { ...login };
    if (database === undefined) return config;
    // The database of a connection string would win over the one beside it.
    const { connectionString } = config;
    if (typeof connectionString !== "string") return { ...config, database };
    const url = new URL(connectionString);
    url.pathname = `/${encodeURIComponent(database)}`;
    return { ...config, connectionString: url.href };
  }

  /** Runs `work` with a connection of its own, closed afterwards. */
  async with<T>(
    server: string | undefined,
    database: string | undefined,
    work: (client: AdminClient) => Promise<T>,
  ): Promise<T> {
    const client = new this.#pg.Client(this.config(server, database));
    // A connection that breaks is told to whoever waits for its answer; unheard, the event would end the process.
    client.on("error", () => undefined);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /**
   * Runs `work` while nobody else works on the same home; who comes second waits. The lock ends with the connection, so
   * also with the process.
   */
  alone<T>(
    server: string | undefined,
    home: string,
    work: (client: AdminClient) => Promise<T>,
  ): Promise<T> {
    return this.with(server, undefined, async (client) => {
      await client.query(`set lock_timeout = ${LONGEST_WAIT_MS}`);
      try {
        await client.query("select pg_catalog.pg_advisory_lock($1)", [lockKey(home)]);
      } catch (cause) {
        if ((cause as { code?: unknown }).code !== "55P03") throw cause;
        throw new PartywallError(
          "PW_PROVISION_FAILED",
          `Another process has been working on the ${home} for ${LONGEST_WAIT_MS / 60_000} minutes. Nothing was done. See what it waits for, and try again.`,
          { cause },
        );
      }
      await client.query("reset lock_timeout");
      return work(client);
    });
  }
}

/** What the advisory lock on the marks of vacant homes is called. */
export const vacantLock = (strategy: "schema" | "database"): string => `vacant ${strategy}s`;

/** A key for an advisory lock. */
export function lockKey(what: string): string {
  return createHash("sha256").update(`partywall ${what}`).digest().readBigInt64BE().toString();
}

/** Runs `work` in a transaction of its own. */
export async function transaction<T>(client: SqlClient, work: () => Promise<T>): Promise<T> {
  await client.query("begin");
  try {
    const result = await work();
    await client.query("commit");
    return result;
  } catch (error) {
    // A connection that broke cannot be rolled back either; what broke it is what must be told.
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}
