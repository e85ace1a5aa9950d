import type { TableSum } from "../checksum.js";
import type { WatchOptions } from "../progress.js";
import { readCollections } from "./collections.js";
import { checkPremises, type Premises } from "./premises.js";
import { sumRows } from "./rows.js";

/** What {@link compareTenant} found. */
export interface TenantComparison {
  /** Whether every collection has the same documents on both sides. */
  readonly same: boolean;
  readonly tables: readonly {
    /** The collection, of one name at both premises. */
    readonly table: string;
    readonly from: TableSum;
    readonly to: TableSum;
    readonly same: boolean;
  }[];
}

/**
 * Compares one tenant's data in two premises, collection by collection, by counts and checksums of its documents without the tenant.
 * All of them are read. Collections that only `to` has are looked at too. Keep writers away, or compare again.
 *
 * Throws `PW_TENANT_DATA_REFUSED` for premises or documents that cannot be taken whole.
 *
 * @example
 * ```ts
 * import { compareTenant, type Premises } from "partywall/tenants/mongodb";
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
  { onProgress, signal }: WatchOptions = {},
): Promise<TenantComparison> {
  checkPremises(from);
  checkPremises(to);
  const [left, right] = await Promise.all([readCollections(from), readCollections(to)]);
  const names = [...new Set([...left.names, ...right.names])].toSorted();
  const tables: TenantComparison["tables"][number][] = [];
  const watch = signal ? { signal } : {};
  for (const table of names) {
    signal?.throwIfAborted();
    const [one, other] = await Promise.all([
      sumRows(from, table, watch),
      sumRows(to, table, watch),
    ]);
    const same = one.rows === other.rows && one.checksum === other.checksum;
    tables.push({ table, from: one, to: other, same });
    onProgress?.({ phase: "compare", table, rows: one.rows, bytes: 0, estimate: one.rows });
  }
  return { same: tables.every(({ same }) => same), tables };
}
