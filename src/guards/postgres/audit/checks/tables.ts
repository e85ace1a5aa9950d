import type { Check } from "../check.js";
import { ROLLOUT_CONDITION, writtenCondition } from "../../ddl/standing-rollouts.js";

/** Tables whose rows row security does not keep apart, or not all of them. */
export const tableChecks: readonly Check[] = [
  {
    code: "row-security-off",
    severity: "critical",
    why: "Row security is not enabled and forced on {object}, so its policies do not keep tenants apart.",
    fix: "Enable and force it; a foreign table can have none, so let the login reach it through its parent only.",
    find: `select object, case relkind when 'f' then format('revoke all on %s from %I, public', object, l.rolname)
  else format('alter table %s enable row level security, force row level security', object) end as sql
from tenant_table, login l where (has_policy or reachable) and not (relrowsecurity and relforcerowsecurity)`,
  },
  {
    // To the letter what the wall wrote: a condition that merely looks like it may let everything through.
    code: "policy-changed",
    severity: "critical",
    why: "The policy partywall_tenant of {object} is missing or not the one the wall wrote, so it may let every row pass.",
    fix: "Write it again, as partywall policies --apply does.",
    find: `select t.object, case when t.relkind = 'f' then format('revoke all on %s from %I, public', t.object, l.rolname)
  when t.tenant_type is not null and not exists (select from pg_policy h where h.polrelid = t.oid and h.polname = 'partywall_home') then format(
    'drop policy if exists partywall_tenant on %1$s; create policy partywall_tenant on %1$s as restrictive for all to %2$I using (%3$s = (select partywall.tenant_%4$s())) with check (%3$s = (select partywall.tenant_%4$s()))',
    t.object, l.rolname, t.tenant_name, t.tenant_type) end as sql
from tenant_table t, login l where t.home is null and (t.has_policy or t.reachable) and not exists (
  select from pg_policy p
  cross join lateral (select pg_get_expr(p.polqual, p.polrelid) as read, pg_get_expr(p.polwithcheck, p.polrelid) as written) e
  where p.polrelid = t.oid and p.polname = 'partywall_tenant' and not p.polpermissive and p.polcmd = '*'
    and l.oid = any (p.polroles)
    and ((e.read ~ '^\\([^=]+ = \\( SELECT partywall\\.tenant_[a-z]+\\(\\) AS tenant_[a-z]+\\)\\)$' and e.written = e.read)
      or (e.read ~ ${ROLLOUT_CONDITION} and e.written = ${writtenCondition("e.read")})))`,
  },
  {
    // The tenant that the schema is marked as the home of, and no other; for the login, or one of the tenant's own.
    code: "home-policy-changed",
    severity: "critical",
    why: "The policy partywall_home of {object}, in a tenant's own schema, is missing or not the one the wall wrote, so other tenants may reach its rows by its full name.",
    fix: "Write it again, as wallTenantSchema() does.",
    find: `select t.object, format(
    'drop policy if exists partywall_home on %1$s; create policy partywall_home on %1$s as restrictive for all to %2$I using ((select partywall.home_text()) = %3$L) with check ((select partywall.home_text()) = %3$L)',
    t.object, l.rolname, t.home) as sql
from tenant_table t, login l where t.home is not null and t.relkind in ('r', 'p') and (t.has_policy or t.reachable) and not exists (
  select from pg_policy p
  cross join lateral (select pg_get_expr(p.polqual, p.polrelid) as read, pg_get_expr(p.polwithcheck, p.polrelid) as written) e
  where p.polrelid = t.oid and p.polname = 'partywall_home' and not p.polpermissive and p.polcmd = '*'
    and (l.oid = any (p.polroles) or not t.reachable)
    and e.read = format('(( SELECT partywall.home_text() AS home_text) = %L::text)', t.home) and e.written = e.read)`,
  },
  {
    code: "table-unwalled",
    severity: "critical",
    why: "{object} holds tenants' rows, by its tenant column or by the configuration, and no wall stands before it.",
    fix: "Add it to the tables of the configuration (or say there that it is shared or unmanaged), then partywall policies --apply.",
    find: `select format('%I.%I', n.nspname, c.relname) as object
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join declared d on d.schema = n.nspname and d.name = c.relname
where c.relkind in ('r', 'p', 'f') and c.oid not in (select oid from tenant_table)
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'partywall')
  and (d.kind = 'tenant' or (d.kind is null
    and exists (select from pg_attribute a where a.attrelid = c.oid and not a.attisdropped
      and a.attname in (select name from tenant_column))
    and exists (select from login l where has_table_privilege(l.oid, c.oid, 'select, insert, update, delete')
      or has_any_column_privilege(l.oid, c.oid, 'select, insert, update'))))`,
  },
  {
    // A query of the parent reads the rows of its children under the parent's policies alone.
    code: "parent-unwalled",
    severity: "critical",
    why: "{object} is a parent of a tenant table and has no wall: whoever reads it reads the tenant table's rows past its policies.",
    fix: "Take the login's rights on it, or put it behind the wall too.",
    sql: "revoke all on {object} from {login}, public",
    find: `select distinct format('%I.%I', n.nspname, c.relname) as object
from above a join pg_class c on c.oid = a.oid join pg_namespace n on n.oid = c.relnamespace, login l
where c.oid not in (select oid from walled)
  and (has_table_privilege(l.oid, c.oid, 'select, update, delete') or has_any_column_privilege(l.oid, c.oid, 'select, update'))`,
  },
  {
    code: "truncate",
    severity: "critical",
    why: "The login may TRUNCATE {object}, which removes every tenant's rows and which no policy stops.",
    fix: "Take the right from the login and from PUBLIC.",
    sql: "revoke truncate on {object} from {login}, public",
    find: `select t.object from tenant_table t, login l where has_table_privilege(l.oid, t.oid, 'truncate')`,
  },
];
