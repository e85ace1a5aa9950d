import { createHash } from "node:crypto";
import { PartywallError } from "../../errors.js";
import type { AdoptionPlan } from "../plan.js";
import { PHASES, type Step } from "../step.js";

/** The steps of a plan in the order they run: by phase, and in a phase as the plan has them. */
export function orderedSteps(plan: AdoptionPlan): readonly Step[] {
  return PHASES.flatMap((phase) => plan.steps.filter((step) => step.phase === phase));
}

/** Throws `PW_CONFIG` where a plan has obstacles, or a step that cannot be run safely. */
export function assertRunnable(plan: AdoptionPlan): void {
  if (plan.obstacles.length > 0) {
    const named = plan.obstacles.slice(0, 5).map(({ code, object }) => `${code}: ${object}`);
    const more = plan.obstacles.length > named.length ? ", …" : "";
    throw new PartywallError(
      "PW_CONFIG",
      `The adoption plan has ${plan.obstacles.length} obstacle(s) (${named.join(", ")}${more}). Do what plan.obstacles says, or acknowledge those that may stay, and plan again.`,
    );
  }
  const seen = new Set<string>();
  for (const step of plan.steps) {
    const fault = seen.has(step.id) ? "has the id of another step" : faultOf(step);
    seen.add(step.id);
    if (fault !== undefined) {
      throw new PartywallError(
        "PW_CONFIG",
        `The step ${step.id} of the adoption plan ${fault}. Plan anew with planAdoption().`,
      );
    }
  }
}

function faultOf(step: Step): string | undefined {
  if (!PHASES.includes(step.phase)) return "is in no phase";
  if (step.batches !== undefined) {
    if (step.sql.length > 0) return "has both batches and statements";
    return step.batches.set.trim() === "" || step.batches.where.trim() === ""
      ? "does not say which rows to fill, or with what"
      : undefined;
  }
  if (step.transaction) return undefined;
  if (step.sql.length !== 1) return "is outside a transaction and has not exactly one statement";
  // Without it nobody can tell, after a crash, whether the statement has had its effect.
  return step.done === undefined ? "is outside a transaction and has no `done`" : undefined;
}

/**
 * What tells one plan from another: a digest of its options and of everything that it would run. Sizes, titles and
 * notices are not part of it, since they change while the plan is the same.
 */
export function fingerprintOf({ options, steps }: AdoptionPlan): string {
  const run = steps.map(
    ({ id, phase, sql, transaction, done, repair, mayBeRefused, batches, down }) => ({
      id,
      phase,
      sql,
      transaction,
      done,
      repair,
      mayBeRefused,
      batches,
      down,
    }),
  );
  return createHash("sha256")
    .update(canonical({ options, steps: run }))
    .digest("hex");
}

/** JSON whose keys are in order, so that a plan that was stored has the fingerprint of the one that was made. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
