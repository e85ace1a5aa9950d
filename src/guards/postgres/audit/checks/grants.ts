import type { Check } from "../check.js";

// What a superuser or owner has goes without saying; other findings tell of those.
const lacksOwner = (owner: string) =>
  `not l.rolsuper and not pg_has_role(l.oid, ${owner}, 'usage')`;

const right = (
  code: string,
  privilege: string,
  severity: Check["severity"],
  why: string,
  find: string,
): Check => ({
  code,
  severity,
  why,
  fix: "Take the right from the login and from PUBLIC.",
  sql: `revoke ${privilege} on {object} from {login}, public`,
  find: `select t.object from tenant_table t, login l where ${lacksOwner("t.relowner")} and (${find})`,
});

/** Rights on tables and sequences beyond those that the wall leaves. */
export const grantChecks: readonly Check[] = [
  right(
    "table-trigger",
    "trigger",
    "high",
    "The login may put triggers on {object}, which run with the next tenant's statement.",
    "has_table_privilege(l.oid, t.oid, 'trigger')",
  ),
  right(
    "table-references",
    "references",
    "medium",
    "The login may point foreign keys at {object}, which are looked up past row security and tell which rows are there.",
    "has_table_privilege(l.oid, t.oid, 'references') or has_any_column_privilege(l.oid, t.oid, 'references')",
  ),
  {
    // The name of the right is unknown to servers before PostgreSQL 17, so it is read as what was granted.
    code: "table-maintain",
    severity: "low",
    why: "The login may lock and rewrite the whole of {object} with VACUUM, CLUSTER, REINDEX or LOCK TABLE, every tenant's rows.",
    fix: "Take the right from the login and from PUBLIC.",
    sql: "revoke maintain on {object} from {login}, public",
    find: `select distinct t.object from tenant_table t join pg_class c on c.oid = t.oid
cross join lateral aclexplode(c.relacl) a, login l
where ${lacksOwner("t.relowner")} and a.privilege_type = 'MAINTAIN'
  and (a.grantee = 0 or a.grantee in (select oid from becomes))`,
  },
  {
    code: "grant-option",
    severity: "medium",
    why: "The login may pass its rights on {object} on to any other role, to whom no policy of the wall applies.",
    fix: "Take the grant option from the login.",
    sql: "revoke grant option for all on {object} from {login}",
    find: `select distinct t.object from tenant_table t join pg_class c on c.oid = t.oid
cross join lateral aclexplode(c.relacl) a, login l
where ${lacksOwner("t.relowner")} and a.is_grantable and a.grantee = l.oid`,
  },
  {
    code: "grant-public",
    severity: "low",
    why: "PUBLIC has rights on {object}: any other login of the server is kept from its rows by row security alone.",
    fix: "Name the roles that need the rights.",
    sql: "revoke all on {object} from public",
    find: `select distinct t.object from tenant_table t join pg_class c on c.oid = t.oid
cross join lateral (select a.grantee from aclexplode(c.relacl) a
  union all select a.grantee from pg_attribute k cross join lateral aclexplode(k.attacl) a where k.attrelid = c.oid) g
where g.grantee = 0`,
  },
  {
    code: "default-privileges",
    severity: "high",
    why: "{object} are the login's from the moment they are made, before a wall stands before them.",
    fix: "Take the default privileges away; the wall grants what the application needs.",
    find: `select distinct format('tables that %I makes%s%s', o.rolname, case when n.oid is null then '' else format(' in %I', n.nspname) end,
    case a.grantee when 0 then ', for PUBLIC' else '' end) as object,
  format('alter default privileges for role %I%s revoke all on tables from %s', o.rolname,
    case when n.oid is null then '' else format(' in schema %I', n.nspname) end, case a.grantee when 0 then 'public' else quote_ident(l.rolname) end) as sql
from pg_default_acl d join pg_roles o on o.oid = d.defaclrole left join pg_namespace n on n.oid = d.defaclnamespace
cross join lateral aclexplode(d.defaclacl) a, login l
where d.defaclobjtype = 'r' and a.grantee in (0, l.oid) and o.oid <> l.oid`,
  },
  {
    code: "sequence-readable",
    severity: "medium",
    why: "The login may read or set {object}, which counts the rows of every tenant.",
    fix: "Leave it USAGE, or nothing where the column is an identity.",
    sql: "revoke select, update on sequence {object} from {login}, public",
    find: `select distinct s.oid::regclass::text as object from pg_class s
join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = s.oid and d.refclassid = 'pg_class'::regclass
join tenant_table t on t.oid = d.refobjid, login l
where s.relkind = 'S' and ${lacksOwner("s.relowner")} and has_sequence_privilege(l.oid, s.oid, 'select, update')`,
  },
  {
    code: "sequence-shared",
    severity: "low",
    why: "The sequence {object} numbers the rows of several tables, as a copy made with LIKE … INCLUDING ALL does, so each tells of the other.",
    fix: "Give each table an identity column of its own.",
    find: `select d.refobjid::regclass::text as object from pg_depend d
join pg_attrdef f on d.classid = 'pg_attrdef'::regclass and f.oid = d.objid
join pg_class s on s.oid = d.refobjid and s.relkind = 'S'
where d.refclassid = 'pg_class'::regclass and not exists (select from pg_inherits i where i.inhrelid = f.adrelid)
group by d.refobjid having count(distinct f.adrelid) > 1 and bool_or(f.adrelid in (select oid from tenant_table))`,
  },
];
