import {
  quoteIdentifier,
  quoteLiteral,
  qualified,
} from "../../../guards/postgres/ddl/identifier.js";
import type { MatchedTable } from "../match.js";
import type { Premises } from "../premises.js";
import { RowWriter, type Value } from "../row-writer.js";
import { isTenants, rowsQuery } from "../rows.js";
import { source, type PremisesTable } from "../tables.js";
import { begin, inTransaction } from "../transaction.js";
import { capturedKeys, forgetKeys, type CapturedKey } from "./capture.js";

/** How many changed rows are carried over in one transaction. */
const MOST_CHANGES = 5000;
const KEYS_A_STATEMENT = 100;

/** A table at the source, and the one at the target that takes its rows. */
export interface MovedTable extends MatchedTable {
  readonly source: PremisesTable;
}

/**
 * Carries the rows that changed since to the target: each is written there as it is in one snapshot of the source, or
 * removed where it is not in it. Calls `within` while that snapshot and the target are equal, if nothing is left to carry.
 * Resolves to how many changes were carried.
 */
export async function carryChanges(
  from: Premises,
  to: Premises,
  tables: readonly MovedTable[],
  move: string,
  within?: () => Promise<void>,
): Promise<number> {
  let carried = 0;
  const snapshot = await begin(from.client, "read");
  const done: CapturedKey[] = [];
  try {
    for (;;) {
      // What is carried is still there for this snapshot; it is told by its number.
      const keys = await capturedKeys(from, move, MOST_CHANGES, done.at(-1)?.id);
      if (keys.length === 0) break;
      await carry(from, to, tables, keys);
      done.push(...keys);
      carried += keys.length;
      if (within === undefined) break;
    }
    if (within !== undefined) await within();
    await snapshot.commit();
  } finally {
    await snapshot.rollback();
  }
  await forgetKeys(from, done);
  return carried;
}

async function carry(
  from: Premises,
  to: Premises,
  tables: readonly MovedTable[],
  keys: readonly CapturedKey[],
): Promise<void> {
  await inTransaction(to.client, "write", async () => {
    // Keys are checked where the rows come from; here they would depend on an order that a set of changes has not.
    await to.client.query("set local session_replication_role = replica");
    const touched = tables.map((table) => ({ table, keys: distinct(keys, table.source.oid) }));
    for (const { table, keys: own } of touched) await remove(to, table, own);
    for (const { table, keys: own } of touched) await write(from, to, table, own);
  });
}

function distinct(keys: readonly CapturedKey[], oid: string): (readonly string[])[] {
  const own = keys.filter(({ table }) => table === oid);
  return [...new Map(own.map(({ key }) => [JSON.stringify(key), key])).values()];
}

function* batches(keys: readonly (readonly string[])[]): Generator<(readonly string[])[]> {
  for (let at = 0; at < keys.length; at += KEYS_A_STATEMENT) {
    yield keys.slice(at, at + KEYS_A_STATEMENT);
  }
}

// A parameter without a type is read by the input function of the column it is compared with.
function among(table: PremisesTable, keys: readonly (readonly string[])[]): string {
  const columns = table.key!.map((name) => `t.${quoteIdentifier(name)}`).join(", ");
  const width = table.key!.length;
  const places = keys.map(
    (_, row) => `(${table.key!.map((__, column) => `$${row * width + column + 1}`).join(", ")})`,
  );
  return `(${columns}) in (${places.join(", ")})`;
}

async function remove(
  to: Premises,
  { source: at, into }: MovedTable,
  keys: readonly (readonly string[])[],
): Promise<void> {
  for (const batch of batches(keys)) {
    await to.client.query(
      `delete from ${source(into)} t where ${among(at, batch)} and ${isTenants(to, into)}`,
      batch.flat(),
    );
  }
}

async function write(
  from: Premises,
  to: Premises,
  { source: at, into, columns, from: described }: MovedTable,
  keys: readonly (readonly string[])[],
): Promise<void> {
  if (keys.length === 0) return;
  const tenant = into.tenantColumn === null ? [] : [into.tenantColumn];
  const writer = new RowWriter(to.client, qualified(into), [
    ...tenant,
    ...columns.map(({ name }) => name),
  ]);
  const read = described.columns.map(({ name }) => at.columns.find((one) => one.name === name)!);
  for (const batch of batches(keys)) {
    const { rows } = await from.client.query(
      `${rowsQuery(from, at, read)} and ${among(at, batch)}`,
      batch.flat(),
    );
    for (const { line } of rows) {
      const text = String(line);
      const values = JSON.parse(text) as Value[];
      await writer.add([...tenant.map(() => to.tenantId), ...values], text.length);
    }
  }
  await writer.flush();
}

/** Removes every row of the tenant's from tables that nobody else reads meanwhile: what a copy left that was not finished. */
export async function clearTables(to: Premises, tables: readonly PremisesTable[]): Promise<void> {
  await inTransaction(to.client, "write", async () => {
    await to.client.query("set local session_replication_role = replica");
    for (const table of tables) {
      await to.client.query(`delete from ${source(table)} t where ${isTenants(to, table)}`);
    }
  });
}

/** Whether the login may write without the checks that a copy brings with it. */
export async function mayReplicate({ client }: Premises): Promise<boolean> {
  const { rows } = await client.query(
    `select pg_catalog.has_parameter_privilege(current_user, ${quoteLiteral("session_replication_role")}, 'set') as may`,
  );
  return rows[0]?.["may"] === true;
}
