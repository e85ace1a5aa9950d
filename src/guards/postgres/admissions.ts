import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { PartywallError } from "../../errors.js";
import type { SqlClient } from "./ddl/catalog.js";

const digestOf = (secret: Buffer) => createHash("sha256").update(secret).digest();

/** A tenant of one Partywall instance; two instances may keep their tenants in one database. */
export interface Admission {
  readonly realm: string;
  readonly tenantId: string;
  /** The tenant's schema and the path its statements are read with; absent where it shares tables. */
  readonly home?: { readonly schema: string; readonly searchPath: string } | undefined;
}

/**
 * Lets the database accept a tenant's seals; idempotent.
 *
 * @param secrets the tenant's secrets, one for each secret of the instance
 */
export async function admitTenant(
  client: SqlClient,
  { realm, tenantId, home }: Admission,
  secrets: readonly Buffer[],
): Promise<void> {
  await client.query(
    `insert into partywall.seals (digest, tenant, realm, home_schema, search_path)
select d, $2, $3, $4, $5 from unnest($1::bytea[]) as d
on conflict (digest) do update set expires_at = 'infinity', home_schema = excluded.home_schema, search_path = excluded.search_path, held_until = null
  where seals.tenant = excluded.tenant`,
    [secrets.map(digestOf), tenantId, realm, home?.schema ?? null, home?.searchPath ?? null],
  );
}

/** A pool of the guard's own connections to the seals. */
export interface KeeperPool extends SqlClient {
  connect(): Promise<SqlClient & { release(destroy?: boolean): void }>;
}

/**
 * Runs `work` in a transaction of its own while nobody else changes seals. Statements that enter are not kept waiting,
 * for they only read.
 */
async function inTurn<T>(pool: KeeperPool, work: (client: SqlClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let done = false;
  try {
    await client.query("begin");
    // A statement of its own, so that the next sees what those before it in the queue have committed.
    await client.query("lock table partywall.seals in share row exclusive mode");
    const result = await work(client);
    await client.query("commit");
    done = true;
    return result;
  } finally {
    // Closing the connection rolls back whatever was begun.
    client.release(!done);
  }
}

/**
 * Admits every tenant that the realm's seals know now under its newest secret, lets the realm's other seals expire
 * after `keepMs`, and removes those that have; returns how many were given an end. In one turn: a tenant that is
 * suspended meanwhile is not let in again.
 *
 * @param newestOf a tenant's newest secret
 */
export function rotateTenantSeals(
  pool: KeeperPool,
  realm: string,
  newestOf: (tenantId: string) => Buffer,
  keepMs: number,
): Promise<number> {
  return inTurn(pool, async (client) => {
    await client.query(
      "delete from partywall.seals where realm = $1 and expires_at <= pg_catalog.now()",
      [realm],
    );
    const known = await client.query(
      "select distinct tenant from partywall.seals where realm = $1",
      [realm],
    );
    const tenants = known.rows.map((row) => String(row["tenant"]));
    const digests = tenants.map((tenantId) => digestOf(newestOf(tenantId)));
    await client.query(
      `insert into partywall.seals (digest, tenant, realm, home_schema, search_path)
select newest.digest, newest.tenant, $3, latest.home_schema, latest.search_path
from unnest($1::bytea[], $2::text[]) as newest (digest, tenant)
join (select distinct on (tenant) tenant, home_schema, search_path from partywall.seals
  where realm = $3 order by tenant, expires_at desc, created_at desc) latest on latest.tenant = newest.tenant
on conflict (digest) do update set expires_at = 'infinity' where seals.tenant = excluded.tenant`,
      [digests, tenants, realm],
    );
    const { rows } = await client.query(
      `with retired as (
  update partywall.seals set expires_at = pg_catalog.now() + $3 * interval '1 millisecond'
  where realm = $1 and digest <> all ($2::bytea[])
    and expires_at > pg_catalog.now() + $3 * interval '1 millisecond' returning 1)
select count(*)::int as retired from retired`,
      [realm, digests, keepMs],
    );
    return Number(rows[0]?.["retired"]);
  });
}

// A transaction is named by its virtual id, which every login may read even where activity is not tracked.
const UNDER_WAY = `select l.pid, l.virtualtransaction as id from pg_catalog.pg_locks l
join pg_catalog.pg_stat_activity a on a.pid = l.pid
where l.locktype = 'virtualxid' and l.virtualxid = l.virtualtransaction and a.usename = $1 and a.datname = pg_catalog.current_database()`;

interface Patience {
  readonly appRole: string;
  readonly graceMs: number;
  readonly innocent: (pid: number) => boolean;
}

/** Waits until the transactions under way now have ended; returns the backends of those that outlast `graceMs`. */
async function outlasting(
  client: SqlClient,
  { appRole, graceMs, innocent }: Patience,
): Promise<number[]> {
  const underWay = async () => {
    const { rows } = await client.query(UNDER_WAY, [appRole]);
    return new Map(rows.map((row) => [String(row["id"]), Number(row["pid"])]));
  };
  const before = await underWay();
  const deadline = Date.now() + graceMs;
  let wait = 2;
  while (before.size > 0) {
    const now = await underWay();
    for (const [id, pid] of before) {
      if (now.get(id) !== pid || innocent(pid)) before.delete(id);
    }
    if (before.size === 0 || Date.now() >= deadline) break;
    await sleep(Math.min(wait, Math.max(deadline - Date.now(), 1)));
    wait = Math.min(wait * 2, 100);
  }
  return [...before.values()];
}

/**
 * Lets nobody enter a tenant for `holdMs`, or until it is admitted or released, and waits for the transactions under way.
 * False, and nothing is held, where some outlast `graceMs`.
 */
export async function holdTenant(
  client: KeeperPool,
  { realm, tenantId }: Admission,
  options: Patience & { readonly holdMs: number },
): Promise<boolean> {
  await inTurn(client, (turn) =>
    turn.query(
      `update partywall.seals set held_until = case when $3::float8 = 'infinity' then 'infinity'
  else pg_catalog.clock_timestamp() + $3 * interval '1 millisecond' end where realm = $1 and tenant = $2`,
      [realm, tenantId, options.holdMs],
    ),
  );
  if ((await outlasting(client, options)).length === 0) return true;
  await releaseTenant(client, { realm, tenantId });
  return false;
}

/** Lets a tenant that was held be entered again; idempotent. */
export async function releaseTenant(
  client: KeeperPool,
  { realm, tenantId }: Admission,
): Promise<void> {
  await inTurn(client, (turn) =>
    turn.query("update partywall.seals set held_until = null where realm = $1 and tenant = $2", [
      realm,
      tenantId,
    ]),
  );
}

/**
 * Makes the database refuse a tenant, waits until every transaction of the application that was under way then has
 * ended, and ends those that outlast `graceMs`, except the connections that `innocent` says belong to others.
 * Throws `PW_SEAL_REFUSED` naming how many it could not end.
 */
export async function expelTenant(
  client: KeeperPool,
  { realm, tenantId }: Admission,
  options: Patience,
): Promise<void> {
  await inTurn(client, (turn) =>
    turn.query("delete from partywall.seals where realm = $1 and tenant = $2", [realm, tenantId]),
  );
  const late = await outlasting(client, options);
  const faults: unknown[] = [];
  for (const pid of late) {
    try {
      await client.query("select pg_catalog.pg_terminate_backend($1)", [pid]);
    } catch (error) {
      faults.push(error);
    }
  }
  if (faults.length > 0) {
    throw new PartywallError(
      "PW_SEAL_REFUSED",
      `The tenant can no longer be entered, but ${faults.length} transactions that may be its own run on: the system login may not end them. Grant it pg_signal_backend and EXECUTE on pg_terminate_backend.`,
      { cause: new AggregateError(faults, "pg_terminate_backend failed") },
    );
  }
}
