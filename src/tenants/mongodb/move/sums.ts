import { readCollections } from "../collections.js";
import type { TenantComparison } from "../compare.js";
import type { Premises } from "../premises.js";
import { sumRows } from "../rows.js";
import type { MovedTable } from "./options.js";

/** What was found at the first of two places that were compared; collections with none of the tenant's documents are left out. */
export const sumsOf = ({ tables }: TenantComparison): MovedTable[] =>
  listed(tables.map(({ table, from }) => ({ table, ...from })));

/** What is at a place now, in the same form. */
export async function sumsAt(premises: Premises): Promise<MovedTable[]> {
  const tables: MovedTable[] = [];
  for (const table of (await readCollections(premises)).names) {
    tables.push({ table, ...(await sumRows(premises, table)) });
  }
  return listed(tables);
}

const listed = (tables: readonly MovedTable[]): MovedTable[] =>
  tables
    .filter(({ rows }) => rows > 0)
    .map(({ table, rows, checksum }) => ({ table, rows, checksum }))
    .toSorted((one, other) => (one.table < other.table ? -1 : 1));
