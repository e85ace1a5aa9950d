import { createHash } from "node:crypto";

/** What the envelope of a job is good for: this kind of queue and these names alone. */
export function audienceOf(kind: string, ...names: readonly string[]): string {
  // The names are counted, so that no two lists are written alike.
  return `${kind}:${createHash("sha256").update(JSON.stringify(names)).digest("base64url")}`;
}
