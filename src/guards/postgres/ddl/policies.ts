import { qualified, quoteIdentifier, type TableName } from "./identifier.js";
import type { WallRoles } from "./roles.js";
import { rolloutConditions, rolloutDefault, type TableRollout } from "./rollout.js";
import type { TenantType } from "./seal-sql.js";

/** A tenant table as the catalogue describes it. */
export interface TenantTable {
  readonly table: TableName;
  readonly column: string;
  readonly type: TenantType;
  /** Sequences that a column default calls (`serial`); an identity column needs no right on its sequence. */
  readonly serials: readonly TableName[];
  /** Whether an index already leads with the tenant column. */
  readonly indexed: boolean;
  /** A partition is reached through its parent, so it gets the policies but no index of its own. */
  readonly partition: boolean;
}

/**
 * The statements that put one table behind the wall: policies named by role, ENABLE and FORCE, a default that
 * stamps the tenant, and the table's privileges. Idempotent.
 *
 * Source: PostgreSQL manual, chapter 5.9 "Row Security Policies".
 *
 * @param rollout how far row security goes yet; absent where it is enforced
 */
export function tableSql(
  target: TenantTable,
  roles: WallRoles,
  rollout: TableRollout | undefined,
): string[] {
  const table = qualified(target.table);
  const column = quoteIdentifier(target.column);
  const app = quoteIdentifier(roles.app);
  const system = quoteIdentifier(roles.system);
  const across = roles.migrator ? `${system}, ${quoteIdentifier(roles.migrator)}` : system;
  // A sub-select is evaluated once a statement; a bare call would be once a row.
  const mine = `${column} = (select partywall.tenant_${target.type}())`;
  const { using, check } = rollout
    ? rolloutConditions(target, rollout)
    : { using: mine, check: mine };
  return [
    ...(rollout
      ? rolloutDefault(target, rollout)
      : [
          `alter table ${table} alter column ${column} set default partywall.tenant_${target.type}(), alter column ${column} set not null`,
        ]),
    ...(target.indexed || target.partition
      ? []
      : [`create index if not exists ${indexName(target)} on ${table} (${column})`]),
    `alter table ${table} enable row level security, force row level security`,
    `drop policy if exists partywall_tenant on ${table}`,
    `create policy partywall_tenant on ${table} as restrictive for all to ${app} using (${using}) with check (${check})`,
    `drop policy if exists partywall_app on ${table}`,
    `create policy partywall_app on ${table} as permissive for all to ${app} using (true) with check (true)`,
    `drop policy if exists partywall_across on ${table}`,
    `create policy partywall_across on ${table} as permissive for all to ${across} using (true) with check (true)`,
    `revoke all on ${table} from public, ${app}`,
    `grant select, insert, update, delete on ${table} to ${app}, ${system}`,
    ...target.serials.flatMap((sequence) => [
      `revoke all on sequence ${qualified(sequence)} from public, ${app}`,
      `grant usage on sequence ${qualified(sequence)} to ${app}, ${system}`,
    ]),
  ];
}

// Named, so that a printed script can be run twice; cut to PostgreSQL's 63 bytes.
function indexName({ table, column }: TenantTable): string {
  let name = `${table.name}_${column}_idx`;
  while (Buffer.byteLength(name) > 63) name = name.slice(1);
  return quoteIdentifier(name);
}

/** The statements that make a table readable from every scope: shared rows, written by the system login. Idempotent. */
export function sharedTableSql(table: TableName, roles: WallRoles, writable: boolean): string[] {
  const name = qualified(table);
  const app = quoteIdentifier(roles.app);
  const system = quoteIdentifier(roles.system);
  return [
    `revoke all on ${name} from public, ${app}`,
    `grant select${writable ? ", insert, update, delete" : ""} on ${name} to ${app}`,
    `grant select, insert, update, delete on ${name} to ${system}`,
  ];
}
