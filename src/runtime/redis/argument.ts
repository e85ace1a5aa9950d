/** One word of a command as a client hands it to the wire. */
export type Argument = string | Uint8Array;

/** A word as text, in lower case: how command names and option names are compared. */
export function word(argument: Argument | undefined): string {
  if (argument === undefined) return "";
  return (
    typeof argument === "string" ? argument : Buffer.from(argument).toString("latin1")
  ).toLowerCase();
}
