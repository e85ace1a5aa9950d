/** A place in a table: the texts of a row's key, or a relation's oid and a block. */
export type Position = readonly string[];

/** How far a backfill is, as it is written into the journal with each batch. */
export interface BackfillState {
  /** How often the table has been gone through, this time included. */
  readonly pass: number;
  /** Rows behind this place are still to be looked at in this pass; null at the beginning. */
  readonly after: Position | null;
  /** Where this pass ends, when it comes back to a stretch in which rows were locked; null: with the table. */
  readonly until: Position | null;
  /** Rows looked at in this pass. */
  readonly seen: number;
  /** Rows filled in this pass. */
  readonly filledNow: number;
  /** Rows filled in all passes. */
  readonly filled: number;
  /** Rows that others had locked in this pass, and the stretch they lie in. */
  readonly left: number;
  readonly leftFrom: Position | null;
  readonly leftUntil: Position | null;
}

/** Before the first batch. */
export const UNTOUCHED: BackfillState = {
  pass: 1,
  after: null,
  until: null,
  seen: 0,
  filledNow: 0,
  filled: 0,
  left: 0,
  leftFrom: null,
  leftUntil: null,
};
