import { LOCK_MODES, type LockMode, type Step } from "../step.js";

/**
 * Bytes a second that a step is taken to read: a sequential scan on a modest server with cold caches. A warm cache or
 * NVMe disks are several times faster.
 */
const SCAN_BYTES_PER_SECOND = 100_000_000;

/** Bytes a second that a backfill is taken to read and write anew, with two indexes and the log. Rows, not bytes, cost. */
const FILL_BYTES_PER_SECOND = 5_000_000;

/** What a statement is taken to need that changes the catalogue alone. */
const CATALOGUE_MILLISECONDS = 10;

/**
 * Estimates how long a step takes once it has its locks, in milliseconds: its bytes at 100 MB/s (5 MB/s where rows are
 * filled), and 10 ms for each statement. An order of magnitude, not a promise.
 *
 * @example
 * ```ts
 * import { estimateStep } from "partywall/adopt";
 *
 * const { milliseconds } = estimateStep({
 *   id: "orders/validate",
 *   phase: "backfill",
 *   title: "Check the rows that are there",
 *   sql: ["alter table orders validate constraint orders_customer"],
 *   transaction: true,
 *   locks: [{ table: "orders", mode: "SHARE UPDATE EXCLUSIVE" }],
 *   bytes: 2_000_000_000,
 * });
 * console.log(milliseconds); // 20010
 * ```
 */
export function estimateStep(step: Step): { readonly milliseconds: number } {
  const perSecond = step.batches === undefined ? SCAN_BYTES_PER_SECOND : FILL_BYTES_PER_SECOND;
  const statements = Math.max(1, step.sql.length);
  return {
    milliseconds: Math.round((step.bytes / perSecond) * 1000) + statements * CATALOGUE_MILLISECONDS,
  };
}

/** Estimate for several steps, one after the other, in milliseconds. */
export function estimateSteps(steps: readonly Step[]): number {
  return steps.reduce((sum, step) => sum + estimateStep(step).milliseconds, 0);
}

/**
 * The strongest table lock that a step takes; undefined where it takes none.
 *
 * @example
 * ```ts
 * import { strongestLock } from "partywall/adopt";
 *
 * const mode = strongestLock({
 *   id: "orders/column",
 *   phase: "expand",
 *   title: "Add the tenant column",
 *   sql: ["alter table orders add column tenant_id text"],
 *   transaction: true,
 *   locks: [{ table: "orders", mode: "ACCESS EXCLUSIVE" }],
 *   bytes: 0,
 * });
 * console.log(mode); // ACCESS EXCLUSIVE
 * ```
 */
export function strongestLock(step: Step): LockMode | undefined {
  return LOCK_MODES.findLast((mode) => step.locks.some((lock) => lock.mode === mode));
}

/** Whether a step keeps others from writing (`SHARE` and stronger), and perhaps from reading, while it has its locks. */
export function blocksWrites(step: Step): boolean {
  const strongest = strongestLock(step);
  return strongest !== undefined && LOCK_MODES.indexOf(strongest) >= LOCK_MODES.indexOf("SHARE");
}
