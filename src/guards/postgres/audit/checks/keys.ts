import type { Check } from "../check.js";

/** Keys that reach across tenants: row security does not apply to what the database looks up for itself. */
export const keyChecks: readonly Check[] = [
  {
    code: "foreign-key-without-tenant",
    severity: "critical",
    why: "The foreign key {object} is looked up past row security: a tenant can refer to another's row, learn that it is there, and be changed by what happens to it.",
    fix: "Let it begin with the tenant column on both sides, as partywall adopt does.",
    find: `select format('%I on %s', k.conname, k.conrelid::regclass) as object
from pg_constraint k join tenant_table t on t.oid = k.confrelid left join tenant_table f on f.oid = k.conrelid
where k.contype = 'f' and k.conparentid = 0 and not exists (
  select from generate_subscripts(k.conkey, 1) at
  where k.conkey[at] = f.tenant_attnum and k.confkey[at] = t.tenant_attnum)
  and (t.home is null or f.relnamespace is distinct from t.relnamespace)`,
  },
  {
    // A value that is unique in the whole world is no tenant's to choose: uuid, identity, serial.
    code: "unique-without-tenant",
    severity: "high",
    why: "The unique index {object} spans every tenant: an error tells a tenant which values others have, and takes them from it.",
    fix: "Let the key begin with the tenant column.",
    find: `select i.indexrelid::regclass::text as object from pg_index i join tenant_table t on t.oid = i.indrelid
where t.home is null and (i.indisunique or i.indisexclusion)
  and not exists (select from pg_inherits h where h.inhrelid = i.indexrelid)
  and not exists (select from generate_series(0, i.indnkeyatts - 1) at where i.indkey[at] = t.tenant_attnum)
  and not exists (select from generate_series(0, i.indnkeyatts - 1) at
    join pg_attribute a on a.attrelid = t.oid and a.attnum = i.indkey[at]
    left join pg_attrdef d on d.adrelid = t.oid and d.adnum = a.attnum
    where a.atttypid = 'uuid'::regtype or a.attidentity <> '' or pg_get_expr(d.adbin, d.adrelid) like 'nextval(%')`,
  },
  {
    // Source: PostgreSQL manual, CREATE TABLE, "SET NULL [ ( column_name [, ... ] ) ]".
    code: "foreign-key-nulls-tenant",
    severity: "medium",
    why: "The foreign key {object} sets the tenant column too when its row is removed, so the row is lost to its tenant or the removal fails.",
    fix: "Name the other columns in ON DELETE SET NULL.",
    find: `select format('%I on %s', k.conname, t.object) as object,
  format('alter table %1$s drop constraint %2$I, add constraint %2$I %3$s', t.object, k.conname,
    regexp_replace(pg_get_constraintdef(k.oid), 'ON DELETE SET (NULL|DEFAULT)( \\([^)]*\\))?', 'ON DELETE SET \\1 (' ||
      (select string_agg(replace(quote_ident(a.attname), '\\', '\\\\'), ', ') from unnest(k.conkey) key join pg_attribute a on a.attrelid = t.oid and a.attnum = key
        where key <> t.tenant_attnum) || ')')) as sql
from pg_constraint k join tenant_table t on t.oid = k.conrelid
where k.contype = 'f' and k.conparentid = 0 and k.confdeltype = 'n' and t.tenant_attnum = any (k.conkey)
  and (coalesce(array_length(k.confdelsetcols, 1), 0) = 0 or t.tenant_attnum = any (k.confdelsetcols))`,
  },
];
