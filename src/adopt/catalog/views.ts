import type { View } from "../schema.js";
import { extensionOf, relationName } from "./names.js";
import type { ReadCatalog } from "./transaction.js";
import { viewGrants } from "./view-grants.js";

const NAME = "format('%I.%I', n.nspname, v.relname)";

// What a rule other than the view's own does is no reading, but it stands on its tables all the same.
const VIEWS = `
with recursive uses as materialized (
  select distinct r.ev_class as view, d.refobjid as relation, r.ev_type = '1' as reads
  from pg_rewrite r
  join pg_class v on v.oid = r.ev_class and v.relkind in ('v', 'm') and v.relpersistence <> 't'
  join pg_namespace n on n.oid = v.relnamespace and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
  join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
    and d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
  join pg_class t on t.oid = d.refobjid and t.relkind in ('r', 'p', 'f', 'v', 'm')
), listed as (
  (
    select v.oid from pg_class v join pg_namespace n on n.oid = v.relnamespace
    where v.relkind in ('v', 'm') and n.nspname = any ($1::text[])
    union
    select u.view from uses u join managed m on m.oid = u.relation
  )
  union
  select u.view from listed l join uses u on u.relation = l.oid
)
select v.oid::text as oid,
  array(select distinct u.relation::text from uses u where u.view = v.oid) as needs,
  json_build_object(
    'schema', n.nspname,
    'name', v.relname,
    'isMaterialized', v.relkind = 'm',
    'owner', pg_get_userbyid(v.relowner),
    'definition', rtrim(pg_get_viewdef(v.oid), ';'),
    'securityInvoker', exists (select from pg_options_to_table(v.reloptions)
      where option_name = 'security_invoker' and option_value::boolean),
    'options', coalesce(v.reloptions, '{}'),
    'tablespace', (select t.spcname from pg_tablespace t where t.oid = v.reltablespace),
    'isPopulated', v.relispopulated,
    'columns', array(select a.attname from pg_attribute a
      where a.attrelid = v.oid and a.attnum > 0 and not a.attisdropped order by a.attnum),
    'reads', coalesce((select json_agg(${relationName("t.oid")} order by tn.nspname, t.relname)
      from uses u join pg_class t on t.oid = u.relation join pg_namespace tn on tn.oid = t.relnamespace
      where u.view = v.oid and u.reads), '[]'),
    'dependents', array(select distinct pg_describe_object(d.classid, d.objid, d.objsubid)
      from pg_type y join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = v.oid
        or d.refclassid = 'pg_type'::regclass and d.refobjid in (y.oid, y.typarray)
      where y.oid = v.reltype and d.deptype = 'n' and not exists (
        select from pg_rewrite r join listed o on o.oid = r.ev_class
        where d.classid = 'pg_rewrite'::regclass and r.oid = d.objid)
      order by 1),
    'constraints', coalesce((
      select json_agg(json_build_object('table', ${relationName("con.conrelid")}, 'name', con.conname) order by con.oid)
      from pg_constraint con
      where con.oid in (select d.refobjid from pg_rewrite r join pg_depend d on d.objid = r.oid
        where r.ev_class = v.oid and d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_constraint'::regclass)
      ), '[]'),
    'comment', obj_description(v.oid, 'pg_class'),
    'columnComments', coalesce((
      select json_agg(json_build_object('column', a.attname, 'comment', d.description) order by a.attnum)
      from pg_description d join pg_attribute a on a.attrelid = d.objoid and a.attnum = d.objsubid
      where d.classoid = 'pg_class'::regclass and d.objoid = v.oid and d.objsubid > 0), '[]'),
    'grants', ${viewGrants("v", NAME)},
    'extension', ${extensionOf("pg_class", "v.oid")},
    'rules', array(select s.sql
      from pg_rewrite r, lateral (values
        (1, rtrim(pg_get_ruledef(r.oid), ';')),
        (2, 'COMMENT ON RULE ' || quote_ident(r.rulename) || ' ON ' || ${NAME} || ' IS '
          || quote_literal(obj_description(r.oid, 'pg_rewrite')))
      ) s(place, sql)
      where r.ev_class = v.oid and r.ev_type <> '1' and s.sql is not null
      order by r.rulename, s.place),
    'triggers', array(select s.sql
      from pg_trigger t, lateral (values
        (1, pg_get_triggerdef(t.oid)),
        (2, 'COMMENT ON TRIGGER ' || quote_ident(t.tgname) || ' ON ' || ${NAME} || ' IS '
          || quote_literal(obj_description(t.oid, 'pg_trigger')))
      ) s(place, sql)
      where t.tgrelid = v.oid and not t.tgisinternal and s.sql is not null
      order by t.tgname, s.place),
    'defaults', coalesce((
      select json_agg(json_build_object('column', a.attname, 'expression', pg_get_expr(d.adbin, d.adrelid)) order by a.attnum)
      from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
      where d.adrelid = v.oid), '[]'),
    'indexes', array(select s.sql
      from pg_index i join pg_class c on c.oid = i.indexrelid left join pg_tablespace t on t.oid = c.reltablespace,
      lateral (select format('%I.%I', n.nspname, c.relname) as name) x,
      lateral (values
        (1, pg_get_indexdef(c.oid)),
        (2, 'ALTER INDEX ' || x.name || ' SET TABLESPACE ' || quote_ident(t.spcname)),
        (3, case when i.indisclustered then format('ALTER MATERIALIZED VIEW %s CLUSTER ON %I', ${NAME}, c.relname) end),
        (4, 'COMMENT ON INDEX ' || x.name || ' IS ' || quote_literal(obj_description(c.oid, 'pg_class')))
      ) s(place, sql)
      where i.indrelid = v.oid and s.sql is not null
      order by c.relname, s.place)) as view
from listed l join pg_class v on v.oid = l.oid join pg_namespace n on n.oid = v.relnamespace
order by n.nspname, v.relname`;

/** Reads the views of the schemas and those anywhere that stand on their tables, by name; `needs` are the oids of those. */
export const readViews = (
  read: ReadCatalog,
): Promise<readonly { oid: string; needs: readonly string[]; view: View }[]> => read(VIEWS);
