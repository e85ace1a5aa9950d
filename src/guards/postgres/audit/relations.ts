import { quoteLiteral } from "../ddl/identifier.js";
import { homeMark } from "../ddl/tenant-schema.js";
import { ROLLOUT_CONDITION } from "../ddl/standing-rollouts.js";
import type { AuditSubject } from "./check.js";

/** How the comment begins that marks a schema as a tenant's. */
const HOME_MARK = homeMark("");

/**
 * The beginning of every check's query: relations that describe the wall as the catalogue has it.
 *
 * - `login`: the application's login, one row of `pg_roles`.
 * - `becomes (oid, rolname)`: the login and every role that it is a member of, directly or through others.
 * - `declared (schema, name, kind)`: what is said elsewhere of tables.
 * - `walled (oid)`: tables that have a policy of the wall, whatever it says.
 * - `tenant_column (name)`: names that tenant columns have.
 * - `tenant_table`: the walled tables and all their partitions and children: `oid`, `relnamespace`, `relowner`,
 *   `relkind`, `relispartition`, `relrowsecurity`, `relforcerowsecurity`, `object` (quoted and qualified), `has_policy`,
 *   `tenant_attnum` (null where there is no such column), `tenant_name` (its name, quoted), `tenant_type` (by which the
 *   wall calls its type), `in_rollout`, `reachable` (whether the login has a right to its rows) and `home` (the tenant in
 *   whose schema it is; null for a table that tenants share). All tables of a tenant's schema are among them.
 * - `above (oid)`: every parent of a walled table.
 * - `reads (view, source)`: views and materialised views and every relation they read, directly or through others.
 */
export function relations(subject: AuditSubject): string {
  const declared = (subject.declared ?? []).map(
    ({ schema, name, kind }) =>
      `(${[schema, name, kind].map((text) => `${quoteLiteral(text)}::text`).join(", ")})`,
  );
  return `with recursive
login as (select * from pg_roles where rolname = ${quoteLiteral(subject.login)}),
becomes as (
  select oid, rolname from login
  union select r.oid, r.rolname from becomes b join pg_auth_members m on m.member = b.oid join pg_roles r on r.oid = m.roleid
),
declared (schema, name, kind) as (${
    declared.length === 0
      ? "select null::text, null::text, null::text where false"
      : `values ${declared.join(", ")}`
  }),
walled as (
  select distinct polrelid as oid from pg_policy
  where polname in ('partywall_tenant', 'partywall_home', 'partywall_app', 'partywall_across')
),
policy_column as (
  select p.polrelid as oid, min(d.refobjsubid) as attnum
  from pg_policy p join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
    and d.refclassid = 'pg_class'::regclass and d.refobjid = p.polrelid and d.refobjsubid > 0
  where p.polname = 'partywall_tenant' group by p.polrelid
),
tenant_column as (
  select ${quoteLiteral(subject.tenantColumn)}::name as name
  union select a.attname from policy_column c join pg_attribute a on a.attrelid = c.oid and a.attnum = c.attnum
),
home as (
  select n.oid, substr(obj_description(n.oid, 'pg_namespace'), ${HOME_MARK.length + 1}) as tenant from pg_namespace n
  where starts_with(obj_description(n.oid, 'pg_namespace'), ${quoteLiteral(HOME_MARK)})
),
family as (
  select oid from walled
  union select c.oid from pg_class c join home h on h.oid = c.relnamespace where c.relkind in ('r', 'p', 'f')
  union select i.inhrelid from family f join pg_inherits i on i.inhparent = f.oid
),
above as (
  select i.inhparent as oid from walled w join pg_inherits i on i.inhrelid = w.oid
  union select i.inhparent from above a join pg_inherits i on i.inhrelid = a.oid
),
member as (
  select c.*, coalesce(pc.attnum,
    (select min(a.attnum) from pg_attribute a
      where a.attrelid = c.oid and not a.attisdropped and a.attname in (select name from tenant_column))) as tenant_attnum
  from family f join pg_class c on c.oid = f.oid left join policy_column pc on pc.oid = f.oid where c.relkind in ('r', 'p', 'f')
),
tenant_table as materialized (
  select c.oid, c.relnamespace, c.relowner, c.relkind, c.relispartition, c.relrowsecurity, c.relforcerowsecurity,
    format('%I.%I', n.nspname, c.relname) as object,
    c.oid in (select oid from walled) as has_policy,
    c.tenant_attnum, quote_ident(a.attname) as tenant_name,
    case a.atttypid when 'uuid'::regtype then 'uuid' when 'int8'::regtype then 'bigint'
      when 'text'::regtype then 'text' when 'varchar'::regtype then 'text' end as tenant_type,
    exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'partywall_tenant'
      and pg_get_expr(p.polqual, p.polrelid) ~ ${ROLLOUT_CONDITION}) as in_rollout,
    exists (select from login l where has_table_privilege(l.oid, c.oid, 'select, insert, update, delete')
      or has_any_column_privilege(l.oid, c.oid, 'select, insert, update')) as reachable,
    h.tenant as home
  from member c join pg_namespace n on n.oid = c.relnamespace left join home h on h.oid = n.oid
  left join pg_attribute a on a.attrelid = c.oid and a.attnum = c.tenant_attnum
),
rule as (
  select r.ev_class as view, d.refobjid as source
  from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
    and d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
  where r.ev_type = '1'
),
reads as (
  select view, source from rule
  union select r.view, further.source from reads r join rule further on further.view = r.source
)
`;
}
