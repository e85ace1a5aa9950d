import { qualified, quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";
import { refused } from "../refusal.js";
import type { Premises } from "./premises.js";
import { isTenants } from "./rows.js";
import { titleOf, type PremisesTable } from "./tables.js";

interface OutsideKey {
  readonly name: string;
  readonly schema: string;
  readonly table: string;
  readonly from: string;
  readonly target: string;
  readonly columns: readonly string[];
  readonly targetColumns: readonly string[];
}

/**
 * Rejects with `PW_TENANT_DATA_REFUSED` where rows that are not the tenant's point at rows that are: deleting these would
 * fail at them, or take them along.
 */
export async function assertNobodyPoints(
  premises: Premises,
  tables: readonly PremisesTable[],
): Promise<void> {
  const byOid = new Map(tables.map((table) => [table.oid, table]));
  for (const key of await keysTo(premises, tables)) {
    const target = byOid.get(key.target)!;
    const from = byOid.get(key.from);
    const pairs = key.columns.map((name, at) => [name, key.targetColumns[at]!] as const);
    const paired =
      from !== undefined &&
      pairs.some(([own, its]) => own === from.tenantColumn && its === target.tenantColumn);
    if (paired) continue;
    const joined = pairs.map(
      ([own, its]) => `o.${quoteIdentifier(own)} = t.${quoteIdentifier(its)}`,
    );
    const others =
      from === undefined || from.tenantColumn === null
        ? "true"
        : `not coalesce(${isTenants(premises, from, "o")}, false)`;
    const { rows } = await premises.client.query(
      `select exists (select from ${qualified({ schema: key.schema, name: key.table })} o join ${qualified(target)} t on ${joined.join(" and ")} where ${isTenants(premises, target)} and ${others}) as found`,
    );
    if (rows[0]?.["found"] !== true) continue;
    throw refused(
      `Rows of ${key.schema}.${key.table} that are not this tenant's point at rows of ${titleOf(target)} that are (foreign key ${key.name}). Nothing was deleted. Take those references away first.`,
    );
  }
}

async function keysTo(
  { client }: Premises,
  tables: readonly PremisesTable[],
): Promise<readonly OutsideKey[]> {
  if (tables.length === 0) return [];
  const names = (relation: string, numbers: string) => `(select json_agg(a.attname order by n.at)
    from unnest(${numbers}) with ordinality n(number, at) join pg_attribute a on a.attrelid = ${relation} and a.attnum = n.number)`;
  const { rows } = await client.query(
    `select coalesce(json_agg(f), '[]')::text as found from (
select k.conname as name, n.nspname as schema, c.relname as table, coalesce(pg_partition_root(c.oid), c.oid)::oid::text as from,
  coalesce(pg_partition_root(k.confrelid), k.confrelid)::oid::text as target,
  ${names("k.conrelid", "k.conkey")} as columns, ${names("k.confrelid", "k.confkey")} as "targetColumns"
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where k.contype = 'f' and k.conparentid = 0
  and coalesce(pg_partition_root(k.confrelid), k.confrelid)::oid in (${tables.map(({ oid }) => oid).join(", ")})
order by 2, 3, 1) f`,
  );
  return JSON.parse(rows[0]?.["found"] as string) as OutsideKey[];
}
