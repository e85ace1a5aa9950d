import type { Step } from "../step.js";
import { sqlState, stepFailure } from "./failure.js";
import type { RetryReason } from "./progress.js";
import type { Run } from "./run.js";

const SHORTEST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;
/** Others change the same row of the catalogue for a moment only. */
const MOST_COLLISIONS = 10;

// "tuple concurrently updated" has no SQLSTATE of its own, and its words are the server's language.
const CATALOGUE_ROUTINES: ReadonlySet<unknown> = new Set([
  "simple_heap_update",
  "simple_heap_delete",
]);

/** A step had its locks for as long as the load may be made to wait, and was taken back. */
export class HeldTooLong extends Error {}

/** Why an attempt may succeed when it is made again; undefined where it would fail again. */
export function retryReason(error: unknown): RetryReason | undefined {
  if (error instanceof HeldTooLong) return "hold";
  switch (sqlState(error)) {
    case "55P03":
      return "lock";
    case "40P01":
      return "deadlock";
    case "40001":
      return "collision";
    case "XX000":
      // Roles and parameters are the whole server's, and PostgreSQL does not wait for one another's change there.
      return CATALOGUE_ROUTINES.has((error as { routine?: unknown }).routine)
        ? "collision"
        : undefined;
    case "23505":
      return (error as { schema?: unknown }).schema === "pg_catalog" ? "collision" : undefined;
    default:
      return undefined;
  }
}

/** How long to leave the field to the load before an attempt is made again; half of it is chance. */
export function waitBefore(attempt: number): number {
  const longest = Math.min(LONGEST_WAIT_MS, SHORTEST_WAIT_MS * 2 ** attempt);
  return Math.round(longest / 2 + (Math.random() * longest) / 2);
}

/**
 * Makes attempts until one succeeds; each must have been taken back when it throws. Throws `PW_ADOPTION_FAILED` when
 * none is left, or what an attempt threw that another would throw again.
 *
 * @param attempt is given how many were made before it
 */
export async function persist<T>(
  run: Run,
  step: Step,
  attempt: (before: number) => Promise<T>,
): Promise<{ readonly value: T; readonly attempts: number }> {
  for (let made = 0; ;) {
    run.assertGoingOn();
    try {
      const value = await attempt(made);
      return { value, attempts: made + 1 };
    } catch (error) {
      made += 1;
      const because = retryReason(error);
      if (because === undefined) throw error;
      const most =
        because === "collision"
          ? Math.min(MOST_COLLISIONS, run.settings.retries)
          : run.settings.retries;
      if (made > most) throw exhausted(step, because, made, error);
      const waitMilliseconds = waitBefore(made);
      run.tell({
        type: "retry",
        step: run.label(step),
        because,
        attempt: made,
        attempts: most + 1,
        waitMilliseconds,
      });
      await run.wait(waitMilliseconds);
    }
  }
}

const HINTS: Record<RetryReason, string> = {
  lock: "Look for long transactions on its tables (pg_stat_activity, pg_locks), and run it again when they have ended, or with a longer lockTimeoutMs.",
  deadlock:
    "Find the transactions that lock its tables in another order, and run it again when they are fewer.",
  hold: "The server needs longer for it than the load may wait. Run it again in a quiet hour, or with a longer lockTimeoutMs.",
  collision:
    "Others change the same roles or parameters of the server. Run it again when they have done.",
};

function exhausted(step: Step, because: RetryReason, attempts: number, error: unknown) {
  return stepFailure(
    step,
    `was given up after ${attempts} attempts, the last for want of ${because === "hold" ? "time" : "its locks"} (${because})`,
    HINTS[because],
    error,
  );
}
