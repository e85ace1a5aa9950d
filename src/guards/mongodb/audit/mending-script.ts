import { scriptOf } from "../../mending-script.js";
import type { MongoFinding } from "./check.js";

/**
 * Prints what mends findings as one script for mongosh, the worst first; what a person must decide is a comment. Each
 * statement stands alone.
 */
export const mongoMendingScript = (findings: readonly MongoFinding[]): string =>
  scriptOf(findings, "//", ({ mongosh }) => mongosh);
