import type { Call } from "./call.js";
import { NATIVE } from "./native.js";
import { READS } from "./reads.js";
import { REFUSED } from "./refused.js";
import { WRITES } from "./writes.js";

/** Every call that is tried, in the order of the documentation. */
export const CALLS: readonly Call[] = [...READS, ...WRITES, ...NATIVE];

export { REFUSED };
