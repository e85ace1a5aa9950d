import { assertRunnable, orderedSteps } from "../run/runnable.js";
import type { AdoptionPlan } from "../plan.js";
import type { Phase, Step } from "../step.js";
import type { FormatContext } from "./format.js";

/** Steps that become one migration. */
export interface Migration {
  /** Unique among the plan's, such as `tenancy_expand_001_orders_column`. */
  readonly name: string;
  readonly phase: Phase;
  readonly date: Date;
  readonly steps: readonly Step[];
  /** In one transaction; each statement by itself, outside any; or row by row, committing as it goes. */
  readonly kind: "transaction" | "standalone" | "batches";
  /** Whether every step of it can be taken back. */
  readonly isReversible: boolean;
}

/**
 * Cuts a plan into migrations: what can be one transaction without holding the locks of several tables, or a lock while
 * rows are read, is one. Throws `PW_CONFIG` for a plan with obstacles.
 */
export function migrationsOf(plan: AdoptionPlan, { name, timestamp }: FormatContext): Migration[] {
  assertRunnable(plan);
  const groups: Step[][] = [];
  for (const step of orderedSteps(plan)) {
    const last = groups.at(-1);
    if (last && belongTogether(last[0]!, step)) last.push(step);
    else groups.push([step]);
  }
  const width = Math.max(3, String(groups.length).length);
  return groups.map((steps, at) => {
    const [first] = steps as [Step];
    const number = String(at + 1).padStart(width, "0");
    return {
      name: [slug(name), first.phase, number, slug(first.id)].join("_"),
      phase: first.phase,
      date: new Date(timestamp.getTime() + at * 1000),
      steps,
      kind: kindOf(first),
      isReversible: steps.every(({ down }) => down !== undefined),
    };
  });
}

function kindOf(step: Step): Migration["kind"] {
  if (step.batches) return "batches";
  return step.transaction ? "transaction" : "standalone";
}

function belongTogether(a: Step, b: Step): boolean {
  const isLight = (step: Step) => kindOf(step) === "transaction" && step.bytes === 0;
  const tables = (step: Step) => [...new Set(step.locks.map(({ table }) => table))];
  const [one, other] = [tables(a), tables(b)];
  return (
    a.phase === b.phase &&
    isLight(a) &&
    isLight(b) &&
    one.length <= 1 &&
    other.length <= 1 &&
    one[0] === other[0]
  );
}

const MOST_LETTERS = 60;

// What every file system and every migrator takes.
function slug(text: string): string {
  const plain = text
    .replace(/^public\./, "")
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "_")
    .replaceAll(/^_+|_+$/g, "")
    .slice(0, MOST_LETTERS);
  return plain === "" ? "step" : plain;
}

/** A date as migrators write it: `20260131235959`, in UTC. */
export const stamp = (date: Date) => date.toISOString().replaceAll(/\D/g, "").slice(0, 14);
