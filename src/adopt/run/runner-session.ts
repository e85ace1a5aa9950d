import { setTimeout as sleep } from "node:timers/promises";
import { PartywallError } from "../../errors.js";
import type { SqlClient } from "../../guards/postgres/index.js";
import { refusal, sqlState } from "./failure.js";
import { extentOf, nameOf, newestAdoption } from "./journal.js";
import { hasJournal } from "./journal-tables.js";
import { ListenerFailure } from "./run.js";
import type { RunSettings } from "./run-options.js";

// Advisory locks are a database's own; the first number is Partywall's, as in the builder of the wall.
const RUNNER_LOCK = "7023, 2";

// A runner that was killed leaves its backend at work until it notices; the lock is waited for a little longer.
const CONNECTION_CHECK_MS = 1000;
const PATIENCE_MS = 5000;

/** What a runner knows of its session. */
export interface RunnerSession {
  readonly deadlockTimeoutMs: number;
}

/** The backend that runs an adoption in this database, if one does. */
export async function runningBackend(client: SqlClient): Promise<number | undefined> {
  const { rows } = await client.query(
    `select pid::text from pg_catalog.pg_locks where locktype = 'advisory' and granted
  and database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
  and (classid, objid, objsubid) = (${RUNNER_LOCK}, 2)`,
  );
  return rows.length === 0 ? undefined : Number(rows[0]?.["pid"]);
}

/**
 * Runs `use` as the only runner of this database, in a session whose settings suit it; puts them back afterwards.
 * Throws `PW_CONFIG` for a client in a transaction and `PW_ADOPTION_REFUSED` while another runner is at work.
 */
export async function asOnlyRunner<T>(
  client: SqlClient,
  settings: RunSettings,
  use: (session: RunnerSession) => Promise<T>,
): Promise<T> {
  await assertOutsideTransaction(client);
  await takeLock(client);
  let outcome: { readonly value: T } | { readonly error: unknown };
  const former = new Map<string, string>();
  try {
    await settle(client, settings, former);
    const { rows } = await client.query(
      "select setting from pg_catalog.pg_settings where name = 'deadlock_timeout'",
    );
    outcome = { value: await use({ deadlockTimeoutMs: Number(rows[0]?.["setting"]) }) };
  } catch (error) {
    outcome = { error };
  }
  try {
    for (const [name, value] of former) await setting(client, name, value);
    await client.query(`select pg_catalog.pg_advisory_unlock(${RUNNER_LOCK})`);
  } catch (error) {
    // A connection that is gone took the lock and the settings with it; what went wrong first is what is told.
    if (!("error" in outcome)) throw error;
  }
  if ("error" in outcome) {
    throw outcome.error instanceof ListenerFailure ? outcome.error.cause : outcome.error;
  }
  return outcome.value;
}

/** Has unqualified names mean what they meant when the adoption was begun. */
export async function useSearchPath(client: SqlClient, path: string): Promise<void> {
  await setting(client, "search_path", path);
}

async function assertOutsideTransaction(client: SqlClient): Promise<void> {
  // In a transaction that was begun before, its time is earlier than the statement's.
  const { rows } = await client.query(
    "select (pg_catalog.now() = pg_catalog.statement_timestamp())::text as outside",
  );
  if (rows[0]?.["outside"] === "true") return;
  throw new PartywallError(
    "PW_CONFIG",
    "The client that the adoption is to be run with is in a transaction. End it first, or give another client.",
  );
}

async function takeLock(client: SqlClient): Promise<void> {
  const { rows } = await client.query("select pg_catalog.pg_backend_pid()::text as pid");
  const own = Number(rows[0]?.["pid"]);
  // The lock of one session can be taken twice; two runs on one connection would be in each other's transactions.
  if ((await runningBackend(client)) === own) throw await busy(client, own);
  for (let waited = 0; ; waited += 100) {
    const answer = await client.query(
      `select pg_catalog.pg_try_advisory_lock(${RUNNER_LOCK})::text as taken`,
    );
    if (answer.rows[0]?.["taken"] === "true") return;
    if (waited >= PATIENCE_MS) throw await busy(client, await runningBackend(client));
    await sleep(100);
  }
}

async function busy(client: SqlClient, backend: number | undefined): Promise<PartywallError> {
  const adoption = (await hasJournal(client)) ? await newestAdoption(client) : undefined;
  const what =
    adoption === undefined
      ? "An adoption"
      : `The adoption ${nameOf(adoption)}, ${extentOf(adoption)},`;
  return refusal(
    `${what} is being run in this database already, by backend ${backend ?? "unknown"}. Wait for it, or stop that runner; what it has done stays done.`,
  );
}

async function setting(client: SqlClient, name: string, value: string): Promise<void> {
  await client.query("select pg_catalog.set_config($1, $2, false)", [name, value]);
}

/** Gives the session what the runner relies on, whatever the role or database has been given; keeps what was. */
async function settle(
  client: SqlClient,
  { lockTimeoutMs, statementTimeoutMs }: RunSettings,
  former: Map<string, string>,
): Promise<void> {
  const wanted = new Map([
    ["lock_timeout", `${lockTimeoutMs}`],
    ["statement_timeout", `${statementTimeoutMs}`],
    // The runner waits between attempts, and an index may take hours.
    ["idle_session_timeout", "0"],
    ["transaction_timeout", "0"],
    ["client_connection_check_interval", `${CONNECTION_CHECK_MS}`],
    ["default_transaction_isolation", "read committed"],
    ["default_transaction_read_only", "off"],
    // The plan's texts are written for it.
    ["standard_conforming_strings", "on"],
  ]);
  const { rows } = await client.query(
    `select name, pg_catalog.current_setting(name) as value from pg_catalog.pg_settings
where name = any ($1::text[]) or name = 'search_path'`,
    [[...wanted.keys()]],
  );
  for (const row of rows as { name: string; value: string }[]) {
    const value = wanted.get(row.name);
    try {
      if (value !== undefined) await setting(client, row.name, value);
      former.set(row.name, row.value);
    } catch (error) {
      // A server on Windows cannot watch its connections; there a killed runner's statement just runs to its end.
      if (row.name !== "client_connection_check_interval" || sqlState(error) !== "22023")
        throw error;
    }
  }
}
