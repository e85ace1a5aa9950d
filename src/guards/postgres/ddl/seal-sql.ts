import { quoteIdentifier, quoteLiteral } from "./identifier.js";
import { hasEnded, observeFunction } from "./observe-sql.js";
import type { SealForm, WallRoles } from "./roles.js";

/** SQLSTATE raised when tenant data is touched without a valid seal. */
export const NO_TENANT = "PW001";
/** SQLSTATE raised when a seal's secret is unknown or expired. */
export const SEAL_REFUSED = "PW002";
/** SQLSTATE raised when a tenant's id is not written as the tenant column writes it. */
export const NOT_CANONICAL = "PW003";
/** SQLSTATE raised when a tenant touches what is kept by another strategy than its own: it lives elsewhere. */
export const NOT_HOME = "PW004";
/** SQLSTATE raised on entering a tenant whose schema is not there, or not for the login to use. */
export const HOME_MISSING = "PW005";
/** SQLSTATE raised on entering a tenant that is held while it is being moved. */
export const HELD = "PW006";

/**
 * The parameter that carries the tenant under the `parameter` form. It must be one that only a superuser may
 * set, that everyone may read, and that takes any letters and digits: of PostgreSQL's own parameters this is it.
 *
 * Source: PostgreSQL manual, "Developer Options", `backtrace_functions`; "GRANT … ON PARAMETER".
 */
const PROTECTED_PARAMETER = "backtrace_functions";

const NO_TENANT_REFUSED = `raise exception 'no tenant is sealed in this transaction' using errcode = '${NO_TENANT}';`;

// What is sealed says how the tenant is kept apart, so that tables of one strategy refuse the tenants of another. Under
// the `parameter` form it stands in front of the hexadecimal id, and a value an administrator set by hand is no tenant.
const IN_ROWS = "w";
const IN_SCHEMA = "s";
const markOf = (kind: string) => (kind === IN_ROWS ? "pw_" : "ps_");
const MARK_LENGTH = 3;

// A schema that is missing, or not the login's to use, is passed over in a search_path without a word: what is asked
// of it would be answered by the next.
const lookup = `select s.tenant, s.home_schema, s.search_path, s.held_until into t, home, path, held from partywall.seals s
    where s.digest operator(pg_catalog.=) pg_catalog.sha256(secret)
      and s.expires_at operator(pg_catalog.>) pg_catalog.now();
  if t is null then
    raise exception 'the seal is unknown or has expired' using errcode = '${SEAL_REFUSED}';
  end if;
  if held is not null and held operator(pg_catalog.>) pg_catalog.clock_timestamp() then
    raise exception 'the tenant is being moved' using errcode = '${HELD}';
  end if;
  if home is not null then
    if pg_catalog.to_regnamespace(pg_catalog.quote_ident(home)) is null
      or not pg_catalog.has_schema_privilege(session_user, pg_catalog.to_regnamespace(pg_catalog.quote_ident(home)), 'usage') then
      raise exception 'the schema of the tenant is not there' using errcode = '${HOME_MISSING}';
    end if;
    perform pg_catalog.set_config('search_path', path, true);
  end if;`;

function enterFunction(form: SealForm): string {
  const body =
    form === "parameter"
      ? `declare t text; home text; path text; held timestamptz;
begin
  ${lookup}
  perform pg_catalog.set_config('${PROTECTED_PARAMETER}',
    pg_catalog.concat(case when home is null then '${markOf(IN_ROWS)}' else '${markOf(IN_SCHEMA)}' end,
      pg_catalog.encode(pg_catalog.convert_to(t, 'UTF8'), 'hex')), true);
end`
      : `declare t text; home text; path text; held timestamptz; k bytea;
begin
  ${lookup}
  t := pg_catalog.concat(case when home is null then '${IN_ROWS}' else '${IN_SCHEMA}' end, t);
  select key into k from partywall.seal_key;
  perform pg_catalog.set_config('partywall.seal', pg_catalog.concat(partywall.seal_mac(k, t), t), true);
end`;
  return `create or replace function partywall.enter(secret bytea) returns void
language plpgsql volatile parallel unsafe security definer as $wall$
${body}
$wall$`;
}

// The MAC covers backend and transaction, so a seal that SQL reads is worthless in any other transaction.
// Two nested hashes, key first: no length extension. Lengths are fixed up to the tenant, which comes last.
const macFunction = `create or replace function partywall.seal_mac(key bytea, tenant text) returns text
language plpgsql stable parallel restricted as $wall$
begin
  return pg_catalog.encode(pg_catalog.sha256(key operator(pg_catalog.||) pg_catalog.sha256(
    key operator(pg_catalog.||) pg_catalog.int4send(pg_catalog.pg_backend_pid())
        operator(pg_catalog.||) pg_catalog.timestamptz_send(pg_catalog.now())
        operator(pg_catalog.||) pg_catalog.convert_to(tenant, 'UTF8'))), 'hex');
end
$wall$`;

const TENANT_TYPES = { text: "text", uuid: "pg_catalog.uuid", bigint: "bigint" } as const;

/** Column types a tenant column may have. */
export type TenantType = keyof typeof TENANT_TYPES;

// Two tenants "7" and "07" must not be one in a bigint column: an id counts only as the column itself writes it.
function typed(type: TenantType): string {
  if (type === "text") return "return t;";
  return `r := t::${TENANT_TYPES[type]};
    if r::text operator(pg_catalog.<>) t then
      raise exception 'the tenant id is not written as a ${type} column writes it' using errcode = '${NOT_CANONICAL}';
    end if;
    return r;`;
}

const NOT_HOME_REFUSED = `raise exception 'the sealed tenant does not live here' using errcode = '${NOT_HOME}';`;

/**
 * A function that returns the sealed tenant.
 *
 * @param kind how the tenants are kept apart that it knows; those of another kind it refuses
 * @param signature its name and parameters, in the schema `partywall`
 * @param unsealed what it does where no tenant is sealed
 */
function tenantFunction(
  form: SealForm,
  kind: typeof IN_ROWS | typeof IN_SCHEMA,
  type: TenantType,
  signature: string,
  unsealed: string,
): string {
  const result = type === "text" ? "" : `r ${TENANT_TYPES[type]};`;
  const other = kind === IN_ROWS ? IN_SCHEMA : IN_ROWS;
  const body =
    form === "parameter"
      ? `declare v text := pg_catalog.current_setting('${PROTECTED_PARAMETER}'); t text; ${result}
begin
  if pg_catalog.left(v, ${MARK_LENGTH}) operator(pg_catalog.=) '${markOf(kind)}' then
    t := pg_catalog.convert_from(pg_catalog.decode(pg_catalog.substr(v, ${MARK_LENGTH + 1}), 'hex'), 'UTF8');
    ${typed(type)}
  end if;
  if pg_catalog.left(v, ${MARK_LENGTH}) operator(pg_catalog.=) '${markOf(other)}' then
    ${NOT_HOME_REFUSED}
  end if;
  ${unsealed}
end`
      : `declare v text := pg_catalog.current_setting('partywall.seal', true); t text := pg_catalog.substr(v, 65); k bytea; ${result}
begin
  if v operator(pg_catalog.<>) '' then
    select key into k from partywall.seal_key;
    if partywall.seal_mac(k, t) operator(pg_catalog.=) pg_catalog.left(v, 64) then
      if pg_catalog.left(t, 1) operator(pg_catalog.<>) '${kind}' then
        ${NOT_HOME_REFUSED}
      end if;
      t := pg_catalog.substr(t, 2);
      ${typed(type)}
    end if;
  end if;
  ${unsealed}
end`;
  const rights = form === "parameter" ? "parallel safe" : "parallel restricted security definer";
  return `create or replace function partywall.${signature} returns ${TENANT_TYPES[type]}
language plpgsql stable ${rights} as $wall$
${body}
$wall$`;
}

const types = Object.keys(TENANT_TYPES) as TenantType[];

// What tables in rollout call: as `tenant_<type>`, but until the rollout has ended null stands for no tenant.
const UNSEALED_IN_ROLLOUT = `if ${hasEnded("until")} then
    ${NO_TENANT_REFUSED}
  end if;
  return null;`;

// What runs with the rights of an owner has no login of its own to be known by. Within a seal it is the tenant's; without
// one it sees everything where a session of the owner began it, such as a migration, and nothing may begin it elsewhere.
const UNSEALED_AS_OWNER = `if pg_catalog.pg_has_role(session_user, runs_as, 'member') then
    return null;
  end if;
  ${NO_TENANT_REFUSED}`;

const ROLLOUT_FUNCTIONS = [
  ...types.map((type) => `sealed_${type}(bigint)`),
  "observe(regclass, text, text, bigint)",
];

/** Removes the functions that only tables in rollout need, unless something still calls them. */
export const dropRolloutFunctions = `do $wall$ begin
  drop function if exists ${ROLLOUT_FUNCTIONS.map((name) => `partywall.${name}`).join(", ")};
exception when dependent_objects_still_exist then null;
end $wall$`;

/**
 * The statements that create the schema `partywall`: seals, `enter` and the functions policies call. Idempotent.
 *
 * @param inRollout whether a table is in rollout, which calls functions of its own
 */
export function sealSql(roles: WallRoles, form: SealForm, inRollout: boolean): string[] {
  const owner = roles.owner ?? "partywall_owner";
  const ownerName = quoteIdentifier(owner);
  const app = quoteIdentifier(roles.app);
  const system = quoteIdentifier(roles.system);
  const readers = [app, system, ...(roles.migrator ? [quoteIdentifier(roles.migrator)] : [])].join(
    ", ",
  );
  const functions = [
    "enter(bytea)",
    ...types.map((type) => `tenant_${type}()`),
    "home_text()",
    ...types.map((type) => `confined_${type}(name)`),
    ...(inRollout ? ROLLOUT_FUNCTIONS : []),
  ];
  const all = form === "mac" ? [...functions, "seal_mac(bytea, text)"] : functions;
  return [
    `do $wall$ begin
  if not exists (select from pg_catalog.pg_roles where rolname = ${quoteLiteral(owner)}) then
    create role ${ownerName} nologin;
  end if;
  -- From PostgreSQL 16 on, membership alone does not let a role give objects to the owner.
  if not pg_catalog.pg_has_role(current_user, ${quoteLiteral(owner)},
    case when pg_catalog.current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end) then
    execute pg_catalog.format('grant %I to %I', ${quoteLiteral(owner)}, current_user);
  end if;
end $wall$`,
    ...(form === "parameter"
      ? [`grant set on parameter ${PROTECTED_PARAMETER} to ${ownerName}`]
      : []),
    `create schema if not exists partywall`,
    `revoke all on schema partywall from public`,
    `grant usage on schema partywall to ${ownerName}, ${readers}`,
    `create table if not exists partywall.seals (
  digest bytea primary key,
  tenant text not null check (tenant <> ''),
  realm text not null,
  created_at timestamptz not null default pg_catalog.now(),
  expires_at timestamptz not null default 'infinity',
  home_schema text,
  search_path text,
  held_until timestamptz,
  check ((home_schema is null) = (search_path is null)))`,
    `create index if not exists seals_tenant on partywall.seals (realm, tenant)`,
    `revoke all on partywall.seals from public, ${app}`,
    `grant select, insert, update, delete on partywall.seals to ${system}`,
    `grant select on partywall.seals to ${ownerName}`,
    ...(form === "mac"
      ? [
          `create table if not exists partywall.seal_key (only_one boolean primary key default true check (only_one), key bytea not null)`,
          `insert into partywall.seal_key (key)
  select pg_catalog.uuid_send(pg_catalog.gen_random_uuid()) || pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
  on conflict do nothing`,
          `revoke all on partywall.seal_key from public, ${app}, ${system}`,
          `grant select on partywall.seal_key to ${ownerName}`,
          macFunction,
        ]
      : []),
    enterFunction(form),
    ...types.map((type) =>
      tenantFunction(form, IN_ROWS, type, `tenant_${type}()`, NO_TENANT_REFUSED),
    ),
    tenantFunction(form, IN_SCHEMA, "text", "home_text()", NO_TENANT_REFUSED),
    ...types.map((type) =>
      tenantFunction(form, IN_ROWS, type, `confined_${type}(runs_as name)`, UNSEALED_AS_OWNER),
    ),
    ...(inRollout
      ? [
          ...types.map((type) =>
            tenantFunction(
              form,
              IN_ROWS,
              type,
              `sealed_${type}(until bigint)`,
              UNSEALED_IN_ROLLOUT,
            ),
          ),
          observeFunction,
        ]
      : []),
    ...all.map((name) => `revoke all on function partywall.${name} from public, ${app}, ${system}`),
    `grant create on schema partywall to ${ownerName}`,
    ...all.map((name) => `alter function partywall.${name} owner to ${ownerName}`),
    `revoke create on schema partywall from ${ownerName}`,
    `grant execute on function partywall.enter(bytea) to ${app}`,
    ...functions
      .slice(1)
      .map((name) => `grant execute on function partywall.${name} to ${readers}`),
  ];
}
