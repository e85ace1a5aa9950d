import { PartywallError } from "../../errors.js";
import type { SqlClient } from "../../guards/postgres/index.js";

/**
 * Runs one query of the catalogue and returns its rows. `$1` is the schemas; `managed` is a table of the oids of their
 * tables with the partitions and children of those, wherever they are. Names need no schema: `pg_catalog` is searched
 * alone.
 */
export type ReadCatalog = <Row>(sql: string) => Promise<readonly Row[]>;

// Whatever pg_get_* prints must mean the same to the session that runs it, whoever's settings this one has.
const BEGIN = `begin isolation level repeatable read read only;
set local search_path = pg_catalog, pg_temp;
set local standard_conforming_strings = on;
set local quote_all_identifiers = off;
set local datestyle = 'ISO';
set local intervalstyle = 'postgres';
set local extra_float_digits = 3;
set local bytea_output = 'hex';
set local jit = off`;

// The answer is a text, so that type parsers of the caller's have no say in it, and names the transaction it is from.
const asked = (sql: string) => `
with recursive managed as (
  select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = any ($1::text[]) and c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't'
  union
  select c.oid from managed m join pg_inherits i on i.inhparent = m.oid
  join pg_class c on c.oid = i.inhrelid and c.relpersistence <> 't'
)
select pg_backend_pid() || ' ' || now() as transaction,
  coalesce((select json_agg(f) from (${sql}) f), '[]')::text as found`;

/**
 * Reads the catalogue in one read-only transaction, so that what is read belongs together. Throws `PW_CONFIG` for a
 * server older than PostgreSQL 15, a client in a transaction of its own, or one that does not keep to one connection.
 */
export async function readingCatalog<T>(
  client: SqlClient,
  schemas: readonly string[],
  use: (read: ReadCatalog) => Promise<T>,
): Promise<T> {
  await assertReadable(client);
  await client.query(BEGIN);
  try {
    let first: unknown;
    const found = await use(async <Row>(sql: string) => {
      const { rows } = await client.query(asked(sql), [schemas]);
      first ??= rows[0]?.["transaction"];
      if (rows.length !== 1 || rows[0]?.["transaction"] !== first) throw strayed();
      return JSON.parse(rows[0]?.["found"] as string) as Row[];
    });
    await client.query("commit");
    return found;
  } catch (error) {
    // A connection that is gone has rolled back; what the caller needs to hear of is what went wrong first.
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}

async function assertReadable(client: SqlClient): Promise<void> {
  // A statement that begins its own transaction has its time.
  const { rows } = await client.query(
    `select pg_catalog.current_setting('server_version_num')::int as version,
  pg_catalog.now() operator(pg_catalog.=) pg_catalog.statement_timestamp() as alone`,
  );
  const { version, alone } = rows[0] as { version: number; alone: boolean };
  if (version < 150_000) {
    throw new PartywallError(
      "PW_CONFIG",
      `This server is PostgreSQL ${Math.floor(version / 10_000)}; Partywall needs 15 or later. Upgrade the server.`,
    );
  }
  if (!alone) {
    throw new PartywallError(
      "PW_CONFIG",
      "The client that the schema is to be read with is in a transaction. End it first, or give another client.",
    );
  }
}

const strayed = () =>
  new PartywallError(
    "PW_CONFIG",
    "The schema was being read over more than one connection, so what was read may not belong together. Give one connected client, not a pool.",
  );
