import { PartywallError } from "../../errors.js";
import { PHASES, type Phase } from "../step.js";
import type { AdoptionProgress } from "./progress.js";

/** How an adoption is run. */
export interface RunAdoptionOptions {
  /** The phases to run; default all. They always run in their order, and none before those in front of it are done. */
  readonly phases?: readonly Phase[];
  /**
   * How long, in milliseconds, a statement of the live load may be made to wait: for a lock in front of which a step
   * queues, for the catalogue change of a step that has its locks, for a batch's rows. Default 2000. Steps that lock
   * several tables wait for at most four fifths of the server's `deadlock_timeout`, so that the load is never the
   * victim of a deadlock with them.
   */
  readonly lockTimeoutMs?: number;
  /** How often a step that did not get its locks is tried again; default 60, after waits that grow to ten seconds. */
  readonly retries?: number;
  /** Most rows in one batch of a backfill; default 5000. Batches that take long are made smaller by themselves. */
  readonly batchRows?: number;
  /** Pause between two batches, in milliseconds; default 10. */
  readonly pauseMs?: number;
  /** Limit for statements that block nobody, such as an index build, in milliseconds; default none. */
  readonly statementTimeoutMs?: number;
  /** Is told what happens, between statements. What it throws ends the run, as if it had been stopped. */
  readonly onProgress?: (event: AdoptionProgress) => void;
  /** Stops before the next statement or batch once aborted; the run can be resumed. */
  readonly signal?: AbortSignal;
}

/** The options with their defaults. */
export interface RunSettings {
  readonly phases: readonly Phase[];
  readonly lockTimeoutMs: number;
  readonly retries: number;
  readonly batchRows: number;
  readonly pauseMs: number;
  readonly statementTimeoutMs: number;
  readonly onProgress: (event: AdoptionProgress) => void;
  readonly signal: AbortSignal | undefined;
}

// PostgreSQL keeps its timeouts in 32 bits.
const MOST = 2 ** 31 - 1;

/** Fills in the defaults; throws `PW_CONFIG` for a number or phase that is none, naming the option and `caller`. */
export function runSettings(options: RunAdoptionOptions, caller: string): RunSettings {
  const phases = options.phases ?? PHASES;
  for (const phase of phases) {
    if (!PHASES.includes(phase)) {
      throw new PartywallError(
        "PW_CONFIG",
        `${caller} was given a phase that does not exist. \`phases\` may name ${PHASES.join(", ")}.`,
      );
    }
  }
  const whole = (name: keyof RunAdoptionOptions, least: number, otherwise: number): number => {
    const value = options[name] ?? otherwise;
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= MOST) {
      return value as number;
    }
    throw new PartywallError(
      "PW_CONFIG",
      `${caller}: \`${name}\` must be a whole number from ${least} to ${MOST}.`,
    );
  };
  return {
    phases: PHASES.filter((phase) => phases.includes(phase)),
    lockTimeoutMs: whole("lockTimeoutMs", 1, 2000),
    retries: whole("retries", 0, 60),
    batchRows: whole("batchRows", 1, 5000),
    pauseMs: whole("pauseMs", 0, 10),
    statementTimeoutMs: whole("statementTimeoutMs", 0, 0),
    onProgress: options.onProgress ?? (() => undefined),
    signal: options.signal,
  };
}
