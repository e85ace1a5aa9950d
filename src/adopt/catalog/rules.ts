import {
  isFiredByForeignKey,
  isInert,
  isPlainInsert,
} from "../../guards/postgres/ddl/confinement.js";
import type { Rule } from "../schema.js";
import { relationName } from "./names.js";
import type { ReadCatalog } from "./transaction.js";

const RULES = `
with touch as (
  select r.oid as rule, r.ev_class as oid from pg_rewrite r where r.ev_type <> '1'
  union
  select r.oid, d.refobjid from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
    and d.refclassid = 'pg_class'::regclass
  where r.ev_type <> '1'
)
select ${relationName("r.ev_class")} as on, r.rulename as name,
  c.relkind in ('v', 'm') as "isOnView",
  rtrim(pg_get_ruledef(r.oid), ';') as definition,
  o.rolname as owner,
  o.rolsuper or o.rolbypassrls as "ownerBypasses",
  ${isInert} as "isInert",
  ${isPlainInsert} as "isPlainInsert",
  ${isFiredByForeignKey} as "isFiredByForeignKey",
  coalesce((select json_agg(json_build_object(
      'schema', tn.nspname, 'name', t.relname,
      'printed', t.oid::regclass::text,
      'columns', array(select a.attname from pg_depend d join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
        where d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
          and d.refobjid = t.oid and d.refobjsubid > 0 order by a.attnum)) order by tn.nspname, t.relname)
    from touch u join pg_class t on t.oid = u.oid and t.relkind in ('r', 'p', 'f', 'v', 'm')
    join pg_namespace tn on tn.oid = t.relnamespace
    where u.rule = r.oid), '[]') as touches
from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
join pg_roles o on o.oid = c.relowner
where r.ev_type <> '1' and c.relpersistence <> 't' and (n.nspname = any ($1::text[])
  or exists (select from touch u join managed m on m.oid = u.oid where u.rule = r.oid))
order by n.nspname, c.relname, r.rulename`;

/** Reads the rules of the schemas and those anywhere that touch their tables, but not those that make a view. */
export const readWriteRules = (read: ReadCatalog): Promise<readonly Rule[]> => read(RULES);
