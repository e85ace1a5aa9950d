import type { SqlClient } from "../../guards/postgres/index.js";
import type { AdoptionPlan } from "../plan.js";
import type { Phase } from "../step.js";
import { estimateSteps } from "./estimate.js";
import { doneSteps, newestAdoption, type StepState } from "./journal.js";
import { hasJournal } from "./journal-tables.js";
import { orderedSteps } from "./runnable.js";
import { runningBackend } from "./runner-session.js";

/** How one step of an adoption stands. */
export interface StepStatus {
  readonly id: string;
  readonly title: string;
  readonly phase: Phase;
  /** `left` where nothing of it has been run; otherwise what the journal says. */
  readonly state: StepState | "left";
  readonly attempts: number;
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
  /** Of a backfill: rows filled so far. */
  readonly filled: number | undefined;
}

/** How the newest adoption of a database stands. */
export interface AdoptionStatus {
  readonly fingerprint: string;
  /** The plan as it was stored when the adoption began; what undoAdoption() is given. */
  readonly plan: AdoptionPlan;
  readonly state: "unfinished" | "finished" | "being-undone" | "undone";
  /** The backend that runs it at this moment; undefined where none does. */
  readonly backend: number | undefined;
  /** The phase of the first step that is not done; undefined where all are. */
  readonly phase: Phase | undefined;
  readonly steps: readonly StepStatus[];
  readonly done: number;
  readonly left: number;
  /** Estimate for the steps that are left, in milliseconds. */
  readonly millisecondsLeft: number;
  readonly startedAt: Date;
  readonly finishedAt: Date | undefined;
}

/**
 * Reads how the newest adoption of a database stands; undefined where there never was one. Changes nothing, waits for
 * nobody, and may be called while a runner is at work.
 *
 * @param client a connected client of the login that runs the adoption, which owns its journal
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { adoptionStatus } from "partywall/adopt";
 *
 * const client = new pg.Client(process.env["MIGRATION_URL"]);
 * await client.connect();
 * const status = await adoptionStatus(client);
 * console.log(status?.state, status?.phase, status?.done, status?.left); // unfinished backfill 12 5
 * await client.end();
 * ```
 */
export async function adoptionStatus(client: SqlClient): Promise<AdoptionStatus | undefined> {
  const adoption = (await hasJournal(client)) ? await newestAdoption(client) : undefined;
  if (adoption === undefined) return undefined;
  const { plan, isUndo, finishedAt } = adoption;
  const noted = new Map(adoption.steps.map((step) => [step.step, step]));
  const all = orderedSteps(plan);
  const done = new Set(doneSteps(adoption));
  const left = all.filter(({ id }) => !done.has(id));
  return {
    fingerprint: adoption.fingerprint,
    plan,
    state:
      finishedAt === null
        ? isUndo
          ? "being-undone"
          : "unfinished"
        : isUndo
          ? "undone"
          : "finished",
    backend: await runningBackend(client),
    phase: left[0]?.phase,
    steps: all.map(({ id, title, phase }) => {
      const step = noted.get(id);
      return {
        id,
        title,
        phase,
        state: step?.state ?? "left",
        attempts: step?.attempts ?? 0,
        startedAt: step && new Date(step.startedAt),
        finishedAt: dateOf(step?.finishedAt),
        filled: step?.backfill?.filled,
      };
    }),
    done: all.length - left.length,
    left: left.length,
    millisecondsLeft: estimateSteps(left),
    startedAt: new Date(adoption.startedAt),
    finishedAt: dateOf(finishedAt),
  };
}

function dateOf(milliseconds: number | null | undefined): Date | undefined {
  return milliseconds === null || milliseconds === undefined ? undefined : new Date(milliseconds);
}
