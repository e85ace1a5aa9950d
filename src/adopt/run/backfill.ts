import { performance } from "node:perf_hooks";
import { PartywallError } from "../../errors.js";
import type { Batches, Step } from "../step.js";
import { persist, waitBefore } from "./attempts.js";
import { UNTOUCHED, type BackfillState } from "./backfill-state.js";
import { batchLimit, fillBatch } from "./batch.js";
import { stepFailure } from "./failure.js";
import { Pace } from "./pace.js";
import { FAMILY, treatTriggers } from "./row-triggers.js";
import type { Run } from "./run.js";
import type { StepOutcome } from "./step-runs.js";
import { inTransaction } from "./transaction.js";
import { walkThrough } from "./walk.js";

/** A load that goes on writing rows without a tenant would keep a backfill busy for ever. */
const MOST_PASSES_WITHOUT_END = 10;

/**
 * Fills a table batch by batch while the application writes to it. Each batch is a short transaction that notes how far
 * it came; rows that others have locked are come back to; at the end all rows are counted that are still to be filled,
 * and the step is done, in the same transaction, only where there are none.
 */
export async function runBackfill(run: Run, step: Step, batches: Batches): Promise<StepOutcome> {
  await assertSeesEveryRow(run, batches);
  const treatment = await treatTriggers(run.client, batches);
  if (treatment.firing.length > 0) {
    const { firing: names, because } = treatment;
    run.tell({
      type: "triggers",
      step: run.label(step),
      table: batches.table,
      names,
      because,
    });
  }
  let state = run.journal.backfillOf(step) ?? UNTOUCHED;
  await run.journal.note(step, "running", { backfill: state });
  run.journal.remember(step, "running", state);
  const pace = new Pace(run.settings.batchRows, batchLimit(run));
  let fruitless = 0;
  for (let ends = 0; ;) {
    state = await onePass(run, step, batches, pace, treatment, state);
    fruitless = state.filledNow > 0 ? 0 : fruitless + 1;
    if (state.left === 0) {
      const missing = await finish(run, step, batches, state);
      if (missing === 0) return { attempts: 1, wasThere: false, wasRefused: false };
      ends += 1;
      if (ends > MOST_PASSES_WITHOUT_END) throw endless(step, batches, missing);
    } else if (fruitless > run.settings.retries) {
      throw locked(step, batches, state.left);
    }
    if (fruitless > 0) {
      const waitMilliseconds = waitBefore(fruitless);
      const { left: rows } = state;
      if (rows > 0) {
        const { table } = batches;
        run.tell({ type: "locked-rows", step: run.label(step), table, rows, waitMilliseconds });
      }
      await run.wait(waitMilliseconds);
    }
    state = nextPass(state);
  }
}

/** Where rows were locked, only the stretch they lie in; otherwise the whole table. */
function nextPass({ pass, filled, left, leftFrom, leftUntil }: BackfillState): BackfillState {
  return {
    ...UNTOUCHED,
    pass: pass + 1,
    filled,
    ...(left > 0 && { after: leftFrom, until: leftUntil }),
  };
}

async function onePass(
  run: Run,
  step: Step,
  batches: Batches,
  pace: Pace,
  treatment: Awaited<ReturnType<typeof treatTriggers>>,
  begun: BackfillState,
): Promise<BackfillState> {
  const walk = await walkThrough(run.client, batches);
  const expected = begun.until === null ? await expectedRows(run, batches) : undefined;
  const since = performance.now();
  let state = begun;
  for (;;) {
    const { value: outcome } = await persist(run, step, () =>
      fillBatch(run, step, batches, walk, pace, treatment, state),
    );
    if (outcome === undefined) return state;
    state = outcome.state;
    run.journal.remember(step, "running", state);
    const perMillisecond = (state.seen - begun.seen) / (performance.now() - since);
    run.tell({
      type: "rows",
      step: run.label(step),
      table: batches.table,
      pass: state.pass,
      seen: state.seen,
      expected,
      filled: state.filled,
      left: state.left,
      rowsPerSecond: Math.round(perMillisecond * 1000),
      millisecondsLeft:
        expected === undefined || perMillisecond === 0
          ? undefined
          : Math.round(Math.max(0, expected - state.seen) / perMillisecond),
    });
    if (outcome.isLast) return state;
    await run.wait(run.settings.pauseMs);
  }
}

/** The planner's estimate, which knows the table's size even where it was never analysed. */
async function expectedRows(run: Run, { table }: Batches): Promise<number> {
  const { rows } = await run.client.query(`explain (format json) select from ${table}`);
  const printed = rows[0]?.["QUERY PLAN"];
  const plan = (typeof printed === "string" ? JSON.parse(printed) : printed) as [
    { Plan: { "Plan Rows": number } },
  ];
  return plan[0].Plan["Plan Rows"];
}

/** Counts the rows that are still to be filled, and notes the step as done where there are none. */
async function finish(
  run: Run,
  step: Step,
  { table, where }: Batches,
  state: BackfillState,
): Promise<number> {
  const { value: missing } = await persist(run, step, () =>
    inTransaction(run.client, async () => {
      const { rows } = await run.client.query(
        `select pg_catalog.count(*)::text as missing from ${table} where (${where})`,
      );
      const count = Number(rows[0]?.["missing"]);
      if (count === 0) await run.journal.note(step, "done", { attempts: 1, backfill: state });
      return count;
    }),
  );
  if (missing === 0) run.journal.remember(step, "done", state);
  return missing;
}

// Policies would hide rows from the backfill and from its count alike.
async function assertSeesEveryRow(run: Run, { table }: Batches): Promise<void> {
  const { rows } = await run.client.query(
    `${FAMILY} select coalesce(pg_catalog.bool_or(pg_catalog.row_security_active(oid)), false)::text as hidden from family`,
    [table],
  );
  if (rows[0]?.["hidden"] === "false") return;
  throw new PartywallError(
    "PW_CONFIG",
    `Row security may hide rows of ${table} from the login that is to fill them. Run the adoption as a superuser or a login with BYPASSRLS, or take FORCE off the table until it is done.`,
  );
}

function locked(step: Step, { table }: Batches, rows: number) {
  return stepFailure(
    step,
    `could not fill ${rows} row(s) of ${table}, which other transactions keep locked or a trigger keeps as they are`,
    "Look for long transactions on the table (pg_stat_activity) and for its BEFORE UPDATE triggers, then run it again; what is filled stays filled.",
  );
}

function endless(step: Step, { table }: Batches, rows: number) {
  return stepFailure(
    step,
    `has gone through ${table} ${MOST_PASSES_WITHOUT_END} times, and ${rows} row(s) are still to be filled: the application goes on writing rows without a tenant`,
    "See that what it writes gets one (the column's default, or the trigger that assigns it), then run it again.",
  );
}
