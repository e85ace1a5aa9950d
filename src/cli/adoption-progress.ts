import type { AdoptionProgress } from "../adopt/index.js";
import type { Context } from "./context.js";
import { duration, type Progress } from "./progress.js";

const REASONS = {
  lock: "a lock was not had in time",
  deadlock: "it and the application were in each other's way",
  hold: "it held its locks for too long",
  collision: "another session changed the same thing",
} as const;

/** Shows what a running adoption tells: a bar over the steps, another over the rows of a backfill, and each retry. */
export function adoptionReporter(context: Context): {
  readonly tell: (event: AdoptionProgress) => void;
  readonly finish: () => void;
} {
  const progress = context.progress();
  return {
    tell: (event) => tell(event, progress, context),
    finish: () => progress.finish(),
  };
}

function tell(event: AdoptionProgress, progress: Progress, context: Context): void {
  switch (event.type) {
    case "step":
      progress.update({
        done: event.step.number - 1,
        total: event.step.of,
        unit: "steps",
        label: event.step.title,
      });
      break;
    case "rows":
      progress.update({
        done: event.seen,
        // What the planner expects is an estimate, and one of -1 where it never looked.
        ...((event.expected ?? 0) > event.seen && { total: event.expected as number }),
        unit: "rows",
        label: event.step.title,
      });
      break;
    case "retry":
      progress.finish();
      context.note(
        `${event.step.title}: ${REASONS[event.because]}; trying again in ${duration(event.waitMilliseconds / 1000)} (${event.attempt} of ${event.attempts}).`,
      );
      break;
    case "locked-rows":
      progress.finish();
      context.note(
        `${event.rows} rows of ${event.table} are locked by others; coming back to them in ${duration(event.waitMilliseconds / 1000)}.`,
      );
      break;
    case "triggers":
      progress.finish();
      context.note(
        `The triggers and rules ${event.names.join(", ")} of ${event.table} run for the rows that are filled: ${event.because}`,
      );
      break;
    case "step-done":
      if (event.wasRefused) {
        progress.finish();
        context.note(`Passed over, for the login lacks the right: ${event.step.title}.`);
      }
      break;
    case "stopped":
      progress.finish();
      context.note("Stopped. Everything so far is noted; run it again to go on.");
      break;
    default:
      break;
  }
}
