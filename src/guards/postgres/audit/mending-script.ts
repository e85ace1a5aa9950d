import { scriptOf } from "../../mending-script.js";
import type { Finding } from "./check.js";

/**
 * Prints the SQL that mends findings as one script, the worst first; what a person must decide is a comment. Each
 * statement stands alone: what one login may not run, another must.
 */
export const mendingScript = (findings: readonly Finding[]): string =>
  scriptOf(findings, "--", ({ sql }) => sql);
