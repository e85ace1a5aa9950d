import type { Check } from "../check.js";

const attribute = (code: string, column: string, why: string): Check => ({
  code: `login-${code}`,
  severity: "critical",
  why,
  fix: "Take the attribute from the login.",
  sql: `alter role {login} no${code}`,
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
    fix: "Give the {object} to the migrator, or end the membership through which the login owns it.",
    // To whoever runs it, with what an owner's rights leave behind taken away.
    find: `select owned.object,
  case when owned.owner = l.oid then format('alter %1$s owner to current_user; revoke all on %1$s from %2$I', owned.object, l.rolname)
    || case when owned.again <> '' then format('; grant %s on %s to %I', owned.again, owned.object, l.rolname) else '' end end as sql
from login l, (
  select 'table ' || object as object, relowner as owner, 'select, insert, update, delete' as again from tenant_table
  union all select 'database ' || quote_ident(datname), datdba, 'connect' from pg_database where datname = current_database()
  union all select 'schema ' || quote_ident(nspname), nspowner, 'usage' from pg_namespace
    where nspname = 'partywall' or oid in (select relnamespace from tenant_table)
  union all select 'function ' || oid::regprocedure, proowner, 'execute' from pg_proc where pronamespace = to_regnamespace('partywall')
  union all select 'table ' || oid::regclass, relowner, '' from pg_class
    where relnamespace = to_regnamespace('partywall') and relkind = 'r'
) owned where not l.rolsuper and pg_has_role(l.oid, owned.owner, 'usage')`,
  },
  {
    code: "login-member",
    severity: "critical",
    why: "The login is a member of {object}, directly or through another role, and has or can take the rights of it.",
    fix: "End the membership.",
    find: `select quote_ident(b.rolname) as object,
  (select string_agg(format('revoke %I from %I granted by %I', b.rolname, l.rolname, g.rolname), '; ')
    from pg_auth_members m join pg_roles g on g.oid = m.grantor where m.member = l.oid and m.roleid = b.oid) as sql
from login l join becomes b on b.oid <> l.oid`,
  },
  {
    code: "seal-parameter",
    severity: "critical",
    why: "The login may set the parameter that carries the tenant, so its SQL can name any tenant.",
    fix: "Take the right from the login and from PUBLIC.",
    sql: "revoke set on parameter {object} from {login}, public",
    find: `select 'backtrace_functions' as object from login
where not rolsuper and has_parameter_privilege(oid, 'backtrace_functions', 'set')`,
  },
  {
    code: "seals-reachable",
    severity: "critical",
    why: "The login has rights on the secrets by which tenants are entered.",
    fix: "Take them from the login and from PUBLIC.",
    sql: "revoke all on {object} from {login}, public",
    find: `select c.oid::regclass::text as object from login l, pg_class c
where c.relnamespace = to_regnamespace('partywall') and c.relkind = 'r' and c.relname in ('seals', 'seal_key')
  and not l.rolsuper and (has_table_privilege(l.oid, c.oid, 'select, insert, update, delete, truncate, references, trigger')
    or has_any_column_privilege(l.oid, c.oid, 'select, insert, update, references'))`,
  },
  {
    code: "wall-missing",
    severity: "critical",
    why: "The functions that seal a tenant are not there, so nothing keeps tenants apart in this database.",
    fix: "Build the wall: partywall policies --apply.",
    find: `select 'partywall.enter(bytea)' as object where to_regprocedure('partywall.enter(bytea)') is null`,
  },
];
