import type { Duplex } from "node:stream";
import { PartywallError } from "../errors.js";
import { PgliteTurns, type PgliteDatabase } from "./pglite/turns.js";
import { PgliteConnection } from "./pglite/connection.js";

export type { PgliteDatabase } from "./pglite/turns.js";

/** Options of {@link pgliteLogins}. */
export interface PgliteLoginsOptions {
  /** Says that this is no production: PGlite lets SQL take any role, so the wall does not stand. */
  readonly development: true;
  /**
   * How long a connection waits while another one's transaction has the database, in milliseconds; default 10,000. It
   * then fails with `PW_POOL_EXHAUSTED`.
   */
  readonly waitMs?: number;
}

/** A `pg` configuration that connects to PGlite under a role. */
export interface PgliteLogin {
  readonly user: string;
  readonly host: string;
  readonly stream: () => Duplex;
  readonly [option: string]: unknown;
}

const TURNS = new WeakMap<PgliteDatabase, PgliteTurns>();

/**
 * Makes logins to a PGlite database, **for development only**: `pg` connects to it in the process, each connection under
 * the role it names, and each transaction has the database to itself. SQL of a tenant can take any role (`RESET ROLE`)
 * and then reads every tenant's rows, so `pw.ready()` refuses with `PW_GUARD_BYPASSED`. What is done through the PGlite
 * object itself, beside these logins, runs under whatever role was last. Nothing is opened before the first use.
 *
 * Throws `PW_CONFIG` where `NODE_ENV` is `production`, without `development: true`, and for what is not a PGlite.
 *
 * @example
 * ```ts
 * import { PGlite } from "@electric-sql/pglite";
 * import { createPartywall } from "partywall";
 * import { pgliteLogins } from "partywall/adapters/pglite";
 * import { guardPg } from "partywall/guards/postgres";
 * import pg from "pg";
 *
 * const login = pgliteLogins(new PGlite("./dev-data"), { development: true });
 * export const pw = createPartywall({
 *   secret: process.env["PARTYWALL_SECRET"],
 *   postgres: guardPg(pg, { app: login("shop_app"), system: login("shop_system") }),
 * });
 * ```
 */
export function pgliteLogins(
  database: PgliteDatabase,
  options: PgliteLoginsOptions,
): (role: string) => PgliteLogin {
  assertDevelopment(options);
  if (
    typeof database?.execProtocolRaw !== "function" ||
    typeof database.runExclusive !== "function"
  ) {
    throw new PartywallError(
      "PW_CONFIG",
      "pgliteLogins() was given something else than a PGlite database: it has no execProtocolRaw() or no runExclusive().",
    );
  }
  const turns = TURNS.get(database) ?? new PgliteTurns(database);
  TURNS.set(database, turns);
  return (role) => ({
    user: role,
    // A request to cancel goes to the host, and must not reach a server that happens to listen on this machine.
    host: "/dev/null",
    stream: () => new PgliteConnection(turns, role, options.waitMs ?? 10_000),
  });
}

function assertDevelopment(options: PgliteLoginsOptions | undefined): void {
  if (process.env["NODE_ENV"] === "production") {
    throw new PartywallError(
      "PW_CONFIG",
      "pgliteLogins() was called with NODE_ENV=production. On PGlite every tenant's SQL can take any role, so tenants are not kept apart. Use a PostgreSQL server.",
    );
  }
  if (options?.development === true) return;
  throw new PartywallError(
    "PW_CONFIG",
    "pgliteLogins() is for development only: on PGlite tenants are not kept apart. Say { development: true } if that is what this is.",
  );
}
