import type { SqlClient } from "./catalog.js";
import { qualified, type TableName } from "./identifier.js";

/** A foreign key between two tables, partitions counted as their root. */
export interface CitusForeignKey {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly columns: readonly string[];
  readonly references: readonly string[];
  /** Whether an action of the key writes the referencing columns (SET NULL, SET DEFAULT, ON UPDATE CASCADE). */
  readonly rewrites: boolean;
}

/** What Citus would stumble over in one table and its partitions. */
export interface CitusFacts {
  readonly kind: "plain" | "partition" | "inherits" | "other";
  readonly rowSecurity: boolean;
  /** The tenant column's type and collation, to be the same in all tables. */
  readonly type: string | null;
  /** Whether the tenant column has a default, is an identity or is generated. */
  readonly valued: boolean;
  readonly triggers: readonly string[];
  /** Unique and exclusion indexes that do not compare the tenant column for equality. */
  readonly uniques: readonly string[];
}

const FACTS = `
with recursive tree as (
  select $1::pg_catalog.regclass::pg_catalog.oid as oid
  union
  select i.inhrelid from tree t join pg_catalog.pg_inherits i on i.inhparent = t.oid
)
select
  case when c.relkind not in ('r', 'p') then 'other'
    when c.relispartition then 'partition'
    when exists (select from pg_catalog.pg_inherits i where i.inhrelid = c.oid or (i.inhparent = c.oid and c.relkind = 'r')) then 'inherits'
    else 'plain' end as kind,
  (select bool_or(x.relrowsecurity) from tree join pg_catalog.pg_class x on x.oid = tree.oid) as "rowSecurity",
  (select pg_catalog.format_type(a.atttypid, a.atttypmod) || ' ' || a.attcollation::text from pg_catalog.pg_attribute a
    where a.attrelid = c.oid and a.attname = $2 and a.attnum > 0 and not a.attisdropped) as type,
  exists (select from tree join pg_catalog.pg_attribute a on a.attrelid = tree.oid
    where a.attname = $2 and a.attnum > 0 and (a.atthasdef or a.attidentity <> '')) as valued,
  array(select distinct g.tgname::text from tree join pg_catalog.pg_trigger g on g.tgrelid = tree.oid where not g.tgisinternal order by 1) as triggers,
  array(select distinct i.relname::text from tree join pg_catalog.pg_index x on x.indrelid = tree.oid
    join pg_catalog.pg_class i on i.oid = x.indexrelid
    where (x.indisunique or x.indisexclusion) and not exists (
      select from pg_catalog.pg_attribute a
      cross join pg_catalog.generate_series(1, x.indnkeyatts) as k
      left join pg_catalog.pg_constraint n on n.conindid = x.indexrelid and n.contype = 'x'
      left join pg_catalog.pg_operator o on o.oid = n.conexclop[k]
      where a.attrelid = x.indrelid and a.attname = $2 and a.attnum = x.indkey[k - 1]
        and (not x.indisexclusion or o.oprname = '='))
    order by 1) as uniques
from pg_catalog.pg_class c where c.oid = $1::pg_catalog.regclass`;

const KEYS = `
with keys as (
  select k.*, coalesce(pg_catalog.pg_partition_root(k.conrelid)::pg_catalog.oid, k.conrelid) as source,
    coalesce(pg_catalog.pg_partition_root(k.confrelid)::pg_catalog.oid, k.confrelid) as target
  from pg_catalog.pg_constraint k where k.contype = 'f' and k.conparentid = 0
)
select k.conname as name,
  pg_catalog.json_build_object('schema', fn.nspname, 'name', f.relname) as source,
  pg_catalog.json_build_object('schema', tn.nspname, 'name', t.relname) as target,
  array(select a.attname::text from pg_catalog.unnest(k.conkey) with ordinality u(n, i)
    join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.n order by u.i) as columns,
  array(select a.attname::text from pg_catalog.unnest(k.confkey) with ordinality u(n, i)
    join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.n order by u.i) as "references",
  k.confdeltype in ('n', 'd') or k.confupdtype in ('n', 'd', 'c') as rewrites
from keys k
join pg_catalog.pg_class f on f.oid = k.source join pg_catalog.pg_namespace fn on fn.oid = f.relnamespace
join pg_catalog.pg_class t on t.oid = k.target join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
order by 1, k.oid`;

/** Reads what Citus would stumble over in one table that exists. */
export async function readCitusFacts(
  client: SqlClient,
  table: TableName,
  column: string,
): Promise<CitusFacts> {
  const { rows } = await client.query(FACTS, [qualified(table), column]);
  return rows[0] as unknown as CitusFacts;
}

/** Reads every foreign key of the database, tables in their quoted form. */
export async function readCitusKeys(client: SqlClient): Promise<CitusForeignKey[]> {
  const { rows } = await client.query(KEYS);
  return rows.map((row) => ({
    ...(row as unknown as CitusForeignKey),
    from: qualified(row["source"] as TableName),
    to: qualified(row["target"] as TableName),
  }));
}
