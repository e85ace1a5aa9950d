import { DEFINITIONS } from "./definitions.js";
import { JOINS } from "./joins.js";
import type { Operation } from "./operation.js";
import { READS } from "./reads.js";
import { WRITES } from "./writes.js";

/** Each operation of the table, tried. What it must not touch is compared by whoever runs it. */
export const OPERATIONS: readonly Operation[] = [...READS, ...WRITES, ...JOINS, ...DEFINITIONS];
