import type { AdoptOptions, TableKind } from "./options.js";
import type { Notice, Obstacle, Step } from "./step.js";

/** What becomes of one table. */
export interface TablePlan {
  readonly schema: string;
  readonly name: string;
  readonly kind: TableKind;
  /** Of a tenant table: the tenant column, and whether it was there before. */
  readonly column?: string;
  readonly hadColumn?: boolean;
  /** Columns of the primary key as they will be. */
  readonly primaryKey?: readonly string[];
}

/** Everything that turns a schema into a tenant-aware one, in order. Plain data, which can be stored and resumed. */
export interface AdoptionPlan {
  readonly options: AdoptOptions;
  readonly tables: readonly TablePlan[];
  readonly steps: readonly Step[];
  /** While there is one, nothing can be run. */
  readonly obstacles: readonly Obstacle[];
  readonly notices: readonly Notice[];
}
