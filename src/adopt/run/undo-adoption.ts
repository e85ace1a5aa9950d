import { randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { SqlClient } from "../../guards/postgres/index.js";
import type { AdoptionPlan } from "../plan.js";
import type { Step } from "../step.js";
import { estimateStep, estimateSteps, strongestLock } from "./estimate.js";
import { refusal } from "./failure.js";
import { Journal, nameOf, standingAdoption } from "./journal.js";
import { hasJournal } from "./journal-tables.js";
import { explained } from "./run-adoption.js";
import { runSettings, type RunAdoptionOptions } from "./run-options.js";
import { fingerprintOf, orderedSteps } from "./runnable.js";
import { Run, Stopped } from "./run.js";
import { asOnlyRunner, useSearchPath } from "./runner-session.js";
import { undoStandalone, undoTransactional } from "./step-runs.js";

/** How an adoption is taken back: as it is run, but always all of it. */
export type UndoAdoptionOptions = Omit<RunAdoptionOptions, "phases" | "batchRows" | "pauseMs">;

/** What {@link undoAdoption} did. */
export interface UndoReport {
  readonly fingerprint: string;
  /** `undone`: nothing of the plan is left. `stopped`: the signal was aborted; call it again to go on. */
  readonly outcome: "undone" | "stopped";
  /** Ids of the steps that were taken back, in the order in which they were. */
  readonly steps: readonly string[];
  readonly milliseconds: number;
}

/**
 * Takes back what an adoption has done, the last step first, each by its `down`, noted and resumed like the way there.
 * Throws `PW_ADOPTION_REFUSED`, before anything is changed, where the plan is not the one that stands in the database
 * (see `adoptionStatus()`), where a step that is done has no `down`, and while another runner is at work.
 *
 * @param client a connected client (not a pool, nor behind a transaction pooler) of the login that ran the adoption
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { adoptionStatus, undoAdoption } from "partywall/adopt";
 *
 * const client = new pg.Client(process.env["MIGRATION_URL"]);
 * await client.connect();
 * const status = await adoptionStatus(client);
 * if (status?.state === "unfinished") {
 *   const { outcome } = await undoAdoption(client, status.plan);
 *   console.log(outcome); // undone
 * }
 * await client.end();
 * ```
 */
export async function undoAdoption(
  client: SqlClient,
  plan: AdoptionPlan,
  options: UndoAdoptionOptions = {},
): Promise<UndoReport> {
  const settings = runSettings(options, "undoAdoption()");
  return asOnlyRunner(client, settings, async (session) => {
    const standing = (await hasJournal(client)) ? await standingAdoption(client) : undefined;
    if (standing === undefined) {
      throw refusal("No adoption stands in this database, so there is nothing to take back.");
    }
    if (standing.fingerprint !== fingerprintOf(plan)) {
      throw refusal(
        `The adoption that stands in this database, ${nameOf(standing)}, was run by another plan. Take that one back first: adoptionStatus() has its plan.`,
      );
    }
    const steps = orderedSteps(standing.plan);
    const states = new Map(standing.steps.map(({ step, state }) => [step, state]));
    const standingSteps = steps.filter(({ id, down }) => {
      const state = states.get(id) ?? "undone";
      // Of a right that could not be taken there is nothing to give back.
      return state !== "undone" && (state !== "refused" || down !== undefined);
    });
    const final = standingSteps.filter(({ down }) => down === undefined);
    if (final.length > 0) {
      const named = final.slice(0, 5).map(({ id }) => id);
      throw refusal(
        `${final.length} step(s) that are done cannot be taken back (${named.join(", ")}${final.length > named.length ? ", …" : ""}). Restore what they replaced by hand, or finish the adoption with resumeAdoption().`,
      );
    }
    await useSearchPath(client, standing.searchPath);
    const journal = await Journal.takeOver(client, standing, randomUUID(), true);
    const run = new Run(client, journal, settings, session);
    return undoSteps(run, standingSteps.toReversed());
  });
}

async function undoSteps(run: Run, steps: readonly Step[]): Promise<UndoReport> {
  const begun = performance.now();
  const undone: string[] = [];
  const report = (outcome: UndoReport["outcome"]): UndoReport => ({
    fingerprint: run.journal.adoption.fingerprint,
    outcome,
    steps: undone,
    milliseconds: Math.round(performance.now() - begun),
  });
  run.tell({
    type: "started",
    direction: "undo",
    fingerprint: run.journal.adoption.fingerprint,
    steps: run.steps.length,
    done: run.steps.length - steps.length,
    milliseconds: estimateSteps(steps),
  });
  try {
    for (const step of steps) {
      run.assertGoingOn();
      const since = performance.now();
      run.tell({
        type: "step",
        step: run.label(step),
        lock: strongestLock(step),
        milliseconds: estimateStep(step).milliseconds,
      });
      await takenBack(run, step);
      undone.push(step.id);
      run.tell({
        type: "step-undone",
        step: run.label(step),
        milliseconds: Math.round(performance.now() - since),
      });
    }
    await run.journal.close();
    run.tell({ type: "finished" });
    return report("undone");
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    run.tell({ type: "stopped" });
    return report("stopped");
  }
}

async function takenBack(run: Run, step: Step): Promise<void> {
  try {
    await (step.transaction || step.batches
      ? undoTransactional(run, step)
      : undoStandalone(run, step));
  } catch (error) {
    throw explained(step, error);
  }
}
