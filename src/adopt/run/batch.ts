import { performance } from "node:perf_hooks";
import type { Batches, Step } from "../step.js";
import { HeldTooLong } from "./attempts.js";
import type { BackfillState } from "./backfill-state.js";
import { sqlState, stepFailure } from "./failure.js";
import type { Pace } from "./pace.js";
import type { Run } from "./run.js";
import type { TriggerTreatment } from "./row-triggers.js";
import { inTransaction, untilDeadlock } from "./transaction.js";
import type { Stretch, Walk } from "./walk.js";

/** What a batch came to. */
export interface BatchOutcome {
  readonly state: BackfillState;
  /** Whether it was the last of its pass. */
  readonly isLast: boolean;
}

/**
 * How long a batch may take, in milliseconds. Checks of foreign keys can have it wait for rows of the load while the load
 * waits for its rows, so it is over before the load looks for a deadlock.
 */
export function batchLimit(run: Run): number {
  return Math.ceil(Math.min(run.settings.lockTimeoutMs, untilDeadlock(run)));
}

/**
 * Fills the next stretch in a transaction of its own, which notes how far it came. Rows that others have locked are
 * passed over and counted. Undefined where there is no stretch left.
 */
export async function fillBatch(
  run: Run,
  step: Step,
  batches: Batches,
  walk: Walk,
  pace: Pace,
  treatment: TriggerTreatment,
  before: BackfillState,
): Promise<BatchOutcome | undefined> {
  const limitMs = batchLimit(run);
  const settings = [
    `set local lock_timeout = ${Math.ceil(limitMs / 2)}`,
    `set local statement_timeout = ${limitMs}`,
    ...(treatment.asReplica ? ["set local session_replication_role = replica"] : []),
  ];
  const begun = performance.now();
  const work = async () => {
    const stretch = await walk.next(before.after, before.until, pace.rows);
    if (stretch === undefined) return undefined;
    const filled = await fill(run, batches, stretch);
    const { seen, left, unfillable } = await lookAt(run, batches, stretch);
    if (unfillable > 0) throw stillToBeFilled(step, batches, unfillable);
    const state: BackfillState = {
      ...before,
      after: stretch.to,
      seen: before.seen + seen,
      filledNow: before.filledNow + filled,
      filled: before.filled + filled,
      left: before.left + left,
      leftFrom: before.left === 0 && left > 0 ? before.after : before.leftFrom,
      leftUntil: left > 0 ? stretch.to : before.leftUntil,
    };
    await run.journal.note(step, "running", { backfill: state });
    return { state, isLast: stretch.isLast };
  };
  try {
    const outcome = await inTransaction(run.client, work, settings.join("; "));
    pace.took(performance.now() - begun);
    return outcome;
  } catch (error) {
    if (sqlState(error) !== "57014" || performance.now() - begun < limitMs * 0.9) throw error;
    pace.tooLong();
    throw new HeldTooLong(undefined, { cause: error });
  }
}

/**
 * Locks the rows that nobody else has locked, then sets them, as two statements: the planner knows how many rows the
 * second is for, and would take the first for an inner loop where the table's statistics are missing or old.
 *
 * FOR UPDATE, although an update that changes no key takes a weaker lock: a column of a unique index is a key, and then
 * the update would wait for whoever only looks at the row for a foreign key.
 */
async function fill(run: Run, { set, where }: Batches, stretch: Stretch): Promise<number> {
  const { relation, condition, values } = stretch;
  const which = `${condition} and (${where})`;
  const locked = await run.client.query(
    `select pg_catalog.array_agg("partywall table")::text as tables, pg_catalog.array_agg("partywall row")::text as addresses
from (select tableoid as "partywall table", ctid as "partywall row" from ${relation} where ${which} for update skip locked)
  as "partywall locked"`,
    [...values],
  );
  const { tables, addresses } = locked.rows[0] as { tables: string | null; addresses: string };
  if (tables === null) return 0;
  const { rows } = await run.client.query(
    `with "partywall filled" as (
  update ${relation} set ${set} where ${which} and (tableoid, ctid) in (
    select * from rows from (pg_catalog.unnest($${values.length + 1}::pg_catalog.oid[]), pg_catalog.unnest($${values.length + 2}::pg_catalog.tid[])) as "partywall locked")
  returning 1)
select pg_catalog.count(*)::text as filled from "partywall filled"`,
    [...values, tables, addresses],
  );
  return Number(rows[0]?.["filled"]);
}

/** Counts what is in a stretch, what is left to fill in it, and what this transaction has set and is left to fill. */
async function lookAt(run: Run, { where }: Batches, stretch: Stretch) {
  const { relation, condition, values } = stretch;
  const { rows } = await run.client.query(
    `select pg_catalog.count(*)::text as seen,
  pg_catalog.count(*) filter (where "partywall left")::text as left_over,
  pg_catalog.count(*) filter (where "partywall left" and "partywall own")::text as unfillable
from (select (${where}) as "partywall left", xmin = pg_catalog.pg_current_xact_id()::pg_catalog.xid as "partywall own"
  from ${relation} where ${condition}) as "partywall stretch"`,
    [...values],
  );
  const count = (name: string) => Number(rows[0]?.[name]);
  return { seen: count("seen"), left: count("left_over"), unfillable: count("unfillable") };
}

function stillToBeFilled(step: Step, { table }: Batches, rows: number) {
  return stepFailure(
    step,
    `set ${rows} row(s) of ${table} that are still to be filled afterwards: what they are given is null, or a trigger takes it back`,
    "Mend the table's `assign`, or give those rows what it reads; then run it again.",
  );
}
