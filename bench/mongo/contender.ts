import { startMeasuredProcess } from "../support/measured-process.js";
import type { ShopSize } from "../support/rows.js";
import type { Slice } from "../support/slices.js";
import type { Operation } from "./orders.js";

/** How tenants are kept apart: a filter in every call, the same inside an AsyncLocalStorage, or the guard. */
export const WAYS = ["by hand", "by hand, AsyncLocalStorage", "guarded"] as const;

/** One of {@link WAYS}. */
export type Way = (typeof WAYS)[number];

/** What a contender's process is told first. */
export interface Assignment {
  /** Name of the library's file. */
  readonly library: string;
  readonly way: Way;
  readonly size: ShopSize;
  /** Connection string, with its database, through the network that is measured. */
  readonly url: string;
  /** The same, to see past the guard. */
  readonly direct: string;
  /** Folder of the compiled package. */
  readonly folder: string;
}

/** What it is told to measure. */
export interface Order {
  readonly operation: Operation;
  readonly concurrency: number;
  readonly milliseconds: number;
}

/** A contender that waits for orders. */
export interface Contender {
  readonly name: Way;
  readonly measure: (order: Order) => Promise<Slice>;
  readonly stop: () => Promise<void>;
}

/** Starts a contender in a process of its own. */
export async function startContender(assignment: Assignment): Promise<Contender> {
  const { library, way } = assignment;
  const file = new URL("contender-process.ts", import.meta.url);
  const env = { ...process.env, NODE_ENV: "production" };
  const started = await startMeasuredProcess<Order>(file, `${library}, ${way},`, assignment, env);
  return { name: way, ...started };
}
