import { quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";
import type { SqlClient } from "../../guards/postgres/index.js";
import { refusal, sqlState } from "./failure.js";

const TABLES = `
create table if not exists partywall.adoptions (
  id bigint generated always as identity primary key,
  fingerprint text not null,
  plan jsonb not null,
  search_path text not null,
  undoing boolean not null default false,
  runner uuid,
  started_at timestamptz not null default pg_catalog.clock_timestamp(),
  finished_at timestamptz);
create unique index if not exists adoptions_one_open on partywall.adoptions ((true)) where finished_at is null;
create table if not exists partywall.adoption_steps (
  adoption bigint not null references partywall.adoptions,
  step text not null,
  state text not null check (state in ('running', 'done', 'refused', 'undone')),
  attempts integer not null,
  started_at timestamptz not null,
  finished_at timestamptz,
  backfill jsonb,
  primary key (adoption, step));
revoke all on partywall.adoptions, partywall.adoption_steps from public`;

/** Whether the journal is there. */
export async function hasJournal(client: SqlClient): Promise<boolean> {
  const { rows } = await client.query(
    "select (pg_catalog.to_regclass('partywall.adoption_steps') is not null)::text as there",
  );
  return rows[0]?.["there"] === "true";
}

/**
 * Creates the journal's tables where they are missing, out of reach of everybody but their owner. The caller holds the
 * runner's lock.
 */
export async function createJournal(
  client: SqlClient,
  strangers: readonly string[],
): Promise<void> {
  if (await hasJournal(client)) return;
  await client.query("begin isolation level read committed read write");
  try {
    const { rows } = await client.query(
      `select (pg_catalog.to_regnamespace('partywall') is null)::text as missing,
  array(select rolname::text from pg_catalog.pg_roles where rolname = any ($1::text[])) as strangers`,
      [strangers],
    );
    // IF NOT EXISTS asks for the right to create a schema even where there is one.
    if (rows[0]?.["missing"] === "true") {
      await client.query("create schema partywall");
      await client.query("revoke all on schema partywall from public");
    }
    await client.query(TABLES);
    // Default privileges may have granted what PUBLIC was not.
    for (const role of (rows[0]?.["strangers"] ?? []) as string[]) {
      await client.query(
        `revoke all on partywall.adoptions, partywall.adoption_steps from ${quoteIdentifier(role)}`,
      );
    }
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    if (sqlState(error) !== "42501") throw error;
    throw refusal(
      "The login may not create the journal of the adoption (tables in the schema partywall). Run it as the login that owns the tables, with CREATE on the database or on that schema.",
    );
  }
}
