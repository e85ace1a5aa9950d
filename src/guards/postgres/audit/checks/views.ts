import type { Check } from "../check.js";

const reachable = `(has_table_privilege(l.oid, v.oid, 'select, insert, update, delete')
    or has_any_column_privilege(l.oid, v.oid, 'select, insert, update'))`;

const ofTenants = `exists (select from reads r join tenant_table t on t.oid = r.source where r.view = v.oid)`;

/** Views through which tenants' rows are seen with somebody else's eyes. */
export const viewChecks: readonly Check[] = [
  {
    code: "view-runs-as-owner",
    severity: "critical",
    why: "The view {object} reads tenants' tables with the rights of its owner, whom other policies apply to, or none.",
    fix: "Let it run with the rights of whoever reads it.",
    sql: "alter view {object} set (security_invoker = true)",
    find: `select v.oid::regclass::text as object from pg_class v, login l
where v.relkind = 'v' and ${reachable} and ${ofTenants}
  and not exists (select from pg_options_to_table(v.reloptions) o
    where o.option_name = 'security_invoker' and o.option_value::boolean)`,
  },
  {
    code: "materialised-view",
    severity: "critical",
    why: "The materialised view {object} keeps a copy of tenants' rows, to which row security does not apply.",
    fix: "Take the login's rights; give the application a view or a tenant table instead.",
    sql: "revoke all on {object} from {login}, public",
    find: `select v.oid::regclass::text as object from pg_class v, login l
where v.relkind = 'm' and ${reachable} and ${ofTenants}`,
  },
];
