import { quoteLiteral } from "../ddl/identifier.js";
import type { AuditSubject } from "./check.js";

/**
 * The beginning of every check's query: relations that describe the wall as the catalogue has it.
 *
 * - `login`: the application's login, one row of `pg_roles`.
 * - `declared (schema, name, kind)`: what is said elsewhere of tables.
 * - `walled (oid)`: tables that have a policy of the wall, whatever it says.
 * - `tenant_column (name)`: names that tenant columns have.
 * - `tenant_table`: the walled tables and all their partitions and children: `oid`, `relnamespace`, `relowner`,
 *   `relrowsecurity`, `relforcerowsecurity`, `object` (quoted and qualified), `has_policy`, `tenant_attnum` (null
 *   where there is no such column) and `reachable` (whether the login has a right to its rows).
 * - `reads (view, source)`: views and materialised views and every relation they read, directly or through others.
 */
export function relations(subject: AuditSubject): string {
  const declared = (subject.declared ?? []).map(
    ({ schema, name, kind }) =>
      `(${[schema, name, kind].map((text) => `${quoteLiteral(text)}::text`).join(", ")})`,
  );
  return `with recursive
login as (select * from pg_roles where rolname = ${quoteLiteral(subject.login)}),
declared (schema, name, kind) as (${
    declared.length === 0
      ? "select null::text, null::text, null::text where false"
      : `values ${declared.join(", ")}`
  }),
walled as (
  select distinct polrelid as oid from pg_policy
  where polname in ('partywall_tenant', 'partywall_app', 'partywall_across')
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
family as (
  select oid from walled
  union select i.inhrelid from family f join pg_inherits i on i.inhparent = f.oid
),
tenant_table as (
  select c.oid, c.relnamespace, c.relowner, c.relrowsecurity, c.relforcerowsecurity,
    format('%I.%I', n.nspname, c.relname) as object,
    c.oid in (select oid from walled) as has_policy,
    coalesce((select p.attnum from policy_column p where p.oid = c.oid),
      (select min(a.attnum) from pg_attribute a
        where a.attrelid = c.oid and not a.attisdropped and a.attname in (select name from tenant_column))) as tenant_attnum,
    exists (select from login l where has_table_privilege(l.oid, c.oid, 'select, insert, update, delete')
      or has_any_column_privilege(l.oid, c.oid, 'select, insert, update')) as reachable
  from family f join pg_class c on c.oid = f.oid join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'f')
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
