import { PartywallError } from "../../errors.js";
import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { DEFAULT_SERVER } from "../../guards/postgres/place.js";
import type { PgLogin } from "../../guards/postgres/servers.js";

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
}
