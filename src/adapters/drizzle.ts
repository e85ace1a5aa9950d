import { PartywallError, partywallErrorOf } from "../errors.js";
import type { PgModule } from "../guards/postgres/driver.js";
import type { PostgresGuard } from "../guards/postgres/guard.js";
import { isCacheOf } from "./drizzle/cache.js";
import { isSqlOver } from "./postgres-js/guarded.js";

export { tenantCache, type DrizzleCache, type DrizzleMutation } from "./drizzle/cache.js";

/** What `drizzle()` of `drizzle-orm/node-postgres` or `drizzle-orm/postgres-js` returns, by the members that tell what it is wired over. */
export interface DrizzleDatabase {
  readonly $client: unknown;
  readonly _: { readonly session: object };
}

type Guard = Pick<PostgresGuard<PgModule>, "Pool" | "Client" | "partition">;

interface PreparedQuery {
  queryWithCache: (
    text: string,
    values: unknown[],
    send: () => Promise<unknown>,
  ) => Promise<unknown>;
}

type Run = (transaction: Transaction) => Promise<unknown>;

interface Transaction {
  readonly session: Session;
  transaction: (run: Run) => Promise<unknown>;
}

interface Session {
  readonly client: unknown;
  readonly cache: object;
  readonly options: { readonly cache?: object };
  prepareQuery: (query: { readonly sql: string; readonly params: unknown[] }) => PreparedQuery;
  transaction: (run: Run, config?: unknown) => Promise<unknown>;
}

interface LendingPool {
  connect(): Promise<{ release(): void }>;
}

const HOOKED = new WeakSet<object>();
const SESSIONS = new Set<unknown>(["NodePgSession", "PostgresJsSession"]);

/**
 * Verifies that a Drizzle database is wired over this guard and returns it. Errors of the guard then reach the caller as
 * they are, not inside Drizzle's own, whose message holds the parameters; and a transaction that could not begin gives
 * its connection back. Call it where the database is made, before queries are prepared on it.
 *
 * Throws `PW_GUARD_BYPASSED` where the database, or a replica of it, has another client than the guard's pool, one of
 * its `Client`s or a `sql` of `guardPostgresJs()`, and `PW_CONFIG` where its cache is not one of {@link tenantCache} over the same guard, or Drizzle is of a
 * version that is not known.
 *
 * @example
 * ```ts
 * import { drizzle } from "drizzle-orm/node-postgres";
 * import { createPartywall } from "partywall";
 * import { guardDrizzle } from "partywall/adapters/drizzle";
 * import { guardPg } from "partywall/guards/postgres";
 * import pg from "pg";
 *
 * const pw = createPartywall({
 *   secret: process.env["PARTYWALL_SECRET"],
 *   postgres: guardPg(pg, { app: process.env["APP_URL"], system: process.env["SYSTEM_URL"] }),
 * });
 * export const db = guardDrizzle(pw.postgres, drizzle({ client: pw.postgres.pool }));
 * ```
 */
export function guardDrizzle<Database extends DrizzleDatabase>(
  guard: Guard,
  db: Database,
): Database {
  const { $replicas = [] } = db as { readonly $replicas?: readonly DrizzleDatabase[] };
  for (const one of [db, ...$replicas]) {
    assertClient(guard, one.$client);
    const session = sessionOf(one);
    assertCache(guard, session);
    if (HOOKED.has(session)) continue;
    HOOKED.add(session);
    unwrapErrors(session);
    if (session.client instanceof guard.Pool) returnConnections(session, session.client);
    if (isSqlOver(guard, session.client)) unwrapInTransactions(session);
  }
  return db;
}

function assertClient(guard: Guard, client: unknown): void {
  if (client instanceof guard.Pool || client instanceof guard.Client) return;
  if (isSqlOver(guard, client)) return;
  throw new PartywallError(
    "PW_GUARD_BYPASSED",
    "This Drizzle database is not wired over the guard: its $client is neither a pool nor a Client of this guard's, nor a sql of guardPostgresJs() over it, so no tenant would be put on its statements. Make it with drizzle({ client: pw.postgres.pool }).",
  );
}

function sessionOf({ $client, _ }: DrizzleDatabase): Session {
  const session = _?.session as Session | undefined;
  if (
    session !== undefined &&
    SESSIONS.has(entityOf(session)) &&
    session.client === $client &&
    typeof session.cache === "object" &&
    typeof session.options === "object" &&
    typeof session.transaction === "function" &&
    preparesQueries(session)
  ) {
    return session;
  }
  throw new PartywallError(
    "PW_CONFIG",
    "guardDrizzle() does not know this Drizzle: what drizzle-orm/node-postgres or drizzle-orm/postgres-js makes is not what it is in versions 0.44 and 0.45. Use one of these, or a version of Partywall that knows yours.",
  );
}

// Nothing is sent of what it prepares.
function preparesQueries(session: Session): boolean {
  try {
    return typeof session.prepareQuery({ sql: "", params: [] }).queryWithCache === "function";
  } catch {
    return false;
  }
}

function assertCache(guard: Guard, { cache, options }: Session): void {
  const foreign = [cache, options.cache].some(
    (one) => one !== undefined && entityOf(one) !== "NoopCache" && !isCacheOf(guard, one),
  );
  if (!foreign) return;
  throw new PartywallError(
    "PW_CONFIG",
    "This Drizzle database has a cache that is not kept apart by tenants, so one tenant would be given another's rows. Wrap it: drizzle({ client, cache: tenantCache(pw.postgres, cache) }).",
  );
}

/** The name that Drizzle's own classes bear, whichever copy of Drizzle they are from. */
const entityOf = (value: object): unknown =>
  Reflect.get(value.constructor ?? {}, Symbol.for("drizzle:entityKind"));

function unwrapErrors(session: Session): void {
  const { prepareQuery } = session;
  session.prepareQuery = function (this: Session, ...query) {
    const prepared = prepareQuery.apply(this, query);
    const { queryWithCache } = prepared;
    prepared.queryWithCache = async (...args) => {
      try {
        return await queryWithCache.apply(prepared, args);
      } catch (error) {
        throw partywallErrorOf(error) ?? error;
      }
    };
    return prepared;
  };
}

// Drizzle keeps the connection of a transaction for good where BEGIN fails, as it does outside any scope.
function returnConnections(session: Session, pool: unknown): void {
  const { transaction } = session;
  session.transaction = async (run, config) => {
    const client = await (pool as LendingPool).connect();
    try {
      const own = Object.create(session, { client: { value: client } }) as Session;
      return await transaction.call(own, run, config);
    } finally {
      client.release();
    }
  };
}

// Over postgres.js each transaction has a session of its own.
function unwrapInTransactions(session: Session): void {
  const unwrapped =
    (run: Run): Run =>
    (transaction) => {
      unwrapErrors(transaction.session);
      const nest = transaction.transaction.bind(transaction);
      transaction.transaction = (nested) => nest(unwrapped(nested));
      return run(transaction);
    };
  const { transaction } = session;
  session.transaction = (run, config) => transaction.call(session, unwrapped(run), config);
}
