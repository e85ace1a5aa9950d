import { startMeasuredProcess } from "./measured-process.js";
import type { ContenderSpec } from "./contenders.js";
import type { ShopSize } from "./rows.js";
import type { Slice } from "./slices.js";

/** What a contender's process is told first. */
export interface Assignment {
  readonly spec: ContenderSpec;
  readonly size: ShopSize;
  /** Folder of the compiled package. */
  readonly folder: string;
  /** Connection string by network. */
  readonly urls: Readonly<Record<string, string>>;
}

/** What it is told to measure. */
export interface Order {
  readonly network: string;
  /** Statements of a transaction; absent for one statement outside any. */
  readonly statements: number | undefined;
  readonly concurrency: number;
  readonly milliseconds: number;
}

/** A contender that waits for orders. */
export interface Contender {
  readonly name: string;
  readonly measure: (order: Order) => Promise<Slice>;
  readonly stop: () => Promise<void>;
}

/** Starts a contender in a process of its own. */
export async function startContender(assignment: Assignment): Promise<Contender> {
  const { name } = assignment.spec;
  const file = new URL("contender-process.ts", import.meta.url);
  return {
    name,
    ...(await startMeasuredProcess<Order>(file, `"${name}"`, assignment)),
  };
}
