import { quoteIdentifier, quoteLiteral } from "./identifier.js";
import type { WallRoles } from "./roles.js";

/** One right taken from the application's login, and what stays open where it cannot be taken. */
export interface Privilege {
  /** Stable name, for reports and tests. */
  readonly code: string;
  /** The statement that takes it. */
  readonly sql: string;
  /** Whether only a superuser can run the statement. */
  readonly superuser: boolean;
  /** What a tenant's SQL can do where the right could not be taken. */
  readonly otherwise: string;
  /** An SQL expression that is true while the right has not been taken: REVOKE of another's grant only warns. */
  readonly open: string;
}

const LARGE_OBJECTS = [
  "lo_creat(integer)",
  "lo_create(oid)",
  "lo_from_bytea(oid, bytea)",
  "lo_get(oid)",
  "lo_get(oid, bigint, integer)",
  "lo_open(oid, integer)",
  "lo_put(oid, bigint, bytea)",
  "lo_unlink(oid)",
];

/**
 * The rights of the application's login that are half of the wall, database-wide. Each stands alone, so that a
 * managed server that forbids one still loses the others.
 *
 * Source: PostgreSQL manual, chapter 5.8 "Privileges".
 */
export function databasePrivileges(database: string, roles: WallRoles): Privilege[] {
  const app = quoteIdentifier(roles.app);
  const name = quoteIdentifier(database);
  const login = quoteLiteral(roles.app);
  const take = (
    code: string,
    superuser: boolean,
    otherwise: string,
    sql: string,
    open: string,
  ): Privilege => ({ code, sql, superuser, otherwise, open });
  const executable = (signatures: readonly string[]) =>
    signatures
      .map((f) => `pg_catalog.has_function_privilege(${login}, 'pg_catalog.${f}', 'execute')`)
      .join(" or ");
  return [
    take(
      "role-attributes",
      false,
      "the login passes every policy or can make itself a role that does",
      `alter role ${app} nocreatedb nocreaterole`,
      `(select rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication from pg_catalog.pg_roles where rolname = ${login})`,
    ),
    take(
      "temp-tables",
      false,
      "a temporary table left on a pooled connection stands before the real one for the next tenant",
      `revoke temporary, create on database ${name} from public, ${app}`,
      `pg_catalog.has_database_privilege(${login}, pg_catalog.current_database(), 'temporary') or pg_catalog.has_database_privilege(${login}, pg_catalog.current_database(), 'create')`,
    ),
    take(
      "schema-create",
      false,
      "a function, operator or view planted in a schema runs with the next tenant's statement",
      `do $wall$ declare s text; begin
  for s in select nspname from pg_catalog.pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
    execute pg_catalog.format('revoke create on schema %I from public, %I', s, ${quoteLiteral(roles.app)});
  end loop;
end $wall$`,
      `exists (select from pg_catalog.pg_namespace where nspname !~ '^pg_' and pg_catalog.has_schema_privilege(${login}, oid, 'create'))`,
    ),
    take(
      "languages",
      true,
      "DO blocks run, which can end transactions and hide what they do",
      `do $wall$ begin
  revoke usage on language plpgsql, sql from public, ${app};${
    roles.migrator
      ? `\n  grant usage on language plpgsql, sql to ${quoteIdentifier(roles.migrator)};`
      : ""
  }
end $wall$`,
      `pg_catalog.has_language_privilege(${login}, 'plpgsql', 'usage')`,
    ),
    take(
      "large-objects",
      true,
      "large objects know no tenant and are a mailbox between tenants",
      `revoke execute on function ${LARGE_OBJECTS.map((f) => `pg_catalog.${f}`).join(", ")} from public, ${app}`,
      executable(LARGE_OBJECTS),
    ),
    take(
      "signal-backends",
      true,
      "a tenant can cancel or end the statements of every other tenant",
      `do $wall$ begin
  revoke execute on function pg_catalog.pg_cancel_backend(integer), pg_catalog.pg_terminate_backend(integer, bigint) from public, ${app};
  grant execute on function pg_catalog.pg_terminate_backend(integer, bigint) to ${quoteIdentifier(roles.system)};
end $wall$`,
      executable(["pg_cancel_backend(integer)", "pg_terminate_backend(integer, bigint)"]),
    ),
    take(
      "prepared-statements",
      true,
      "a tenant can read the names of prepared statements on its connection",
      `do $wall$ begin
  revoke select on pg_catalog.pg_prepared_statements from public, ${app};
  revoke execute on function pg_catalog.pg_prepared_statement() from public, ${app};
end $wall$`,
      `pg_catalog.has_table_privilege(${login}, 'pg_catalog.pg_prepared_statements', 'select')`,
    ),
    take(
      "track-activities",
      true,
      "pg_stat_activity shows each tenant the text of the others' running statements",
      `alter role ${app} set track_activities = off`,
      `not exists (select from pg_catalog.pg_db_role_setting s join pg_catalog.pg_roles r on r.oid = s.setrole where r.rolname = ${login} and s.setconfig @> array['track_activities=off'])`,
    ),
    take(
      "system-signal",
      false,
      "suspending a tenant can wait for transactions of other processes but not end them",
      `grant pg_signal_backend to ${quoteIdentifier(roles.system)}`,
      `not pg_catalog.pg_has_role(${quoteLiteral(roles.system)}, 'pg_signal_backend', 'usage')`,
    ),
  ];
}
