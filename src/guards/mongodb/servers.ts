import { PartywallError } from "../../errors.js";
import type { MongoServer } from "./options.js";

/** The server that `app` and `system` of the guard's options are. */
export const DEFAULT_SERVER = "default";

/** Which of a server's two logins. */
export type Login = "app" | "system";

const LOGINS: readonly Login[] = ["app", "system"];

/** Names the client of a server's login. */
export const clientKey = (server: string, login: Login): string => `${login}@${server}`;

/** The servers of a guard, by the names that placements use. */
export class Servers {
  readonly #servers: ReadonlyMap<string, MongoServer>;

  constructor(first: MongoServer, further: Readonly<Record<string, MongoServer>> = {}) {
    if (Object.hasOwn(further, DEFAULT_SERVER)) {
      throw new PartywallError(
        "PW_CONFIG",
        "guardMongo() got a server named `default` in `servers`; that name means the `app` and `system` beside it. Give it another.",
      );
    }
    this.#servers = new Map([[DEFAULT_SERVER, first], ...Object.entries(further)]);
  }

  /** Their names, the default one first. */
  names(): string[] {
    return [...this.#servers.keys()];
  }

  /** The clients of every login that was given. */
  keys(): string[] {
    return [...this.#servers].flatMap(([name, server]) =>
      LOGINS.filter((login) => server[login]).map((login) => clientKey(name, login)),
    );
  }

  /** Throws `PW_PLACEMENT` where the guard has no server of that name. */
  assertKnown(name: string): MongoServer {
    const server = this.#servers.get(name);
    if (server !== undefined) return server;
    throw new PartywallError(
      "PW_PLACEMENT",
      `There is no server ${JSON.stringify(name)} in this guard, so nothing was sent. Add it to \`servers\` of guardMongo(), or place the tenant elsewhere.`,
    );
  }

  /** The connection string of a client. Throws `PW_PLACEMENT` for an unknown server, `PW_CONFIG` where it has no such login. */
  url(key: string): string {
    const at = key.indexOf("@");
    const [login, name] = [key.slice(0, at) as Login, key.slice(at + 1)];
    const url = this.assertKnown(name)[login];
    if (url !== undefined && url !== "") return url;
    const where = name === DEFAULT_SERVER ? "" : ` for the server ${JSON.stringify(name)}`;
    throw new PartywallError(
      "PW_CONFIG",
      `guardMongo() has no \`${login}\` login${where}, so it cannot connect. Pass a connection string.`,
    );
  }
}
