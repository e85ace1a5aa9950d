import type { Column } from "../schema.js";
import { byTable } from "./by-table.js";
import type { ReadCatalog } from "./transaction.js";

// Of several sequences the one counts that values come from. A partition's identity is its root's.
const COLUMNS = `
select a.attrelid::text as of, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
  a.attnotnull as "notNull", pg_get_expr(d.adbin, d.adrelid) as "default",
  case a.attidentity when 'a' then 'always' when 'd' then 'by default' end as identity,
  a.attgenerated <> '' as generated,
  (select json_build_object('schema', sn.nspname, 'name', s.relname)
    from (
      select o.objid as oid, case o.deptype when 'i' then 1 else 3 end as rank from pg_depend o
      where o.classid = 'pg_class'::regclass and o.refclassid = 'pg_class'::regclass and o.deptype in ('i', 'a')
        and o.refobjid = coalesce(r.attrelid, a.attrelid) and o.refobjsubid = coalesce(r.attnum, a.attnum)
      union all
      select u.refobjid, 2 from pg_depend u
      where u.classid = 'pg_attrdef'::regclass and u.objid = d.oid and u.refclassid = 'pg_class'::regclass
        and pg_get_expr(d.adbin, d.adrelid) like '%nextval(%'
    ) f
    join pg_class s on s.oid = f.oid and s.relkind = 'S' join pg_namespace sn on sn.oid = s.relnamespace
    order by f.rank, s.oid limit 1) as sequence
from managed m
join pg_attribute a on a.attrelid = m.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
left join pg_attribute r on a.attidentity <> '' and r.attrelid = pg_partition_root(a.attrelid) and r.attname = a.attname
order by a.attrelid, a.attnum`;

/** Reads the columns of every table, in their order. */
export async function readColumns(
  read: ReadCatalog,
): Promise<ReadonlyMap<string, readonly Column[]>> {
  return byTable<Column>(await read(COLUMNS));
}
