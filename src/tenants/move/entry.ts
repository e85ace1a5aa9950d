import type { Placement } from "../../scope/tenant.js";

/**
 * How far a move has come: begun, all rows copied, cut over so far that it can only go on, the tenant lives there and the
 * old copy is kept, the old copy is gone, given up.
 */
export type MoveStep = "begun" | "copied" | "cutting" | "kept" | "confirmed" | "given up";

/** One move of one tenant. */
export interface MoveEntry {
  readonly id: string;
  readonly tenantId: string;
  readonly from: Placement;
  readonly to: Placement;
  readonly step: MoveStep;
}
