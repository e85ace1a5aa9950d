import type { PgSubmittable } from "./driver.js";

/** Whether what `query` was given sends itself: a cursor, a stream, a COPY, a query object. */
export const isSubmittable = (config: unknown): config is PgSubmittable =>
  typeof (config as { submit?: unknown } | null)?.submit === "function";

/** The text of what `query` was given; a query stream keeps it on the cursor inside. */
export function textOf(config: unknown): unknown {
  if (typeof config === "string") return config;
  const { text, cursor } = (config ?? {}) as { text?: unknown; cursor?: { text?: unknown } };
  return text ?? cursor?.text;
}
