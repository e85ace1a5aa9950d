import type { Step } from "../step.js";
import { persist, retryReason } from "./attempts.js";
import { blocksWrites } from "./estimate.js";
import { isConnectionLost, sqlState, stepFailure } from "./failure.js";
import { Stopped, type Run } from "./run.js";
import { inTransaction, runStatements } from "./transaction.js";

/** What became of a step. */
export interface StepOutcome {
  readonly attempts: number;
  readonly wasThere: boolean;
  readonly wasRefused: boolean;
}

/** Applies a step in one transaction, which notes it too: a crash leaves both or neither. */
export async function runTransactional(run: Run, step: Step): Promise<StepOutcome> {
  const { value: wasRefused, attempts } = await persist(run, step, async (before) => {
    const note = { attempts: before + 1 };
    try {
      const isInEffect = await inTransaction(run.client, async () => {
        await runStatements(run, step, step.sql, step.bytes === 0 && blocksWrites(step));
        const wasEffective = step.done === undefined || (await isDone(run, step));
        if (!wasEffective && step.mayBeRefused !== true) throw withoutEffect(step);
        await run.journal.note(step, wasEffective ? "done" : "refused", note);
        return wasEffective;
      });
      return !isInEffect;
    } catch (error) {
      if (step.mayBeRefused !== true || sqlState(error) !== "42501") throw error;
      await run.journal.note(step, "refused", note);
      return true;
    }
  });
  run.journal.remember(step, wasRefused ? "refused" : "done");
  return { attempts, wasThere: false, wasRefused };
}

/** Takes a step back in one transaction, which notes it too. */
export async function undoTransactional(run: Run, step: Step): Promise<void> {
  await persist(run, step, (before) =>
    inTransaction(run.client, async () => {
      await runStatements(run, step, step.down ?? [], step.bytes === 0);
      await run.journal.note(step, "undone", { attempts: before + 1 });
    }),
  );
  run.journal.remember(step, "undone");
}

/** Applies a step that PostgreSQL runs outside transactions only; what a crash leaves of it is cleared away first. */
export async function runStandalone(run: Run, step: Step): Promise<StepOutcome> {
  // Only what was begun before can have left something to clear away.
  let mayHaveLeft = run.journal.stateOf(step) === "running";
  await run.journal.note(step, "running");
  run.journal.remember(step, "running");
  let wasThere = false;
  try {
    const { attempts } = await persist(run, step, async (before) => {
      if (await isDone(run, step)) {
        wasThere = before === 0;
        return;
      }
      await setLockTimeout(run, patience(run, step, before));
      if (mayHaveLeft) run.tell({ type: "repair", step: run.label(step) });
      mayHaveLeft = true;
      for (const sql of step.repair ?? []) await run.client.query(sql);
      await run.client.query(step.sql[0]!);
      if (!(await isDone(run, step))) throw withoutEffect(step);
    });
    await setLockTimeout(run, run.settings.lockTimeoutMs);
    await run.journal.note(step, "done", { attempts });
    run.journal.remember(step, "done");
    return { attempts, wasThere, wasRefused: false };
  } catch (error) {
    await clearAway(run, step, error);
    throw error;
  }
}

/** Takes back a step that was applied outside a transaction, or was cut short. */
export async function undoStandalone(run: Run, step: Step): Promise<void> {
  const { attempts } = await persist(run, step, async (before) => {
    await setLockTimeout(run, patience(run, step, before));
    // What was never in effect, or is so no more, may still have left something.
    const statements = (await isDone(run, step)) ? step.down : step.repair;
    for (const sql of statements ?? []) await run.client.query(sql);
  });
  await setLockTimeout(run, run.settings.lockTimeoutMs);
  await run.journal.note(step, "undone", { attempts });
  run.journal.remember(step, "undone");
}

/** Whether the whole effect of a step is there, by its own query. */
async function isDone(run: Run, step: Step): Promise<boolean> {
  const { rows } = await run.client.query(step.done!);
  const answer = rows[0]?.["done"];
  if (rows.length === 1 && typeof answer === "boolean") return answer;
  throw stepFailure(
    step,
    "could not be checked: its query `done` does not answer with one row of one boolean `done`",
    "Plan anew with planAdoption().",
  );
}

const LONGEST_PATIENCE_MS = 3_600_000;

/**
 * How long a statement outside a transaction waits for a lock. One that blocks nobody's writes makes nobody wait
 * either, but loses a whole index when it gives up (it waits for old transactions at its end); so it waits longer from
 * one attempt to the next.
 */
function patience(run: Run, step: Step, before: number): number {
  const { lockTimeoutMs } = run.settings;
  if (blocksWrites(step)) return lockTimeoutMs;
  return Math.min(Math.max(LONGEST_PATIENCE_MS, lockTimeoutMs), lockTimeoutMs * 2 ** before);
}

async function setLockTimeout(run: Run, milliseconds: number): Promise<void> {
  await run.client.query("select pg_catalog.set_config('lock_timeout', $1, false)", [
    `${milliseconds}`,
  ]);
}

// An invalid unique index goes on refusing rows: what is given up for good must not stay behind.
async function clearAway(run: Run, step: Step, error: unknown): Promise<void> {
  try {
    if (await isDone(run, step)) return;
    await setLockTimeout(run, run.settings.lockTimeoutMs);
    for (const sql of step.repair ?? []) await run.client.query(sql);
  } catch (leftover) {
    // A connection that is gone is what went wrong already; the next run clears away.
    if (isConnectionLost(leftover)) return;
    if (error instanceof Stopped && retryReason(leftover) !== undefined) {
      run.tell({ type: "left-behind", step: run.label(step), repair: step.repair ?? [] });
      return;
    }
    throw stepFailure(
      step,
      "failed, and what it left behind could not be cleared away either",
      `Run it again, or run by hand: ${(step.repair ?? []).join("; ")}.`,
      new AggregateError([error, leftover]),
    );
  }
}

const withoutEffect = (step: Step) =>
  stepFailure(
    step,
    "was run, and its effect is not there",
    "Look for what undoes it, such as an event trigger; then run it again.",
  );
