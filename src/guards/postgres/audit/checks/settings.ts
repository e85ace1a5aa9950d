import type { Check } from "../check.js";

// Settings of the login or the database, and the SQL that ends them.
const stored = (names: string, more = "true") => `select distinct
  format('%s of %s', split_part(c, '=', 1), case when s.setrole <> 0 and s.setdatabase <> 0 then format('role %I in database %I', l.rolname, current_database())
    when s.setrole <> 0 then format('role %I', l.rolname) when s.setdatabase <> 0 then format('database %I', current_database()) else 'all roles' end) as object,
  format('alter %s reset %s', case when s.setrole <> 0 then format('role %I', l.rolname) || case when s.setdatabase <> 0 then format(' in database %I', current_database()) else '' end
    when s.setdatabase <> 0 then format('database %I', current_database()) else 'role all' end,
    (select string_agg(quote_ident(part), '.') from unnest(string_to_array(split_part(c, '=', 1), '.')) part)) as sql
from login l, pg_db_role_setting s cross join lateral unnest(s.setconfig) c
where s.setrole in (0, l.oid) and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
  and split_part(c, '=', 1) in (${names}) and ${more}`;

/** Settings that every connection of the login begins with. */
export const settingChecks: readonly Check[] = [
  {
    code: "setting-seal",
    severity: "critical",
    why: "The setting {object} puts a tenant into every connection before anything is sealed.",
    fix: "Reset it.",
    find: stored("'backtrace_functions'", "substr(c, 21, 3) = 'pw_'"),
  },
  {
    code: "setting-takes-over",
    severity: "high",
    why: "The setting {object} gives the login's connections another role, code of somebody else's, or no triggers and foreign keys.",
    fix: "Reset it.",
    find: stored(
      "'role', 'session_authorization', 'session_preload_libraries', 'local_preload_libraries', 'session_replication_role'",
    ),
  },
  {
    // The guard's startup packet overrides these; a pooler that refuses it does not.
    code: "setting-misleads",
    severity: "medium",
    why: "The setting {object} changes how the login's SQL is read or which tables it finds, where no startup packet says otherwise.",
    fix: "Reset it; guardPg() says in its startup packet what it needs.",
    find: stored(
      "'search_path', 'row_security', 'standard_conforming_strings', 'backslash_quote', 'client_encoding', 'transform_null_equals'",
    ),
  },
  {
    // partywall.enter($1) is a SELECT whose parameter is the secret; a setting of the login beats the database's.
    code: "seals-logged",
    severity: "medium",
    why: "{object} writes the statements of the login with their parameters into the server's log, the tenants' secrets among them.",
    fix: "As a superuser, keep parameters out of the log for the login.",
    sql: "alter role {login} set log_parameter_max_length = 0",
    find: `select name || '=' || value as object from (
  select n.name, coalesce(
    (select substr(c, length(n.name) + 2) from login l, pg_db_role_setting s cross join lateral unnest(s.setconfig) c
      where split_part(c, '=', 1) = n.name and s.setrole in (0, l.oid)
        and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
      order by s.setrole <> 0 desc, s.setdatabase <> 0 desc limit 1),
    (select case when g.source in ('user', 'database user', 'session') then g.boot_val else g.setting end from pg_settings g where g.name = n.name)) as value
  from (values ('log_statement'), ('log_min_duration_statement'), ('log_parameter_max_length')) n (name)
) effective where ((name = 'log_statement' and value = 'all') or (name = 'log_min_duration_statement' and value not like '-%'))
  and not exists (select from login l, pg_db_role_setting s where s.setrole = l.oid and s.setconfig @> array['log_parameter_max_length=0'])
  and coalesce((select g.setting from pg_settings g where g.name = 'log_parameter_max_length'), '-1') <> '0'`,
  },
];
