import { PartywallError } from "../../errors.js";
import type { PgModule, PostgresGuard } from "../../guards/postgres/index.js";
import type { KnexClient } from "./native.js";
import { GuardedKnexPool } from "./pool.js";

/** Throws where a Knex client's connections cannot be exchanged for the guard's, see `guardKnex`. */
export function assertExchangeable(client: KnexClient, guard: PostgresGuard<PgModule>): void {
  if (typeof client?._query !== "function" || typeof client.stream !== "function") {
    throw refused(
      'something that is no Knex instance with a dialect. Pass what knex({ client: "pg" }) returns',
    );
  }
  if (client.driverName !== "pg") {
    throw refused(
      `a Knex instance of the dialect ${client.driverName ?? "of no driver"}, and guards PostgreSQL through pg. Construct it with { client: "pg" }`,
    );
  }
  if (client.transacting === true) {
    throw refused("a transaction. Pass the instance that it was begun on");
  }
  const { connectionPool, pool, searchPath } = client.config;
  if (connectionPool !== undefined && connectionPool !== guard.pool) {
    throw new PartywallError(
      "PW_GUARD_BYPASSED",
      "guardKnex() got a Knex instance with a `connectionPool` that is not this guard's, whose connections put no tenant on anything. Leave `connectionPool` out.",
    );
  }
  if (client.pool instanceof GuardedKnexPool) {
    throw refused("a Knex instance that is over another guard. Construct one for each");
  }
  if (wasUsed(client.pool)) {
    throw refused(
      "a Knex instance that has connections of its own already. Call it where the instance is made, before the first query",
    );
  }
  const lost = [
    ...(["afterCreate", "validate"] as const)
      .filter((name) => pool?.[name] !== undefined)
      .map((name) => `pool.${name}`),
    ...(searchPath === undefined ? [] : ["searchPath"]),
  ];
  if (lost.length > 0) {
    throw refused(
      `a Knex instance with ${lost.join(" and ")}, which would have no effect: its connections are the guard's. Put settings of the session into \`startup\` of guardPg(), schemas behind a tenant's own into \`sharedSchemas\``,
    );
  }
}

const refused = (what: string): PartywallError =>
  new PartywallError("PW_CONFIG", `guardKnex() got ${what}.`);

// A pool that opens its connections when they are first needed has none before the first query.
function wasUsed(pool: unknown): boolean {
  const counted = pool as Partial<Record<string, () => number>> | undefined;
  return ["numUsed", "numFree", "numPendingAcquires", "numPendingCreates"].some(
    (name) => (counted?.[name]?.() ?? 0) > 0,
  );
}
