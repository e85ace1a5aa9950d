import type pg from "pg";
import type { AdoptionPlan } from "partywall/adopt";

/** What is found, and by which query: `$1` is JSON of the plan's tables, `$2` the application's login, `$3` the schemas. */
const CHECKS: Readonly<Record<string, string>> = {
  "is a table that the plan does not know": `
    select r.name from relations r where r.relkind in ('r', 'p') and not exists (select from planned p where p.oid = r.root)`,
  "has no tenant column of the right type, NOT NULL and stamped by the database": `
    select t.name from tenant_tables t where not exists (select from pg_attribute a join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = t.oid and a.attname = t.col and a.attnotnull and not a.attisdropped
        and pg_get_expr(d.adbin, d.adrelid) = 'partywall.tenant_' || (case a.atttypid when 'uuid'::regtype then 'uuid' when 'int8'::regtype then 'bigint' else 'text' end) || '()')`,
  "has no forced row security": `select t.name from tenant_tables t join pg_class c using (oid) where not (c.relrowsecurity and c.relforcerowsecurity)`,
  "has no restrictive policy for the application": `
    select t.name from tenant_tables t where not exists (select from pg_policy p where p.polrelid = t.oid and not p.polpermissive and p.polcmd = '*'
      and p.polroles @> array[$2::regrole::oid] and pg_get_expr(p.polqual, t.oid) like '%' || t.col || '%partywall.tenant_%'
      and coalesce(pg_get_expr(p.polwithcheck, t.oid), pg_get_expr(p.polqual, t.oid)) = pg_get_expr(p.polqual, t.oid))`,
  "has no index of all its rows that begins with the tenant": `
    select t.name from tenant_tables t where not exists (select from pg_index i join pg_attribute a on a.attrelid = t.oid and a.attnum = i.indkey[0]
      join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
      where i.indrelid = t.oid and a.attname = t.col and i.indisvalid and i.indpred is null and m.amname = 'btree')`,
  "is a unique index of all tenants together": `
    select t.name || '.' || x.relname as name from tenant_tables t join pg_index i on i.indrelid = t.oid and (i.indisunique or i.indisexclusion) join pg_class x on x.oid = i.indexrelid
    where not exists (select from pg_attribute a where a.attrelid = t.oid and a.attname = t.col and a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1]))
      and not (i.indisprimary and not coalesce(t.pk ? t.col, false))`,
  "is an exclusion constraint that does not compare the tenant with =": `
    select t.name || '.' || k.conname as name from tenant_tables t join pg_constraint k on k.conrelid = t.oid and k.contype = 'x'
    where not exists (select from pg_attribute a, unnest(k.conkey, k.conexclop) u (attnum, operator) join pg_operator o on o.oid = u.operator
      where a.attrelid = t.oid and a.attname = t.col and u.attnum = a.attnum and o.oprname = '=')`,
  "is a foreign key that crosses tenants": `
    select t.name || '.' || k.conname as name from tenant_tables t join pg_constraint k on k.conrelid = t.oid and k.contype = 'f' join tenant_tables f on f.oid = k.confrelid
    where not exists (select from unnest(k.conkey, k.confkey) u (mine, theirs) join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.mine
      join pg_attribute b on b.attrelid = k.confrelid and b.attnum = u.theirs where a.attname = t.col and b.attname = f.col)`,
  "is a foreign key by which tenants' rows can be referenced from outside": `
    select r.name || '.' || k.conname as name from relations r join pg_constraint k on k.conrelid = r.oid and k.contype = 'f' join tenant_tables f on f.oid = k.confrelid
    where not exists (select from tenant_tables t where t.oid = r.oid) and has_table_privilege($2, r.oid, 'insert, update')`,
  "is a foreign key that would empty the tenant": `
    select t.name || '.' || k.conname as name from tenant_tables t join pg_constraint k on k.conrelid = t.oid and k.contype = 'f' join pg_attribute a on a.attrelid = t.oid and a.attname = t.col and a.attnum = any(k.conkey)
    where k.confupdtype in ('n', 'd') or (k.confdeltype in ('n', 'd') and (k.confdelsetcols is null or a.attnum = any(k.confdelsetcols)))`,
  "is an invalid index": `select r.name || '.' || x.relname as name from relations r join pg_index i on i.indrelid = r.oid and not i.indisvalid join pg_class x on x.oid = i.indexrelid`,
  "is a sequence behind the rows": `
    select q.name from (select r.name || '.' || a.attname as name, s.seqincrement, coalesce(pg_sequence_last_value(q.oid), s.seqstart - s.seqincrement) as at,
        (xpath('/row/m/text()', query_to_xml(format('select %s(%I) as m from %s', case when s.seqincrement > 0 then 'max' else 'min' end, a.attname, r.oid::regclass), false, true, '')))[1]::text::bigint as furthest
      from relations r join pg_attribute a on a.attrelid = r.oid and not a.attisdropped and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
      left join pg_attrdef e on e.adrelid = a.attrelid and e.adnum = a.attnum
      join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = e.oid and d.refclassid = 'pg_class'::regclass
        or d.classid = 'pg_class'::regclass and d.refobjid = r.oid and d.refobjsubid = a.attnum and d.deptype = 'i'
      join pg_class q on q.relkind = 'S' and q.oid = case when d.classid = 'pg_class'::regclass then d.objid else d.refobjid end
      join pg_sequence s on s.seqrelid = q.oid where r.relkind in ('r', 'p') and not s.seqcycle) q
    where case when seqincrement > 0 then furthest > at else furthest < at end`,
  "is a view that reads with its owner's rights": `
    select r.name from relations r join pg_class c using (oid) where r.relkind = 'v' and has_table_privilege($2, r.oid, 'select, insert, update, delete')
      and not coalesce(c.reloptions && array['security_invoker=true', 'security_invoker=on', 'security_invoker=1'], false)`,
  "is a materialised view that the application can read": `select r.name from relations r where r.relkind = 'm' and has_table_privilege($2, r.oid, 'select')`,
  "lets the application read tenants' rows past their policies": `
    select n.nspname || '.' || c.relname as name from showing s join pg_class c on c.oid = s.view join pg_namespace n on n.oid = c.relnamespace
    where has_schema_privilege($2, n.oid, 'usage') and has_table_privilege($2, c.oid, 'select')
      and not (c.relkind = 'v' and coalesce(c.reloptions && array['security_invoker=true', 'security_invoker=on', 'security_invoker=1'], false))`,
  "is owned by the application": `select r.name from relations r join pg_class c using (oid) where c.relowner = $2::regrole`,
  "gives the application other rights than the wall does": `
    select t.name from tenant_tables t where t.reached and not (has_table_privilege($2, t.oid, 'select') and has_table_privilege($2, t.oid, 'insert') and has_table_privilege($2, t.oid, 'update') and has_table_privilege($2, t.oid, 'delete'))
      or has_table_privilege($2, t.oid, 'truncate, references, trigger')`,
};

const WITH = `with recursive ours as (select oid, nspname from pg_namespace where nspname = any($3::text[])),
  tree as (select c.oid as root, c.oid from pg_class c join ours n on n.oid = c.relnamespace where not c.relispartition
    union all select tree.root, i.inhrelid from tree join pg_inherits i on i.inhparent = tree.oid join pg_class c on c.oid = i.inhrelid and c.relispartition),
  relations as (select c.oid, tree.root, c.relkind, n.nspname || '.' || c.relname as name from tree join pg_class c using (oid) join ours n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm') and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')),
  planned as (select p.kind, p.col, p.pk, c.oid from jsonb_to_recordset($1::jsonb) p (schema text, name text, kind text, col text, pk jsonb)
    join ours n on n.nspname = p.schema join pg_class c on c.relnamespace = n.oid and c.relname = p.name),
  tenant_tables as (select r.oid, r.name, p.col, p.pk, r.oid = r.root as reached from relations r join planned p on p.oid = r.root and p.kind = 'tenant' where r.relkind in ('r', 'p')),
  reads as (select w.ev_class as view, d.refobjid as target from pg_rewrite w
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass and d.refobjid <> w.ev_class where w.rulename = '_RETURN'),
  showing as (select r.view from reads r join tenant_tables t on t.oid = r.target union select r.view from reads r join showing s on s.view = r.target),
  bound as (select $2::text)`;

/** Says where the adopted schema would let one tenant see, meet or reach another, as the catalogue tells it. */
export async function unsound(
  keeper: pg.Client,
  plan: AdoptionPlan,
  app: string,
): Promise<string[]> {
  const tables = plan.tables.map(({ schema, name, kind, column, primaryKey }) => {
    return { schema, name, kind, col: column ?? null, pk: primaryKey ?? null };
  });
  const found: string[] = [];
  for (const [what, sql] of Object.entries(CHECKS)) {
    const { rows } = await keeper.query<{ name: string }>(`${WITH} ${sql} order by 1`, [
      JSON.stringify(tables),
      app,
      plan.options.schemas ?? ["public"],
    ]);
    for (const { name } of rows) found.push(`${name} ${what}`);
  }
  return found;
}
