import type { Index } from "../schema.js";
import { byTable } from "./by-table.js";
import { relationName } from "./names.js";
import type { ReadCatalog } from "./transaction.js";

const OPCLASS = `case when pg_opclass_is_visible(o.oid) then '' else quote_ident(opn.nspname) || '.' end
  || quote_ident(o.opcname)`;

// To name a key's own collation or operator class is right even where it is the default, so it is enough that none is
// left out which pg_get_indexdef names; what the default of an expression would be, the catalogue does not say.
const OPTIONS = `concat_ws(' ',
  case when k.collation <> 0 and a.attcollation is distinct from k.collation
    and (a.attnum is not null or strpos(w.definition, ' COLLATE ' || k.collation::regcollation) > 0)
    then 'COLLATE ' || k.collation::regcollation end,
  case when p.parameters is not null then ${OPCLASS} || ' (' || p.parameters || ')'
    when not (o.opcdefault and o.opcintype is not distinct from a.atttypid)
      and strpos(w.definition, ' ' || ${OPCLASS}) > 0 then ${OPCLASS} end,
  case when k.flags & 1 = 1 then 'DESC' end,
  case when k.flags & 3 = 1 then 'NULLS LAST' when k.flags & 3 = 2 then 'NULLS FIRST' end)`;

const KEYS = `(select json_agg(json_build_object(
    'column', a.attname,
    'definition', pg_get_indexdef(i.indexrelid, k.n, false),
    'options', ${OPTIONS}) order by k.n)
  from (select n, i.indkey[n - 1] as number, i.indcollation[n - 1] as collation, i.indclass[n - 1] as class,
      i.indoption[n - 1] as flags from generate_series(1, i.indnkeyatts) n) k
  join pg_opclass o on o.oid = k.class join pg_namespace opn on opn.oid = o.opcnamespace
  left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
  cross join lateral (select string_agg(quote_ident(option_name) || '=' || quote_literal(option_value), ', ')
      as parameters
    from pg_attribute ia, pg_options_to_table(ia.attoptions)
    where ia.attrelid = i.indexrelid and ia.attnum = k.n) p)`;

const INCLUDE = `coalesce((select json_agg(a.attname order by n)
  from generate_series(i.indnkeyatts + 1, i.indnatts) n
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[n - 1]), '[]')`;

const OPERATORS = `coalesce((select json_agg(
    case when pg_operator_is_visible(e.oid) then e.oprname::text
      else 'OPERATOR(' || quote_ident(en.nspname) || '.' || e.oprname || ')' end order by x.place)
  from unnest(con.conexclop) with ordinality x(oid, place)
  join pg_operator e on e.oid = x.oid join pg_namespace en on en.oid = e.oprnamespace), '[]')`;

// The keys of PostgreSQL 18 over periods are read through JSON, since older servers have no such column.
const CONSTRAINT = `case when con.oid is not null then json_build_object(
  'name', con.conname,
  'deferrable', con.condeferrable,
  'deferred', con.condeferred,
  'comment', obj_description(con.oid, 'pg_constraint'),
  'definition', pg_get_constraintdef(con.oid),
  'isInherited', con.conparentid <> 0,
  'withoutOverlaps', coalesce((to_jsonb(con) ->> 'conperiod')::boolean, false),
  'operators', ${OPERATORS}) end`;

const INDEXES = `
select i.indrelid::text as of, c.relname as name, i.indisunique as "isUnique", i.indisprimary as "isPrimary",
  i.indisexclusion as "isExclusion", i.indisvalid as "isValid", i.indisreplident as "isReplicaIdentity",
  i.indisclustered as "isClustered", i.indnullsnotdistinct as "nullsNotDistinct", am.amname as method,
  ${KEYS} as keys, ${INCLUDE} as include,
  pg_get_expr(i.indpred, i.indrelid) as predicate,
  coalesce(c.reloptions, '{}') as storage,
  (select t.spcname from pg_tablespace t where t.oid = c.reltablespace) as tablespace,
  obj_description(c.oid, 'pg_class') as comment,
  w.definition,
  ${CONSTRAINT} as constraint,
  (select ${relationName("h.inhparent")} from pg_inherits h where h.inhrelid = c.oid) as parent
from managed m
join pg_index i on i.indrelid = m.oid
join pg_class c on c.oid = i.indexrelid
join pg_am am on am.oid = c.relam
left join pg_constraint con
  on con.conrelid = i.indrelid and con.conindid = i.indexrelid and con.contype in ('p', 'u', 'x')
cross join lateral (select pg_get_indexdef(i.indexrelid) as definition) w
order by i.indrelid, i.indexrelid`;

/** Reads the indexes of every table, by name. */
export async function readIndexes(
  read: ReadCatalog,
): Promise<ReadonlyMap<string, readonly Index[]>> {
  return byTable<Index>(await read(INDEXES));
}
