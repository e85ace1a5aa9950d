/** Something the person at the terminal can mend: its message is printed as it is, and the process ends with code 1. */
export class Failure extends Error {
  override readonly name = "Failure";
}

/** The errno code of an error of `node:fs` or `node:net`. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}
