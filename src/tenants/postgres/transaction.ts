import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { refused } from "../refusal.js";

// Whatever a value's text depends on is the same wherever it is written and read. Names need no schema meanwhile.
const PINNED = `set local search_path = pg_catalog, pg_temp;
set local standard_conforming_strings = on;
set local datestyle = 'ISO, YMD';
set local intervalstyle = 'postgres';
set local timezone = 'UTC';
set local extra_float_digits = 3;
set local bytea_output = 'hex';
set local xmloption = 'content';
set local lc_monetary = 'C';
set local idle_in_transaction_session_timeout = 0`;

const BEGIN = {
  read: "begin isolation level repeatable read read only",
  write: "begin isolation level read committed read write",
} as const;

/** A transaction that is to be ended. */
export interface OpenTransaction {
  commit(): Promise<void>;
  /** Never rejects: a connection that is gone has rolled back. Does nothing after `commit`. */
  rollback(): Promise<void>;
}

/**
 * Begins a transaction in which the text of values means the same everywhere. Rejects with `PW_TENANT_DATA_REFUSED` for a
 * server older than PostgreSQL 15, a client in a transaction of its own, and one that does not keep to one connection.
 */
export async function begin(client: SqlClient, mode: "read" | "write"): Promise<OpenTransaction> {
  const backend = await assertUsable(client);
  let open = true;
  const end = async (sql: string) => {
    if (!open) return;
    open = false;
    await client.query(sql);
  };
  const transaction = {
    commit: () => end("commit"),
    rollback: () => end("rollback").catch(() => undefined),
  };
  try {
    await client.query(`${BEGIN[mode]};\n${PINNED}`);
  } catch (error) {
    await transaction.rollback();
    throw error;
  }
  const { rows } = await client.query("select pg_backend_pid() as backend");
  if (rows[0]?.["backend"] !== backend) {
    await transaction.rollback();
    throw refused(
      "The client of the premises does not keep to one connection. Give one connected client, not a pool.",
    );
  }
  return transaction;
}

/** Runs `work` in a transaction, which is rolled back where it rejects. */
export async function inTransaction<T>(
  client: SqlClient,
  mode: "read" | "write",
  work: () => Promise<T>,
): Promise<T> {
  const transaction = await begin(client, mode);
  try {
    const result = await work();
    await transaction.commit();
    return result;
  } finally {
    await transaction.rollback();
  }
}

async function assertUsable(client: SqlClient): Promise<unknown> {
  // A statement that begins its own transaction has its time.
  const { rows } = await client.query(
    `select pg_catalog.current_setting('server_version_num')::int as version, pg_catalog.pg_backend_pid() as backend,
  pg_catalog.now() operator(pg_catalog.=) pg_catalog.statement_timestamp() as alone`,
  );
  const { version, alone, backend } = rows[0] as {
    version: number;
    alone: boolean;
    backend: unknown;
  };
  if (version < 150_000) {
    throw refused(
      `This server is PostgreSQL ${Math.floor(version / 10_000)}; Partywall needs 15 or later. Upgrade the server.`,
    );
  }
  if (!alone) {
    throw refused(
      "The client of the premises is in a transaction. End it first, or give another client.",
    );
  }
  return backend;
}
