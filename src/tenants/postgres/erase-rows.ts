import { qualified, type TableName } from "../../guards/postgres/ddl/identifier.js";
import { refused } from "../refusal.js";
import type { WatchOptions } from "../progress.js";
import { emptyOrder, isCycle } from "./order.js";
import { assertNobodyPoints } from "./outside-keys.js";
import type { Premises } from "./premises.js";
import { countRows, hasRows, isTenants } from "./rows.js";
import { readTables, source, titleOf, type PremisesTable } from "./tables.js";
import { inTransaction } from "./transaction.js";

/** How {@link eraseRows} goes about it. */
export interface EraseRowsOptions extends WatchOptions {
  readonly batchRows: number;
}

/** What is to be deleted, and how many rows there are of it. */
export interface DoomedTable {
  readonly table: PremisesTable;
  readonly rows: number;
}

// Triggers may write rows of the tenant's while others are deleted, such as a history.
const MOST_PASSES = 3;

/** Counts what {@link eraseRows} would delete. */
export function planRows(premises: Premises): Promise<readonly DoomedTable[]> {
  return inTransaction(premises.client, "read", async () => {
    const tables = await readTables(premises);
    await assertNobodyPoints(premises, tables);
    const doomed: DoomedTable[] = [];
    for (const table of emptyOrder(tables).flat()) {
      doomed.push({ table, rows: await countRows(premises, table) });
    }
    return doomed;
  });
}

/**
 * Deletes the tenant's rows, those that point at others first, a bounded number in each transaction; tables whose
 * foreign keys form a cycle go in one statement. Stopped at any point, it goes on when it is run again.
 *
 * @returns how many rows of each table were deleted, in the order of `doomed`
 */
export async function eraseRows(
  premises: Premises,
  doomed: readonly DoomedTable[],
  options: EraseRowsOptions,
): Promise<readonly number[]> {
  const deleted = new Map(doomed.map(({ table }) => [table, 0]));
  const groups = emptyOrder(doomed.map(({ table }) => table));
  for (let pass = 1; ; pass += 1) {
    for (const group of groups) {
      const add = (table: PremisesTable, rows: number) => {
        const sum = deleted.get(table)! + rows;
        deleted.set(table, sum);
        options.onProgress?.({
          phase: "erase",
          table: titleOf(table),
          rows: sum,
          bytes: 0,
          estimate: doomed.find((one) => one.table === table)!.rows,
        });
      };
      if (isCycle(group)) await deleteTogether(premises, group, options, add);
      else await deleteInBatches(premises, group[0]!, options, add);
    }
    const left = await leftOver(premises, groups.flat());
    if (left.length === 0) return doomed.map(({ table }) => deleted.get(table)!);
    if (pass === MOST_PASSES) {
      throw refused(
        `Rows of ${left.map(titleOf).join(", ")} are still there after they were deleted: a trigger or a rule keeps them or writes them anew, or the application does. Put it off and run this again.`,
      );
    }
  }
}

async function leftOver(
  premises: Premises,
  tables: readonly PremisesTable[],
): Promise<readonly PremisesTable[]> {
  return inTransaction(premises.client, "read", async () => {
    const left: PremisesTable[] = [];
    for (const table of tables) {
      if (await hasRows(premises.client, premises, table)) left.push(table);
    }
    return left;
  });
}

const CURSOR = "partywall_erase";

/**
 * Where the rows are is found out once and kept by the server, so that no batch wades through what the ones before it left
 * dead. A row that has moved meanwhile is met in the next pass.
 */
async function deleteInBatches(
  premises: Premises,
  table: PremisesTable,
  { batchRows, signal }: EraseRowsOptions,
  add: (table: PremisesTable, rows: number) => void,
): Promise<void> {
  const { client } = premises;
  const mine = isTenants(premises, table);
  for (const leaf of table.leaves) {
    signal?.throwIfAborted();
    await inTransaction(client, "write", () =>
      client.query(
        `declare ${CURSOR} no scroll cursor with hold for select t.ctid::text as place from only ${qualified(leaf)} t where ${mine}`,
      ),
    );
    try {
      for (;;) {
        signal?.throwIfAborted();
        const { rows: places } = await client.query(`fetch ${batchRows} from ${CURSOR}`);
        if (places.length === 0) break;
        const rows = await inTransaction(client, "write", () =>
          deleteBatch(
            premises,
            leaf,
            mine,
            places.map(({ place }) => place),
          ),
        );
        if (rows > 0) add(table, rows);
      }
    } finally {
      await client.query(`close ${CURSOR}`).catch(() => undefined);
    }
  }
}

async function deleteBatch(
  { client }: Premises,
  leaf: TableName,
  mine: string,
  places: readonly unknown[],
): Promise<number> {
  const { rows } = await client.query(
    `with gone as (delete from only ${qualified(leaf)} t where t.ctid = any ($1::text[]::tid[]) and ${mine} returning 1)
select count(*)::text as rows from gone`,
    [places],
  );
  return Number(rows[0]?.["rows"]);
}

/** The foreign keys of one statement are checked when all of it is done. */
async function deleteTogether(
  premises: Premises,
  group: readonly PremisesTable[],
  { signal }: EraseRowsOptions,
  add: (table: PremisesTable, rows: number) => void,
): Promise<void> {
  signal?.throwIfAborted();
  const parts = group.map(
    (table, at) =>
      `gone_${at} as (delete from ${source(table)} t where ${isTenants(premises, table)} returning 1)`,
  );
  const counts = group.map((_, at) => `(select count(*) from gone_${at})::text as rows_${at}`);
  const counted = await inTransaction(premises.client, "write", async () => {
    const { rows } = await premises.client.query(
      `with ${parts.join(", ")} select ${counts.join(", ")}`,
    );
    return group.map((_, at) => Number(rows[0]?.[`rows_${at}`]));
  });
  for (const [at, table] of group.entries()) if (counted[at]! > 0) add(table, counted[at]!);
}
