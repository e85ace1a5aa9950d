import type { SqlClient } from "../../guards/postgres/index.js";
import type { Batches } from "../step.js";
import type { Position } from "./backfill-state.js";
import { blockWalk } from "./block-walk.js";
import { keyWalk } from "./key-walk.js";

/** Some of a table's rows, small enough for one batch. */
export interface Stretch {
  /** Its end, behind which the next begins. */
  readonly to: Position;
  /** What stands behind UPDATE or FROM. */
  readonly relation: string;
  /** Which rows, over the parameters `values`. */
  readonly condition: string;
  readonly values: readonly string[];
  /** Whether the table had no row behind it; what is added meanwhile is not run after. */
  readonly isLast: boolean;
}

/** A way through all rows of a table. */
export interface Walk {
  /** The next stretch behind `after` and up to `until`, of about `rows` rows; undefined at the end. */
  next(after: Position | null, until: Position | null, rows: number): Promise<Stretch | undefined>;
}

/** The way through a table: by its primary key, or block by block where it has none. */
export function walkThrough(client: SqlClient, batches: Batches): Promise<Walk> {
  return batches.key.length > 0 ? keyWalk(client, batches) : blockWalk(client, batches);
}
