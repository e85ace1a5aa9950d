import { printable } from "./display-width.js";

/** An error as `--json` tells it. */
export interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly causes?: readonly ErrorReport[];
  readonly stack?: string;
}

const DEEPEST = 5;

/**
 * What an error says: its code, message and causes, and with `verbose` its stack. Nothing else of it is looked at:
 * the properties of a driver's or of Node's errors may hold an address with its password.
 */
export function errorReport(error: unknown, verbose: boolean, depth = 0): ErrorReport {
  const causes = depth < DEEPEST ? causesOf(error) : [];
  const stack = error instanceof Error ? error.stack : undefined;
  return {
    code: codeOf(error),
    message: messageOf(error),
    ...(causes.length === 0
      ? {}
      : { causes: causes.map((cause) => errorReport(cause, verbose, depth + 1)) }),
    ...(verbose && stack !== undefined ? { stack } : {}),
  };
}

/** An error in one line, for a message that goes on after it. */
export function causeLine(error: unknown): string {
  return messageOf(error).split("\n")[0]!.trim().replace(/\.$/, "");
}

/** The lines that tell people of an error. */
export function errorLines(report: ErrorReport, indent = ""): string[] {
  const own = printableLines(report.stack ?? report.message).map((line) => `${indent}${line}`);
  const causes = (report.causes ?? []).flatMap((cause) => {
    const code = cause.code === "UNEXPECTED" ? "" : ` (${cause.code})`;
    const [first = "", ...others] = errorLines(cause, `${indent}  `);
    return [`${indent}  because: ${first.trimStart()}${code}`, ...others];
  });
  return [...own, ...causes];
}

function printableLines(text: string): string[] {
  return text.split("\n").map((line) => printable(line));
}

function causesOf(error: unknown): unknown[] {
  if (!(error instanceof Error)) return [];
  const inner = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  return [...(error.cause === undefined ? [] : [error.cause]), ...inner];
}

/** The code an error carries, `UNEXPECTED` where it has none. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" && code !== "" ? code : "UNEXPECTED";
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) {
    return `Something that is no error was thrown: ${typeof error === "string" ? error : typeof error}`;
  }
  if (error.message !== "") return error.message;
  // A connection refused by each address of a host is an AggregateError without a message of its own.
  return error instanceof AggregateError ? "Several attempts failed" : error.name;
}
