import type { Check } from "../check.js";

const attribute = (code: string, column: string, why: string): Check => ({
  code: `login-${code}`,
  severity: "critical",
  why,
  fix: `alter role {login} no${code}`,
  find: `select quote_ident(rolname) as object from login where ${column}`,
});

/** What the application's login is, owns and may become. */
export const loginChecks: readonly Check[] = [
  attribute("superuser", "rolsuper", "No policy and no privilege applies to a superuser."),
  attribute("bypassrls", "rolbypassrls", "No policy applies to a login with BYPASSRLS."),
  attribute(
    "createrole",
    "rolcreaterole",
    "The login can make itself a role that sees every tenant.",
  ),
  attribute(
    "replication",
    "rolreplication",
    "The login can read every tenant's changes as they are made.",
  ),
  {
    code: "login-owns",
    severity: "critical",
    why: "Whoever owns a part of the wall can take it down.",
    fix: "Give the {object} to the migrator with ALTER … OWNER TO, or end the membership through which the login owns it.",
    find: `select owned.object from login l, (
  select 'table ' || object as object, relowner as owner from tenant_table
  union all select 'database ' || quote_ident(datname), datdba from pg_database where datname = current_database()
  union all select 'schema ' || quote_ident(nspname), nspowner from pg_namespace
    where nspname = 'partywall' or oid in (select relnamespace from tenant_table)
  union all select 'function ' || oid::regprocedure, proowner from pg_proc where pronamespace = to_regnamespace('partywall')
  union all select 'table ' || oid::regclass, relowner from pg_class
    where relnamespace = to_regnamespace('partywall') and relkind = 'r'
) owned where not l.rolsuper and pg_has_role(l.oid, owned.owner, 'usage')`,
  },
  {
    code: "login-member",
    severity: "critical",
    why: "The login can become the role {object} with SET ROLE, whose rights are not the application's.",
    fix: "revoke {object} from {login}",
    find: `select quote_ident(r.rolname) as object from login l
join pg_auth_members m on m.member = l.oid join pg_roles r on r.oid = m.roleid`,
  },
  {
    code: "seal-parameter",
    severity: "critical",
    why: "The login may set the parameter that carries the tenant, so its SQL can name any tenant.",
    fix: "revoke set on parameter {object} from {login}, public",
    find: `select 'backtrace_functions' as object from login
where not rolsuper and has_parameter_privilege(oid, 'backtrace_functions', 'set')`,
  },
  {
    code: "seals-reachable",
    severity: "critical",
    why: "The login has rights on the secrets by which tenants are entered.",
    fix: "revoke all on {object} from {login}, public",
    find: `select c.oid::regclass::text as object from login l, pg_class c
where c.relnamespace = to_regnamespace('partywall') and c.relkind = 'r' and c.relname in ('seals', 'seal_key')
  and not l.rolsuper and (has_table_privilege(l.oid, c.oid, 'select, insert, update, delete, truncate')
    or has_any_column_privilege(l.oid, c.oid, 'select, insert, update'))`,
  },
  {
    code: "wall-missing",
    severity: "critical",
    why: "The functions that seal a tenant are not there, so nothing keeps tenants apart in this database.",
    fix: "partywall policies --apply",
    find: `select 'partywall.enter(bytea)' as object where to_regprocedure('partywall.enter(bytea)') is null`,
  },
];
