import type { TableSum } from "../checksum.js";
import type { WatchOptions } from "../progress.js";
import type { ArchiveTable } from "./archive-format.js";
import { matchTables } from "./match.js";
import { checkPremises, type Premises } from "./premises.js";
import { ownColumns, sumInDatabase } from "./rows.js";
import { refused } from "../refusal.js";
import { readTables, titleOf, type PremisesTable } from "./tables.js";
import { inTransaction } from "./transaction.js";

/** What {@link compareTenant} found. */
export interface TenantComparison {
  /** Whether every table has the same rows on both sides. */
  readonly same: boolean;
  readonly tables: readonly {
    /** The table at the first premises, `schema.name`. */
    readonly table: string;
    readonly from: TableSum;
    readonly to: TableSum;
    readonly same: boolean;
  }[];
}

/**
 * Compares one tenant's data in two premises, table by table, by counts and checksums that both databases compute
 * themselves; the tenant column has no part in it. Each side is one snapshot, and the two are not of the same moment: keep
 * writers away, or compare again.
 *
 * Throws `PW_TENANT_DATA_REFUSED` where the tables, columns or types differ, or both premises have the same client.
 *
 * @example
 * ```ts
 * import { compareTenant, type Premises } from "partywall/tenants";
 *
 * async function assertMoved(from: Premises, to: Premises) {
 *   const { same, tables } = await compareTenant(from, to);
 *   if (!same) console.error(tables.filter((table) => !table.same));
 * }
 * ```
 */
export async function compareTenant(
  from: Premises,
  to: Premises,
  options: WatchOptions = {},
): Promise<TenantComparison> {
  checkPremises(from);
  checkPremises(to);
  if (from.client === to.client) {
    throw refused("Both premises have the same client, and each needs a connection. Give two.");
  }
  return inTransaction(from.client, "read", () =>
    inTransaction(to.client, "read", () => compare(from, to, options)),
  );
}

async function compare(
  from: Premises,
  to: Premises,
  { onProgress, signal }: WatchOptions,
): Promise<TenantComparison> {
  const [left, right] = [await readTables(from), await readTables(to)];
  const matched = matchTables({ tables: left.map(described) }, right);
  const tables: TenantComparison["tables"][number][] = [];
  for (const [index, { into, columns }] of matched.entries()) {
    signal?.throwIfAborted();
    const table = left[index]!;
    const [one, other] = await Promise.all([
      sumInDatabase(from, table, ownColumns(table)),
      sumInDatabase(to, into, columns),
    ]);
    const same = one.rows === other.rows && one.checksum === other.checksum;
    tables.push({ table: titleOf(table), from: one, to: other, same });
    onProgress?.({
      phase: "compare",
      table: titleOf(table),
      rows: one.rows,
      bytes: 0,
      estimate: one.rows,
    });
  }
  return { same: tables.every(({ same }) => same), tables };
}

function described(table: PremisesTable): ArchiveTable {
  const columns = ownColumns(table).map(({ name, type }) => ({ name, type }));
  return { schema: table.schema, name: table.name, columns, estimate: 0 };
}
