/** Schema and table of the registry, as checked plain names. */
export interface TableNames {
  readonly schema: string;
  readonly table: string;
}

/** SQL that tells whether all is there, what is younger than the table included: the domains and the settings. */
export function tableExists({ schema, table }: TableNames): string {
  return `select to_regclass('${schema}.${table}_domains') is not null and exists (select from pg_catalog.pg_attribute
  where attrelid = to_regclass('${schema}.${table}') and attname = 'settings' and not attisdropped) as present`;
}

/**
 * The statements that create schema and table, for one transaction; idempotent. The lock holds to its end, so that
 * processes that start together do not collide.
 */
export function createTableStatements({ schema, table }: TableNames): string[] {
  return [
    `select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('partywall registry ${schema}.${table}', 0))`,
    `create schema if not exists ${schema}`,
    `create table if not exists ${schema}.${table} (
  id text collate "C" constraint ${table}_pkey primary key,
  slug text collate "C" not null constraint ${table}_slug_key unique,
  name text not null,
  status text not null constraint ${table}_status_check check (status in ('provisioning', 'active', 'suspended', 'deleted')),
  placement jsonb not null,
  fields jsonb not null,
  settings jsonb not null default '{}',
  version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
)`,
    // Asked first: ALTER TABLE wants the owner even where there is nothing to add.
    `do $registry$ begin
  if not exists (select from pg_catalog.pg_attribute
      where attrelid = to_regclass('${schema}.${table}') and attname = 'settings' and not attisdropped) then
    alter table ${schema}.${table} add column settings jsonb not null default '{}';
  end if;
end $registry$`,
    `revoke all on table ${schema}.${table} from public`,
    `create table if not exists ${schema}.${table}_domains (
  domain text collate "C" constraint ${table}_domains_pkey primary key,
  tenant_id text collate "C" not null constraint ${table}_domains_tenant_id_fkey references ${schema}.${table} on delete cascade,
  constraint ${table}_domains_tenant_id_key unique (tenant_id, domain)
)`,
    `revoke all on table ${schema}.${table}_domains from public`,
  ];
}

/** The statements of {@link createTableStatements} as one message, which PostgreSQL runs as one transaction. */
export function createTable(names: TableNames): string {
  return `${createTableStatements(names).join(";\n")};\n`;
}

/** The statements that give a login, as an SQL identifier, what the store needs. */
export function grantStatements({ schema, table }: TableNames, login: string): string[] {
  return [
    `grant usage on schema ${schema} to ${login}`,
    `grant select, insert, update on ${schema}.${table} to ${login}`,
    `grant select, insert, delete on ${schema}.${table}_domains to ${login}`,
  ];
}
