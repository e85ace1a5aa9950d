import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import type { TableSum } from "../checksum.js";
import { source, type Column, type PremisesTable } from "./tables.js";
import type { Premises } from "./premises.js";

/** The condition that a row of a table called `t` (or otherwise) is the tenant's, `true` where all are. */
export function isTenants(
  { strategy, tenantId }: Premises,
  table: PremisesTable,
  alias = "t",
): string {
  if (strategy !== "row") return "true";
  return `${alias}.${quoteIdentifier(table.tenantColumn!)} = ${quoteLiteral(tenantId)}::${table.tenantType}`;
}

/** The columns whose values are a row's own: without what is computed, and without the tenant's id. */
export function ownColumns(table: PremisesTable): readonly Column[] {
  return table.columns.filter(({ name, generated }) => !generated && name !== table.tenantColumn);
}

/** The canonical text of a row: a JSON array of each value in PostgreSQL's text form, or null. */
function rowText(columns: readonly Column[]): string {
  const values = columns.map(({ name, padded }) => {
    const column = `t.${quoteIdentifier(name)}`;
    return padded
      ? `case when ${column} is not null then format('%s', ${column}) end`
      : `${column}::text`;
  });
  return `array_to_json(array[${values.join(", ")}]::text[])::text`;
}

/** The rows of a tenant in one table, each as its canonical text `line`. */
export function rowsQuery(
  premises: Premises,
  table: PremisesTable,
  columns: readonly Column[],
): string {
  return `select ${rowText(columns)} as line from ${source(table)} t where ${isTenants(premises, table)}`;
}

/** Counts and sums the tenant's rows of one table in the database, as `RowSum` does outside it. */
export async function sumInDatabase(
  premises: Premises,
  table: PremisesTable,
  columns: readonly Column[],
): Promise<TableSum> {
  const { rows } = await premises.client.query(
    `select count(*)::text as rows, coalesce(sum(('x' || encode(substr(sha256(convert_to(l.line, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint), 0)::text as checksum
from (${rowsQuery(premises, table, columns)}) l`,
  );
  const { rows: count, checksum } = rows[0] as { rows: string; checksum: string };
  return { rows: Number(count), checksum };
}

/** How many rows the tenant has in one table. */
export async function countRows(premises: Premises, table: PremisesTable): Promise<number> {
  const { rows } = await premises.client.query(
    `select count(*)::text as rows from ${source(table)} t where ${isTenants(premises, table)}`,
  );
  return Number(rows[0]?.["rows"]);
}

/** Whether the tenant has any row in one table. */
export async function hasRows(
  client: SqlClient,
  premises: Premises,
  table: PremisesTable,
): Promise<boolean> {
  const { rows } = await client.query(
    `select exists (select from ${source(table)} t where ${isTenants(premises, table)}) as found`,
  );
  return rows[0]?.["found"] === true;
}
