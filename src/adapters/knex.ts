import type { PgModule, PostgresGuard } from "../guards/postgres/index.js";
import { guardedClientClass } from "./knex/client.js";
import { assertExchangeable } from "./knex/exchangeable.js";
import type { KnexClient, KnexClientClass } from "./knex/native.js";
import { GuardedKnexPool } from "./knex/pool.js";

/**
 * A Knex instance, by what {@link guardKnex} needs of it. What the `knex` package gives fits.
 *
 * @example
 * ```ts
 * import knex from "knex";
 * import type { KnexInstance } from "partywall/adapters/knex";
 *
 * const instance: KnexInstance = knex({ client: "pg" });
 * console.log(typeof instance.client);
 * ```
 */
export interface KnexInstance {
  /** Knex's client of a dialect; its own type says no more of it. */
  readonly client: unknown;
}

// Knex's own default.
const ACQUIRE_MS = 60_000;

/**
 * Puts a Knex instance over the guard and gives it back: from then on it takes every connection from `guard.pool`, so
 * its own `connection` and `pool` are not used. To be called where the instance is made, before its first query. Throws
 * `PW_CONFIG` for an instance that is no PostgreSQL one over `pg`, was used before, or has settings that only a pool of
 * its own could keep (`afterCreate`, `validate`, `searchPath`), and `PW_GUARD_BYPASSED` for one with another
 * `connectionPool`.
 *
 * @example
 * ```ts
 * import knex from "knex";
 * import { createPartywall } from "partywall";
 * import { guardKnex } from "partywall/adapters/knex";
 * import { guardPg } from "partywall/guards/postgres";
 * import pg from "pg";
 *
 * const pw = createPartywall({
 *   secret: process.env["PARTYWALL_SECRET"],
 *   postgres: guardPg(pg, { app: process.env["APP_URL"], system: process.env["SYSTEM_URL"] }),
 * });
 * const db = guardKnex(pw.postgres, knex({ client: "pg" }));
 * await pw.run("acme", () => db("orders").where({ paid: false }));
 * ```
 */
export function guardKnex<Instance extends KnexInstance>(
  guard: PostgresGuard<PgModule>,
  knex: Instance,
): Instance {
  const client = knex.client as KnexClient;
  if (client?.pool instanceof GuardedKnexPool && client.pool.guard === guard) return knex;
  assertExchangeable(client, guard);
  const pool = new GuardedKnexPool(guard, client.config.acquireConnectionTimeout ?? ACQUIRE_MS);
  const Base = client.constructor as KnexClientClass;
  // Transactions and copies of an instance are made from the prototype of its client.
  Object.setPrototypeOf(client, guardedClientClass(Base, guard, pool).prototype as object);
  client.driver = guard.driver;
  client.pool = pool;
  client._ownsPool = false;
  return knex;
}
