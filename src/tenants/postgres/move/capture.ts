import { setTimeout as sleep } from "node:timers/promises";
import type { SqlClient } from "../../../guards/postgres/ddl/catalog.js";
import {
  qualified,
  quoteIdentifier,
  quoteLiteral,
} from "../../../guards/postgres/ddl/identifier.js";
import { refused } from "../../refusal.js";
import type { Premises } from "../premises.js";
import { titleOf, type PremisesTable } from "../tables.js";

/** How the names of a move's triggers begin; tenants of the same tables may be moved at once. */
const triggerOf = (move: string): string => `partywall_capture_${shortOf(move)}`;
const functionOf = ({ oid }: PremisesTable, move: string): string =>
  `capture_${oid}_${shortOf(move)}`;
const shortOf = (move: string): string => move.replaceAll("-", "");
const LOCK_TIMEOUT_MS = 500;
const MOST_TRIES = 40;
const LOCK_NOT_AVAILABLE = "55P03";

/** A row of the tenant's that was written since capturing began, by its key. */
export interface CapturedKey {
  readonly id: string;
  /** Oid of the table, as the source has it. */
  readonly table: string;
  /** The values of the key's columns, in the order of the table's key. */
  readonly key: readonly string[];
}

/** Throws `PW_TENANT_DATA_REFUSED` where a table has no key by which a changed row could be told. */
export function assertKeyed(tables: readonly PremisesTable[]): void {
  const without = tables.filter(({ key }) => key === null).map(titleOf);
  if (without.length === 0) return;
  throw refused(
    `The tenant cannot be moved while it is in use: ${without.join(", ")} ${without.length === 1 ? "has" : "have"} no unique key without nulls by which a changed row could be told. Add a primary key.`,
  );
}

/**
 * Notes the key of every row of the tenant's that is written from now on, in the same transaction as the write. Waits
 * for each table's writers no longer than half a second at a time. Idempotent.
 */
export async function beginCapture(
  { client, strategy, tenantId }: Premises,
  tables: readonly PremisesTable[],
  move: string,
): Promise<void> {
  await client.query(`create schema if not exists partywall;
revoke all on schema partywall from public;
create table if not exists partywall.captured (
  id bigint generated always as identity primary key, move uuid not null, source oid not null, key text[] not null);
revoke all on partywall.captured from public`);
  for (const table of tables) {
    const owner = strategy === "row" ? { column: table.tenantColumn!, tenantId } : undefined;
    await withoutWaiting(client, captureSql(table, move, owner));
  }
}

/** Ends capturing and forgets what was noted; idempotent. */
export async function endCapture(
  { client }: Premises,
  tables: readonly PremisesTable[],
  move: string,
): Promise<void> {
  for (const table of tables) {
    await withoutWaiting(client, [
      ...EVENTS.map(
        (event) => `drop trigger if exists ${triggerOf(move)}_${event} on ${qualified(table)}`,
      ),
      `drop function if exists partywall.${functionOf(table, move)}()`,
      `drop function if exists partywall.${functionOf(table, move)}_truncate()`,
    ]);
  }
  const { rows } = await client.query(
    "select to_regclass('partywall.captured') is not null as there",
  );
  if (rows[0]?.["there"] !== true) return;
  await client.query("delete from partywall.captured where move = $1", [move]);
}

/**
 * What was noted and not yet forgotten, the oldest first.
 *
 * @param after the number of the last that is known already
 */
export async function capturedKeys(
  { client }: Premises,
  move: string,
  most: number,
  after = "0",
): Promise<readonly CapturedKey[]> {
  const { rows } = await client.query(
    `select id::text as id, source::text as "table", array_to_json(key)::text as key
from partywall.captured where move = $1 and id > $3 order by id limit $2`,
    [move, most, after],
  );
  return rows.map(({ id, table, key }) => ({
    id: String(id),
    table: String(table),
    key: JSON.parse(String(key)) as string[],
  }));
}

/** Forgets what has been carried over. */
export async function forgetKeys(
  { client }: Premises,
  keys: readonly CapturedKey[],
): Promise<void> {
  await client.query("delete from partywall.captured where id = any($1::bigint[])", [
    keys.map(({ id }) => id),
  ]);
}

const EVENTS = ["insert", "update", "delete", "all", "truncate"];

/** Whether a move's writes are noted at its source, so that it has begun to copy. */
export async function isCapturing(
  { client }: Premises,
  tables: readonly PremisesTable[],
  move: string,
): Promise<boolean> {
  const { rows } = await client.query(
    `select exists (select from pg_catalog.pg_trigger where tgrelid = any ($1::pg_catalog.oid[])
  and pg_catalog.starts_with(tgname::text, $2)) as there`,
    [tables.map(({ oid }) => oid), `${triggerOf(move)}_`],
  );
  return rows[0]?.["there"] === true;
}

function captureSql(
  table: PremisesTable,
  move: string,
  owner: { readonly column: string; readonly tenantId: string } | undefined,
): string[] {
  const key = (row: "old" | "new") =>
    `array[${table.key!.map((name) => `${row}.${quoteIdentifier(name)}::text`).join(", ")}]`;
  const note = (row: "old" | "new") =>
    `insert into partywall.captured (move, source, key) values (${quoteLiteral(move)}, ${table.oid}, ${key(row)})`;
  const name = qualified(table);
  const create = (event: string, on: string, when: string) => [
    `drop trigger if exists ${triggerOf(move)}_${event} on ${name}`,
    `create trigger ${triggerOf(move)}_${event} after ${on} on ${name} for each row ${when} execute function partywall.${functionOf(table, move)}()`,
    // Also what a replication role writes.
    `alter table ${name} enable always trigger ${triggerOf(move)}_${event}`,
  ];
  const mine = (row: string) =>
    `${row}.${quoteIdentifier(owner?.column ?? "")} = ${quoteLiteral(owner?.tenantId ?? "")}::${table.tenantType}`;
  return [
    // The text of a key means the same wherever it is written.
    `create or replace function partywall.${functionOf(table, move)}() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp set datestyle = 'ISO, YMD' set timezone = 'UTC' set intervalstyle = 'postgres'
set extra_float_digits = 3 set bytea_output = 'hex' as $capture$
begin
  if tg_op <> 'INSERT' then ${note("old")}; end if;
  if tg_op = 'INSERT' then ${note("new")}; end if;
  if tg_op = 'UPDATE' then
    if ${key("new")} <> ${key("old")} then ${note("new")}; end if;
  end if;
  return null;
end $capture$`,
    `revoke all on function partywall.${functionOf(table, move)}() from public`,
    `create or replace function partywall.${functionOf(table, move)}_truncate() returns trigger language plpgsql as $capture$
begin
  raise exception 'a tenant of this table is being moved; truncate it when that is done' using errcode = '55006';
end $capture$`,
    `drop trigger if exists ${triggerOf(move)}_truncate on ${name}`,
    `create trigger ${triggerOf(move)}_truncate before truncate on ${name} execute function partywall.${functionOf(table, move)}_truncate()`,
    ...(owner === undefined
      ? create("all", "insert or update or delete", "")
      : [
          ...create("insert", "insert", `when (${mine("new")})`),
          ...create("update", "update", `when (${mine("old")} or ${mine("new")})`),
          ...create("delete", "delete", `when (${mine("old")})`),
        ]),
  ];
}

// In one transaction, which gives up its place in the line for the lock: who waits for it would keep all others waiting.
async function withoutWaiting(client: SqlClient, statements: readonly string[]): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    await client.query(`begin; set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
    try {
      for (const sql of statements) await client.query(sql);
      await client.query("commit");
      return;
    } catch (error) {
      await client.query("rollback").catch(() => undefined);
      const { code } = error as { code?: unknown };
      if (code !== LOCK_NOT_AVAILABLE || tries >= MOST_TRIES) throw error;
      await sleep(50 * Math.min(tries, 10));
    }
  }
}
