import type { Check } from "../check.js";

const SERVER_FILES = `'pg_read_file', 'pg_read_binary_file', 'pg_ls_dir', 'pg_stat_file', 'pg_ls_logdir', 'pg_ls_waldir',
  'pg_ls_tmpdir', 'pg_ls_archive_statusdir', 'pg_current_logfile', 'lo_import', 'lo_export'`;

const OUTSIDE = `'dblink', 'postgres_fdw', 'file_fdw', 'adminpack', 'plpython3u', 'plperlu', 'pltclu', 'pageinspect', 'pg_buffercache',
  'pgrowlocks', 'pg_visibility', 'pg_walinspect'`;

/** Ways out of the database, or to the files below it. */
export const reachChecks: readonly Check[] = [
  {
    code: "server-files",
    severity: "critical",
    why: "The login may call {object}, which reads or writes files of the server, those of every tenant's rows among them.",
    fix: "Take the right from the login and from PUBLIC.",
    sql: "revoke execute on function {object} from {login}, public",
    find: `select 'pg_catalog.' || p.oid::regprocedure as object from pg_proc p, login l
where p.pronamespace = 'pg_catalog'::regnamespace and p.proname in (${SERVER_FILES}) and not l.rolsuper
  and has_function_privilege(l.oid, p.oid, 'execute')`,
  },
  {
    code: "statistics-reset",
    severity: "medium",
    why: "The login may call {object}, which clears counters that autovacuum works from, for every tenant.",
    fix: "Take the right from the login and from PUBLIC.",
    sql: "revoke execute on function {object} from {login}, public",
    find: `select 'pg_catalog.' || p.oid::regprocedure as object from pg_proc p, login l
where p.pronamespace = 'pg_catalog'::regnamespace and p.proname like 'pg\\_stat\\_reset%' and not l.rolsuper
  and has_function_privilege(l.oid, p.oid, 'execute')`,
  },
  {
    code: "extension-reaches-out",
    severity: "high",
    why: "The login may call functions of the extension {object}, which go past row security: to other connections, files or pages of tables.",
    fix: "Take the right from the login and from PUBLIC, or drop the extension.",
    find: `select quote_ident(e.extname) as object,
  string_agg(format('revoke execute on function %s from %I, public', p.oid::regprocedure, l.rolname), '; ' order by p.oid::regprocedure::text) as sql
from pg_extension e join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.classid = 'pg_proc'::regclass
join pg_proc p on p.oid = d.objid, login l
where e.extname in (${OUTSIDE}) and d.deptype = 'e' and not l.rolsuper and has_function_privilege(l.oid, p.oid, 'execute')
group by e.extname`,
  },
  {
    code: "foreign-server",
    severity: "high",
    why: "The login may use the foreign server {object}, where no policy of this database applies.",
    fix: "Take the right from the login and from PUBLIC.",
    sql: "revoke usage on foreign server {object} from {login}, public",
    find: `select quote_ident(s.srvname) as object from pg_foreign_server s, login l
where not l.rolsuper and has_server_privilege(l.oid, s.oid, 'usage')`,
  },
  {
    code: "foreign-data-wrapper",
    severity: "high",
    why: "The login may make servers of the foreign-data wrapper {object}, and so connect to wherever it likes.",
    fix: "Take the right from the login and from PUBLIC.",
    sql: "revoke usage on foreign data wrapper {object} from {login}, public",
    find: `select quote_ident(w.fdwname) as object from pg_foreign_data_wrapper w, login l
where not l.rolsuper and has_foreign_data_wrapper_privilege(l.oid, w.oid, 'usage')`,
  },
  {
    code: "language-usable",
    severity: "medium",
    why: "The login may run DO blocks in the language {object}, which can end transactions and hide what they do.",
    fix: "Take the right from the login and from PUBLIC.",
    sql: "revoke usage on language {object} from {login}, public",
    find: `select quote_ident(g.lanname) as object from pg_language g, login l
where g.lanpltrusted and g.lanispl and g.lanname <> 'plpgsql' and not l.rolsuper and has_language_privilege(l.oid, g.oid, 'usage')`,
  },
  {
    code: "statements-visible",
    severity: "medium",
    why: "{object} shows each tenant the texts of the others' statements, because they share the login.",
    fix: "Take the right from the login and from PUBLIC.",
    sql: "revoke select on {object} from {login}, public",
    find: `select c.oid::regclass::text as object from pg_class c, login l
where c.relname in ('pg_stat_statements', 'pg_stat_monitor') and c.relkind = 'v' and not l.rolsuper and has_table_privilege(l.oid, c.oid, 'select')`,
  },
  {
    code: "publication",
    severity: "medium",
    why: "The publication {object} carries tenants' rows to its subscribers, past row security.",
    fix: "Drop it or take the tenant tables out, unless its subscribers may see every tenant; then accept this finding.",
    find: `select quote_ident(p.pubname) as object from pg_publication p
where (p.puballtables and exists (select from tenant_table))
  or exists (select from pg_publication_rel r join tenant_table t on t.oid = r.prrelid where r.prpubid = p.oid)
  or exists (select from pg_publication_namespace s join tenant_table t on t.relnamespace = s.pnnspid where s.pnpubid = p.oid)`,
  },
];
