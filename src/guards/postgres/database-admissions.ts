import { setTimeout as sleep } from "node:timers/promises";
import { PartywallError } from "../../errors.js";
import type { SqlClient } from "./ddl/catalog.js";
import { quoteIdentifier } from "./ddl/identifier.js";
import { markedTenant } from "./ddl/tenant-schema.js";

const HOME = `select pg_catalog.shobj_description(d.oid, 'pg_database') as mark
from pg_catalog.pg_database d where d.datname = $1`;

/**
 * Lets the application connect to a tenant's own database; idempotent. Throws `PW_PLACEMENT` where there is no such
 * database or it is not marked as this tenant's.
 */
export async function admitToDatabase(
  client: SqlClient,
  tenantId: string,
  database: string,
  appRole: string,
): Promise<void> {
  const { rows } = await client.query(HOME, [database]);
  assertMarked(rows[0]?.["mark"], tenantId, `database ${JSON.stringify(database)}`, rows.length);
  await client.query(
    `grant connect on database ${quoteIdentifier(database)} to ${quoteIdentifier(appRole)}`,
  );
}

const SCHEMA = `select pg_catalog.obj_description(n.oid, 'pg_namespace') as mark
from pg_catalog.pg_namespace n where n.nspname = $1`;

/** Throws `PW_PLACEMENT` where there is no such schema or it is not marked as this tenant's. */
export async function assertTenantSchema(
  client: SqlClient,
  tenantId: string,
  schema: string,
): Promise<void> {
  const { rows } = await client.query(SCHEMA, [schema]);
  assertMarked(rows[0]?.["mark"], tenantId, `schema ${JSON.stringify(schema)}`, rows.length);
}

function assertMarked(mark: unknown, tenantId: string, home: string, found: number): void {
  if (typeof mark === "string" && markedTenant(mark) === tenantId) return;
  throw new PartywallError(
    "PW_PLACEMENT",
    found === 0
      ? `There is no ${home} on the server, in which the tenant is placed. Provision it first.`
      : `The ${home} is not marked as this tenant's home, so it is not let in. Provision it, or mend the placement.`,
  );
}

const CONNECTED = `select a.pid, exists (select from pg_catalog.pg_locks l
  where l.pid = a.pid and l.locktype = 'virtualxid' and l.virtualxid = l.virtualtransaction) as busy
from pg_catalog.pg_stat_activity a where a.datname = $1 and a.usename = $2`;

/**
 * Lets the application no longer connect to a tenant's own database, waits for the transactions under way there, and
 * ends its connections, those that outlast `graceMs` too. Throws `PW_SEAL_REFUSED` naming how many it could not end.
 */
export async function expelFromDatabase(
  client: SqlClient,
  database: string,
  options: { readonly appRole: string; readonly graceMs: number },
): Promise<void> {
  const { rows } = await client.query(HOME, [database]);
  if (rows.length === 0) return;
  await client.query(
    `revoke connect on database ${quoteIdentifier(database)} from ${quoteIdentifier(options.appRole)}`,
  );
  const connected = async () =>
    (await client.query(CONNECTED, [database, options.appRole])).rows as unknown as {
      readonly pid: number;
      readonly busy: boolean;
    }[];
  const deadline = Date.now() + options.graceMs;
  for (let wait = 2; ; wait *= 2) {
    const there = await connected();
    const isLate = Date.now() >= deadline;
    const faults: unknown[] = [];
    for (const { pid, busy } of there) {
      // Who is between two transactions has nothing to lose, whichever process it is of.
      if (busy && !isLate) continue;
      try {
        await client.query("select pg_catalog.pg_terminate_backend($1)", [pid]);
      } catch (error) {
        // What may not be ended may still leave by itself until then, as a pool that has just been closed does.
        faults.push(error);
      }
    }
    if (isLate && faults.length > 0) throw stillConnected(faults);
    if (isLate || (faults.length === 0 && there.every(({ busy }) => !busy))) return;
    await sleep(Math.min(wait, 100));
  }
}

function stillConnected(faults: readonly unknown[]): PartywallError {
  return new PartywallError(
    "PW_SEAL_REFUSED",
    `The tenant's database can no longer be connected to, but ${faults.length} connections to it stay open: the system login may not end them. Grant it pg_signal_backend and EXECUTE on pg_terminate_backend.`,
    { cause: new AggregateError(faults, "pg_terminate_backend failed") },
  );
}
