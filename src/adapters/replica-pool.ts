import type { PgModule, PostgresGuard } from "../guards/postgres/index.js";
import type { LendingPool } from "./lent-client.js";

/** Where a replica is, and how many connections there may be to it. */
export interface ReplicaAddress {
  readonly host: string;
  readonly port: number;
  readonly max?: number | undefined;
}

/**
 * A guarded pool of connections to a read replica, under the guard's own login and to its own database: what an ORM's
 * configuration says of a login might be one that sees more. Tenants who live elsewhere are read where they live.
 */
export function replicaPool(guard: PostgresGuard<PgModule>, address: ReplicaAddress): LendingPool {
  const { options } = guard.pool as { readonly options: Readonly<Record<string, unknown>> };
  // The driver takes a connection string apart; nothing is connected.
  const { user, password, database, ssl } = new guard.Client(options) as {
    readonly user: unknown;
    readonly password: unknown;
    readonly database: unknown;
    readonly ssl: unknown;
  };
  const { connectionString: _, Client: __, max, ...rest } = options;
  const pool = new guard.Pool({
    ...rest,
    user,
    password,
    database,
    ssl,
    host: address.host,
    port: address.port,
    max: address.max ?? max,
  }) as LendingPool & { on(event: "error", listener: () => void): void };
  // A connection that breaks while idle has left the pool already; unheard, the event would end the process.
  pool.on("error", () => undefined);
  return pool;
}
