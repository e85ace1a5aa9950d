/** When a step runs: while the old application runs unchanged, to fill rows, or when the wall goes up. */
export type Phase = "expand" | "backfill" | "enforce";

/** The phases in their order. */
export const PHASES = ["expand", "backfill", "enforce"] as const satisfies readonly Phase[];

/** Lock modes of PostgreSQL, the weakest first. Source: PostgreSQL manual, chapter 13.3 "Explicit Locking". */
export const LOCK_MODES = [
  "ACCESS SHARE",
  "ROW SHARE",
  "ROW EXCLUSIVE",
  "SHARE UPDATE EXCLUSIVE",
  "SHARE",
  "SHARE ROW EXCLUSIVE",
  "EXCLUSIVE",
  "ACCESS EXCLUSIVE",
] as const;

export type LockMode = (typeof LOCK_MODES)[number];

/** A lock that a step takes on a table. */
export interface StepLock {
  /** Quoted and qualified. */
  readonly table: string;
  readonly mode: LockMode;
}

/** Rows to fill, a batch at a time. */
export interface Batches {
  /** The table, quoted and qualified. */
  readonly table: string;
  /** Columns of its primary key, quoted; empty where it has none, then the row's address serves. */
  readonly key: readonly string[];
  /** The SET of the update, without the keyword. */
  readonly set: string;
  /** Which rows are still to be filled. */
  readonly where: string;
}

/** One change, applied whole or not at all. */
export interface Step {
  /** Stable and unique in its plan, such as `public.orders/column`. */
  readonly id: string;
  readonly phase: Phase;
  /** What it does, in one line for people. */
  readonly title: string;
  /** Statements without a semicolon at their end. */
  readonly sql: readonly string[];
  /** Whether they run in one transaction; otherwise there is exactly one, outside any. */
  readonly transaction: boolean;
  readonly locks: readonly StepLock[];
  /** Bytes read while the locks are held (0: the catalogue only), from which the time is estimated. */
  readonly bytes: number;
  /**
   * A query of one boolean `done`, true where the whole effect is there: by which an attempt outside a transaction that
   * was cut short is told from one that was not, and a statement that only warns from one that did it.
   */
  readonly done?: string;
  /** What clears away an attempt that was cut short, before the next. */
  readonly repair?: readonly string[];
  /** Whether a refusal for want of a right (42501) is passed over and reported, as of rights that only a superuser has. */
  readonly mayBeRefused?: boolean;
  /** Rows to fill, instead of statements. */
  readonly batches?: Batches;
  /** What takes it back; absent where that is not promised. */
  readonly down?: readonly string[];
}

/** Something the plan cannot decide, or that would break: nothing runs until it is answered or mended. */
export interface Obstacle {
  /** Stable kind, such as `security-definer`. */
  readonly code: string;
  /** The object, qualified. */
  readonly object: string;
  /** What would happen, in one sentence. */
  readonly why: string;
  /** What to do. */
  readonly remedy: string;
  /** Whether naming the object under `acknowledge` answers it. */
  readonly acknowledgeable: boolean;
}

/** Something worth knowing that stops nothing. */
export interface Notice {
  readonly code: string;
  readonly object: string;
  readonly text: string;
}
