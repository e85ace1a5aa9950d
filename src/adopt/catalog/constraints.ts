import type { Check, ForeignKey, Schema } from "../schema.js";
import { byTable, type Of } from "./by-table.js";
import { columnNames, relationName } from "./names.js";
import type { ReadCatalog } from "./transaction.js";

const action = (of: string) => `case ${of}
  when 'r' then 'restrict' when 'c' then 'cascade' when 'n' then 'set null' when 'd' then 'set default'
  else 'no action' end`;

// What PostgreSQL 18 added is read through JSON, since older servers have no such columns.
const FOREIGN_KEY = `con.conname as name,
  ${columnNames("con.conrelid", "con.conkey")} as columns,
  ${relationName("con.confrelid")} as references,
  ${columnNames("con.confrelid", "con.confkey")} as "referencedColumns",
  ${action("con.confdeltype")} as "onDelete",
  ${columnNames("con.conrelid", "con.confdelsetcols")} as "onDeleteColumns",
  ${action("con.confupdtype")} as "onUpdate",
  case con.confmatchtype when 'f' then 'full' else 'simple' end as match,
  con.condeferrable as deferrable, con.condeferred as deferred, con.convalidated as "isValidated",
  coalesce((to_jsonb(con) ->> 'conenforced')::boolean, true) as "isEnforced",
  coalesce((to_jsonb(con) ->> 'conperiod')::boolean, false) as "hasPeriod",
  obj_description(con.oid, 'pg_constraint') as comment,
  con.conparentid <> 0 as "isInherited",
  pg_get_constraintdef(con.oid) as definition`;

const FOREIGN_KEYS = `
select con.conrelid::text as of, ${FOREIGN_KEY}
from managed m join pg_constraint con on con.conrelid = m.oid and con.contype = 'f'
order by con.conrelid, con.conname`;

const FROM_OUTSIDE = `
select ${relationName("con.conrelid")} as of, ${FOREIGN_KEY}
from managed m join pg_constraint con on con.confrelid = m.oid and con.contype = 'f'
where con.conrelid not in (select oid from managed)
order by con.conrelid, con.conname`;

const CHECKS = `
select con.conrelid::text as of, con.conname as name, pg_get_constraintdef(con.oid) as definition,
  con.coninhcount > 0 as "isInherited"
from managed m join pg_constraint con on con.conrelid = m.oid and con.contype = 'c'
order by con.conrelid, con.conname`;

/** Reads the foreign keys of every table, by name. */
export async function readForeignKeys(
  read: ReadCatalog,
): Promise<ReadonlyMap<string, readonly ForeignKey[]>> {
  return byTable<ForeignKey>(await read<Of<ForeignKey>>(FOREIGN_KEYS));
}

/** Reads the foreign keys that other tables point at these with. */
export async function readForeignKeysFromOutside(
  read: ReadCatalog,
): Promise<Schema["foreignKeysFromOutside"]> {
  const rows = await read<ForeignKey & { of: Schema["foreignKeysFromOutside"][number]["table"] }>(
    FROM_OUTSIDE,
  );
  return rows.map(({ of, ...foreignKey }) => ({ table: of, foreignKey }));
}

/** Reads the check constraints of every table, by name. */
export async function readChecks(
  read: ReadCatalog,
): Promise<ReadonlyMap<string, readonly Check[]>> {
  return byTable<Check>(await read(CHECKS));
}
