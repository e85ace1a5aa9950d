import { estimateStep, strongestLock, type AdoptionStatus } from "../adopt/index.js";
import type { AdoptionPlan } from "../adopt/plan.js";
import { PHASES, type Step } from "../adopt/step.js";
import type { Context } from "./context.js";
import { duration } from "./progress.js";
import { tableLines, type Column } from "./table.js";

const STEP_COLUMNS: readonly Column<Step>[] = [
  { title: "step", value: ({ title }) => title },
  {
    title: "strongest lock",
    value: (step) => strongestLock(step)?.toLowerCase() ?? "none",
  },
  {
    title: "about",
    value: (step) => timeOf(estimateStep(step).milliseconds),
    align: "right",
  },
];

function timeOf(milliseconds: number): string {
  return milliseconds < 1000 ? "< 1 s" : duration(milliseconds / 1000);
}

/** The lines that show a plan: what becomes of each table, the steps by phase, and what is worth knowing. */
export function planLines(plan: AdoptionPlan, context: Context): string[] {
  const tables = tableLines(
    [
      {
        title: "table",
        value: (table: AdoptionPlan["tables"][number]) => `${table.schema}.${table.name}`,
      },
      { title: "rows are", value: ({ kind }) => KINDS[kind] },
      { title: "primary key", value: ({ primaryKey }) => primaryKey?.join(", ") ?? "" },
    ],
    plan.tables,
    context.room,
  );
  const phases = PHASES.flatMap((phase) => {
    const steps = plan.steps.filter((step) => step.phase === phase);
    if (steps.length === 0) return [];
    return ["", context.paint("bold", phase), ...tableLines(STEP_COLUMNS, steps, context.room)];
  });
  const notices = plan.notices.flatMap(({ object, text }) => [`${object}: ${text}`]);
  return [
    ...tables,
    ...phases,
    ...(notices.length > 0 ? ["", context.paint("bold", "worth knowing"), ...notices] : []),
  ];
}

const KINDS = { tenant: "a tenant's", shared: "everybody's", unmanaged: "left alone" } as const;

const STATES = {
  unfinished: "under way",
  finished: "finished",
  "being-undone": "being taken back",
  undone: "taken back",
} as const;

/** The lines that tell how far an adoption has come. */
export function statusLines(status: AdoptionStatus | undefined, context: Context): string[] {
  if (status === undefined) return ["There never was an adoption here."];
  const { state, phase, done, left, backend, millisecondsLeft } = status;
  const now = phase === undefined ? "" : `, in ${phase}`;
  const by = backend === undefined ? "" : `, run by backend ${backend}`;
  const steps = status.steps.filter((step) => step.state !== "done");
  return [
    `${context.paint("bold", STATES[state])}${now}${by}: ${done} steps done, ${left} left (about ${timeOf(millisecondsLeft)})`,
    ...(steps.length === 0
      ? []
      : tableLines(
          [
            { title: "step", value: ({ title }) => title },
            { title: "phase", value: (step) => step.phase },
            { title: "state", value: (step) => step.state },
          ],
          steps,
          context.room,
        )),
  ];
}
