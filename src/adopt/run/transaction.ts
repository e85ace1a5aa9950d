import { performance } from "node:perf_hooks";
import type { SqlClient } from "../../guards/postgres/index.js";
import type { Step } from "../step.js";
import { HeldTooLong } from "./attempts.js";
import { sqlState } from "./failure.js";
import type { Run } from "./run.js";

/** Runs `work` in one transaction, whatever isolation the role has as its default. */
export async function inTransaction<T>(
  client: SqlClient,
  work: () => Promise<T>,
  settings = "",
): Promise<T> {
  await client.query(`begin isolation level read committed read write; ${settings}`);
  try {
    const value = await work();
    await client.query("commit");
    return value;
  } catch (error) {
    // A connection that is gone has rolled back; what the caller needs to hear of is what went wrong first.
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}

// What is left of the time after the wait for a lock is what the statement has to do its work in.
const WAIT_SHARE = 0.8;
// Of the time after which the server looks for circles of waiting sessions, and sacrifices the one that looked.
const DEADLOCK_SHARE = 0.8;
const SHORTEST_LOCK_WAIT_MS = 10;

/** For how long, in milliseconds, who holds locks may wait for others and not have the load looking for a deadlock. */
export function untilDeadlock(run: Run): number {
  return run.session.deadlockTimeoutMs * DEADLOCK_SHARE;
}

/**
 * Runs statements of a step in the open transaction, so that the load waits for them no longer than it may: not in the
 * queue for a lock, and not for the locks that they have. Throws {@link HeldTooLong} where that is not enough.
 *
 * @param isBounded whether their locks keep others from working and are needed for a moment only
 */
export async function runStatements(
  run: Run,
  step: Step,
  statements: readonly string[],
  isBounded: boolean,
): Promise<void> {
  if (!isBounded) {
    for (const sql of statements) await run.client.query(sql);
    return;
  }
  const { lockTimeoutMs } = run.settings;
  const deadlockMs = untilDeadlock(run);
  const hasSeveral = new Set(step.locks.map(({ table }) => table)).size > 1;
  const begun = performance.now();
  for (const sql of statements) {
    const elapsed = performance.now() - begun;
    const left = Math.floor(lockTimeoutMs - elapsed);
    if (left < 1) throw new HeldTooLong();
    // Who holds one lock and waits for another may be in a circle with the load; the load must not be the one to look
    // for it, so the wait is over before. Half of the time, since one statement may wait twice.
    const most = hasSeveral
      ? Math.max(SHORTEST_LOCK_WAIT_MS, (deadlockMs - elapsed) / 2)
      : lockTimeoutMs;
    const wait = Math.max(1, Math.floor(Math.min(left * WAIT_SHARE, most)));
    try {
      await run.client.query(
        `set local lock_timeout = ${wait}; set local statement_timeout = ${left};\n${sql}`,
      );
    } catch (error) {
      const isOurs = performance.now() - begun >= lockTimeoutMs * 0.9;
      if (sqlState(error) === "57014" && isOurs) {
        throw new HeldTooLong(undefined, { cause: error });
      }
      throw error;
    }
  }
}
