import { randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { PartywallError } from "../../errors.js";
import type { SqlClient } from "../../guards/postgres/index.js";
import type { AdoptionPlan } from "../plan.js";
import type { Phase, Step } from "../step.js";
import { runBackfill } from "./backfill.js";
import { estimateStep, estimateSteps, strongestLock } from "./estimate.js";
import { refusal, sqlState, stepFailure } from "./failure.js";
import {
  doneSteps,
  extentOf,
  Journal,
  nameOf,
  standingAdoption,
  type JournaledAdoption,
} from "./journal.js";
import { createJournal, hasJournal } from "./journal-tables.js";
import { runSettings, type RunAdoptionOptions } from "./run-options.js";
import { assertRunnable, fingerprintOf, orderedSteps } from "./runnable.js";
import { ListenerFailure, Run, Stopped } from "./run.js";
import { asOnlyRunner, useSearchPath } from "./runner-session.js";
import { runStandalone, runTransactional, type StepOutcome } from "./step-runs.js";

/** What became of a step in this run. */
export interface StepReport {
  readonly id: string;
  readonly title: string;
  readonly phase: Phase;
  readonly milliseconds: number;
  readonly attempts: number;
}

/** What {@link runAdoption} did. */
export interface AdoptionReport {
  /** What tells the plan from others. */
  readonly fingerprint: string;
  /**
   * `finished`: every step of the plan is done. `phases-done`: those of the phases that were asked for. `stopped`: the
   * signal was aborted; run it again to go on.
   */
  readonly outcome: "finished" | "phases-done" | "stopped";
  /** The steps that this run did, in order. */
  readonly steps: readonly StepReport[];
  /** Of all steps done, by this run and those before: the ones passed over because the login lacks a right. */
  readonly refused: readonly { readonly id: string; readonly title: string }[];
  /** Steps of the plan that are not done yet. */
  readonly left: number;
  readonly milliseconds: number;
}

/**
 * Runs an adoption plan on a live database, or goes on with it where an earlier run ended, and notes every step in the
 * tables `partywall.adoptions` and `partywall.adoption_steps`. A step in a transaction is noted in that transaction; of
 * one outside any, what a crash left is cleared away before it is run again. No statement of the live load is made to
 * wait longer than `lockTimeoutMs`: what does not get its locks in time is rolled back and tried again later.
 *
 * Throws `PW_CONFIG` for a plan with obstacles and for options that are none, `PW_ADOPTION_REFUSED` while another
 * runner is at work, another plan is unfinished, or an earlier phase is, and `PW_ADOPTION_FAILED` when a step does not
 * succeed; run again, it goes on with that step.
 *
 * @param client a connected client (not a pool, nor behind a transaction pooler) of the login that owns the tables
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { planAdoption, runAdoption } from "partywall/adopt";
 *
 * const client = new pg.Client(process.env["MIGRATION_URL"]);
 * await client.connect();
 * const plan = await planAdoption(client, {
 *   roles: { app: "shop_app", system: "shop_system" },
 *   tenant: "7f0c3c1e-5d0e-4a52-9f0e-0d3c5f1b2a34",
 * });
 * const report = await runAdoption(client, plan, { phases: ["expand", "backfill"] });
 * console.log(report.outcome, report.left); // phases-done 9
 * await client.end();
 * ```
 */
export async function runAdoption(
  client: SqlClient,
  plan: AdoptionPlan,
  options: RunAdoptionOptions = {},
): Promise<AdoptionReport> {
  const settings = runSettings(options, "runAdoption()");
  assertRunnable(plan);
  return asOnlyRunner(client, settings, async (session) => {
    const { app, system } = plan.options.roles;
    await createJournal(client, [app, system]);
    const standing = await standingAdoption(client);
    const fingerprint = fingerprintOf(plan);
    const isSame = standing?.fingerprint === fingerprint;
    if (standing !== undefined && standing.finishedAt === null) assertMayGoOn(standing, isSame);
    assertInOrder(plan, isSame ? standing : undefined, settings.phases);
    const journal =
      standing !== undefined && isSame
        ? await goOn(client, standing)
        : await Journal.begin(client, plan, randomUUID());
    return runSteps(new Run(client, journal, settings, session));
  });
}

/**
 * Goes on with the adoption that is unfinished in this database, by the plan that was stored when it began: what the
 * catalogue shows is half-way by now, so a new plan would be another. Throws what {@link runAdoption} throws, and
 * `PW_ADOPTION_REFUSED` where nothing is unfinished.
 *
 * @param client a connected client (not a pool, nor behind a transaction pooler) of the login that began it
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { resumeAdoption } from "partywall/adopt";
 *
 * const client = new pg.Client(process.env["MIGRATION_URL"]);
 * await client.connect();
 * const { outcome } = await resumeAdoption(client, {
 *   onProgress: (event) => {
 *     if (event.type === "step") console.log(event.step.title);
 *   },
 * });
 * console.log(outcome); // finished
 * await client.end();
 * ```
 */
export async function resumeAdoption(
  client: SqlClient,
  options: RunAdoptionOptions = {},
): Promise<AdoptionReport> {
  const settings = runSettings(options, "resumeAdoption()");
  return asOnlyRunner(client, settings, async (session) => {
    const standing = (await hasJournal(client)) ? await standingAdoption(client) : undefined;
    if (standing === undefined || standing.finishedAt !== null) {
      throw refusal(
        "No adoption is unfinished in this database. Begin one with planAdoption() and runAdoption().",
      );
    }
    assertMayGoOn(standing, true);
    assertInOrder(standing.plan, standing, settings.phases);
    const journal = await goOn(client, standing);
    return runSteps(new Run(client, journal, settings, session));
  });
}

function assertMayGoOn(standing: JournaledAdoption, isSame: boolean): void {
  if (standing.isUndo) {
    throw refusal(
      `The adoption ${nameOf(standing)} is being taken back and is not through. Finish that with undoAdoption().`,
    );
  }
  if (isSame) return;
  throw refusal(
    `Another adoption is unfinished in this database: ${nameOf(standing)}, ${extentOf(standing)}, and its plan is not this one. Finish it with resumeAdoption(), or take it back with undoAdoption(); then plan anew.`,
  );
}

async function goOn(client: SqlClient, standing: JournaledAdoption): Promise<Journal> {
  await useSearchPath(client, standing.searchPath);
  return Journal.takeOver(client, standing, randomUUID(), false);
}

async function runSteps(run: Run): Promise<AdoptionReport> {
  const begun = performance.now();
  const { steps } = run;
  const { phases } = run.settings;
  const toDo = steps.filter((step) => !run.journal.isDone(step));
  run.tell({
    type: "started",
    direction: "adopt",
    fingerprint: run.journal.adoption.fingerprint,
    steps: steps.length,
    done: steps.length - toDo.length,
    milliseconds: estimateSteps(toDo.filter(({ phase }) => phases.includes(phase))),
  });
  const reports: StepReport[] = [];
  const report = (outcome: AdoptionReport["outcome"]): AdoptionReport => ({
    fingerprint: run.journal.adoption.fingerprint,
    outcome,
    steps: reports,
    refused: steps
      .filter((step) => run.journal.stateOf(step) === "refused")
      .map(({ id, title }) => ({ id, title })),
    left: steps.filter((step) => !run.journal.isDone(step)).length,
    milliseconds: Math.round(performance.now() - begun),
  });
  try {
    for (const phase of phases) {
      const own = steps.filter((step) => step.phase === phase);
      const left = own.filter((step) => !run.journal.isDone(step));
      run.tell({
        type: "phase",
        phase,
        steps: own.length,
        done: own.length - left.length,
        milliseconds: estimateSteps(left),
      });
      for (const step of left) reports.push(await runStep(run, step));
    }
    const isComplete = steps.every((step) => run.journal.isDone(step));
    if (isComplete) await run.journal.close();
    run.tell({ type: "finished" });
    return report(isComplete ? "finished" : "phases-done");
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    run.tell({ type: "stopped" });
    return report("stopped");
  }
}

/** No phase begins before those in front of it are done. */
function assertInOrder(
  plan: AdoptionPlan,
  standing: JournaledAdoption | undefined,
  phases: readonly Phase[],
): void {
  const done = new Set(standing === undefined ? [] : doneSteps(standing));
  const toDo = orderedSteps(plan).filter(({ id }) => !done.has(id));
  const skippedAt = toDo.findIndex(({ phase }) => !phases.includes(phase));
  const skipped = toDo[skippedAt];
  const tooEarly = toDo.find(({ phase }, at) => at > skippedAt && phases.includes(phase));
  if (skipped === undefined || tooEarly === undefined) return;
  throw refusal(
    `The phase ${tooEarly.phase} cannot be run before ${skipped.phase} is done. Run ${skipped.phase} first.`,
  );
}

async function runStep(run: Run, step: Step): Promise<StepReport> {
  run.assertGoingOn();
  const begun = performance.now();
  run.tell({
    type: "step",
    step: run.label(step),
    lock: strongestLock(step),
    milliseconds: estimateStep(step).milliseconds,
  });
  const { attempts, wasThere, wasRefused } = await applied(run, step);
  const milliseconds = Math.round(performance.now() - begun);
  run.tell({
    type: "step-done",
    step: run.label(step),
    milliseconds,
    attempts,
    wasThere,
    wasRefused,
  });
  const { id, title, phase } = step;
  return { id, title, phase, milliseconds, attempts };
}

async function applied(run: Run, step: Step): Promise<StepOutcome> {
  try {
    if (step.batches !== undefined) return await runBackfill(run, step, step.batches);
    return await (step.transaction ? runTransactional(run, step) : runStandalone(run, step));
  } catch (error) {
    throw explained(step, error);
  }
}

/** Puts the step's name to what the database or the connection said. */
export function explained(step: Step, error: unknown): unknown {
  if (error instanceof PartywallError || error instanceof Stopped) return error;
  if (error instanceof ListenerFailure) return error;
  const state = sqlState(error);
  return state === undefined
    ? stepFailure(
        step,
        "was not answered by the database",
        "See `cause`; most likely the connection was lost. Look whether the server is up, then run it again.",
        error,
      )
    : stepFailure(
        step,
        `was refused by the database (SQLSTATE ${state})`,
        "See `cause`, mend that, and run it again.",
        error,
      );
}
