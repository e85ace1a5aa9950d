import { PartywallError } from "../../errors.js";
import { DEFAULT_SERVER } from "./place.js";

/** Where a login connects: a connection string or a `pg` pool configuration. */
export type PgLogin = string | Readonly<Record<string, unknown>>;

/** One server on which tenants may be placed. */
export interface PgServer {
  /** The application's login. May be missing while a build imports the module; the first use then throws. */
  readonly app: PgLogin | undefined;
  /** The system login, for `pw.system()` and for admitting tenants. */
  readonly system?: PgLogin | undefined;
  /**
   * Whether tenants share the database that the logins name, by row or by schema; default true. `false` for a server
   * that only holds databases of single tenants: nothing is asked of that database but to admit them.
   */
  readonly shared?: boolean;
}

/** The servers of a guard, by the names that placements use. */
export class Servers {
  readonly #servers: ReadonlyMap<string, PgServer>;

  constructor(first: PgServer, further: Readonly<Record<string, PgServer>> = {}) {
    if (Object.hasOwn(further, DEFAULT_SERVER)) {
      throw new PartywallError(
        "PW_CONFIG",
        "guardPg() got a server named `default` in `servers`; that name means the `app` and `system` beside it. Give it another.",
      );
    }
    this.#servers = new Map([[DEFAULT_SERVER, first], ...Object.entries(further)]);
  }

  /** Their names, the default one first. */
  names(): string[] {
    return [...this.#servers.keys()];
  }

  /** A server by name. Throws `PW_PLACEMENT` where the guard has none of that name. */
  get(name: string): PgServer {
    const server = this.#servers.get(name);
    if (server !== undefined) return server;
    throw new PartywallError(
      "PW_PLACEMENT",
      `There is no server ${JSON.stringify(name)} in this guard, so nothing was sent. Add it to \`servers\` of guardPg(), or place the tenant elsewhere.`,
    );
  }

  /** The pool configuration of a server's login. Throws `PW_PLACEMENT` for an unknown server, `PW_CONFIG` where it has no such login. */
  login(name: string, which: "app" | "system"): Readonly<Record<string, unknown>> {
    const login = this.get(name)[which];
    if (login !== undefined && login !== "") {
      return typeof login === "string" ? { connectionString: login } : login;
    }
    const where = name === DEFAULT_SERVER ? "" : ` for the server ${JSON.stringify(name)}`;
    throw new PartywallError(
      "PW_CONFIG",
      `guardPg() has no \`${which}\` login${where}, so it cannot connect. Pass a connection string or a pg configuration (docs/guides/logins.md).`,
    );
  }
}
