import type { LockMode, Phase } from "../step.js";

/** The step that an event is about. */
export interface ProgressStep {
  readonly id: string;
  readonly title: string;
  readonly phase: Phase;
  /** Its place in the plan, from 1. */
  readonly number: number;
  /** How many steps the plan has. */
  readonly of: number;
}

/**
 * Why an attempt was given up and is made again: a `lock` was not had in time, the load and the step were in each
 * other's way (`deadlock`), the step had its locks for too long (`hold`), or another session changed the same row of
 * the catalogue (`collision`).
 */
export type RetryReason = "lock" | "deadlock" | "hold" | "collision";

/** What an adoption tells while it runs. Times are in milliseconds; estimates are estimates. */
export type AdoptionProgress =
  /** An adoption begins or goes on. `milliseconds`: estimate for the steps that are left. */
  | {
      readonly type: "started";
      readonly direction: "adopt" | "undo";
      readonly fingerprint: string;
      readonly steps: number;
      readonly done: number;
      readonly milliseconds: number;
    }
  /** A phase begins or goes on. */
  | {
      readonly type: "phase";
      readonly phase: Phase;
      readonly steps: number;
      readonly done: number;
      readonly milliseconds: number;
    }
  /** A step begins. `lock`: the strongest it takes. `milliseconds`: estimate. */
  | {
      readonly type: "step";
      readonly step: ProgressStep;
      readonly lock: LockMode | undefined;
      readonly milliseconds: number;
    }
  /** An attempt was taken back and is made again after `waitMilliseconds`, in which nobody waits for it. */
  | {
      readonly type: "retry";
      readonly step: ProgressStep;
      readonly because: RetryReason;
      /** How many attempts have been made, and how many may be made in all. */
      readonly attempt: number;
      readonly attempts: number;
      readonly waitMilliseconds: number;
    }
  /** What an attempt that was cut short may have left is being cleared away. */
  | { readonly type: "repair"; readonly step: ProgressStep }
  /** The table has triggers or rules that the backfill could not keep quiet, so they run for the rows it fills. */
  | {
      readonly type: "triggers";
      readonly step: ProgressStep;
      readonly table: string;
      readonly names: readonly string[];
      readonly because: string;
    }
  /** A batch is committed. */
  | {
      readonly type: "rows";
      readonly step: ProgressStep;
      readonly table: string;
      /** How often the table has been gone through, this time included. */
      readonly pass: number;
      /** Rows looked at in this pass. */
      readonly seen: number;
      /** How many it will be, as the planner estimates; not known of a pass that comes back to a part of the table. */
      readonly expected: number | undefined;
      /** Rows filled in all passes. */
      readonly filled: number;
      /** Rows that others had locked in this pass, to be come back to. */
      readonly left: number;
      readonly rowsPerSecond: number;
      /** Estimate of the time left in this pass. */
      readonly millisecondsLeft: number | undefined;
    }
  /** Rows are locked by others; they are come back to after a wait. */
  | {
      readonly type: "locked-rows";
      readonly step: ProgressStep;
      readonly table: string;
      readonly rows: number;
      readonly waitMilliseconds: number;
    }
  /** A step is done and noted. */
  | {
      readonly type: "step-done";
      readonly step: ProgressStep;
      readonly milliseconds: number;
      readonly attempts: number;
      /** Whether its effect was there before anything was run. */
      readonly wasThere: boolean;
      /** Whether the login lacks the right, and the step may be passed over for that. */
      readonly wasRefused: boolean;
    }
  /** A step is taken back and noted. */
  | { readonly type: "step-undone"; readonly step: ProgressStep; readonly milliseconds: number }
  /**
   * What a step that is stopped has left cannot be cleared away now, because of long transactions: `repair` would do it,
   * and the next run does. An invalid unique index goes on refusing rows until then.
   */
  | {
      readonly type: "left-behind";
      readonly step: ProgressStep;
      readonly repair: readonly string[];
    }
  /** The signal was aborted; everything so far is noted. */
  | { readonly type: "stopped" }
  /** Everything that was asked for is done. */
  | { readonly type: "finished" };
