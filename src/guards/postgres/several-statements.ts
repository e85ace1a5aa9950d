// Behind a seal, PostgreSQL 18 never ends the implicit transaction of a simple query that holds one statement
// (PostgreSQL 15 does). Empty SELECTs make any text several, which both end.

/** Goes before a text in the simple protocol; two, for the text itself may hold no statement. */
export const PREFIX = "select;select;";
/** How many statements of an answer are the prefix's. */
export const PREFIX_STATEMENTS = 2;
/** Goes behind a COPY, whose stream reads the answer from its first byte. */
export const SUFFIX = "\n;select";

/** Makes the position in a server's error that of the caller's own text again. */
export function withoutPrefix(error: Error & { position?: string }): void {
  if (error.position) error.position = String(Number(error.position) - PREFIX.length);
}
