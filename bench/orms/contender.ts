import { startMeasuredProcess } from "../support/measured-process.js";
import type { Slice } from "../support/slices.js";
import type { LibrarySize, LibraryUrls } from "./library.js";

/** How the ORM keeps tenants apart: a filter in every query, or the guard. */
export const WAYS = ["by hand", "guarded", "guarded, prepared"] as const;

/** One of {@link WAYS}. */
export type Way = (typeof WAYS)[number];

/** What is done. */
export const OPERATIONS = ["point read", "nested read", "insert"] as const;

/** One of {@link OPERATIONS}. */
export type Operation = (typeof OPERATIONS)[number];

/** What a contender's process is told first. */
export interface Assignment {
  /** Name of the ORM's file. */
  readonly orm: string;
  readonly way: Way;
  readonly size: LibrarySize;
  readonly urls: LibraryUrls;
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
  const { orm, way } = assignment;
  const file = new URL("contender-process.ts", import.meta.url);
  const env = { ...process.env, NODE_ENV: "production" };
  const started = await startMeasuredProcess<Order>(file, `${orm}, ${way},`, assignment, env);
  return { name: way, ...started };
}
