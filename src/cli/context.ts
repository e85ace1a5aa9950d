import { painter, wantsColour, type Paint } from "./colours.js";
import type { Host, Output } from "./host.js";
import { createProgress, type Progress } from "./progress.js";
import type { Redactor } from "./redact.js";

/** What a command is given to work with: what it prints passes here, and loses its secrets. */
export interface Context {
  readonly cwd: string;
  readonly env: Record<string, string | undefined>;
  /** The file named with `--config`. */
  readonly configFile: string | undefined;
  /** Whether a program reads the output: standard output is then JSON and nothing else. */
  readonly json: boolean;
  /** Whether errors are told with their stacks. */
  readonly verbose: boolean;
  /** Cells of a line on standard output; `Infinity` where it is no terminal. */
  readonly room: number;
  /** Colours for standard output. */
  readonly paint: Paint;
  /** Colours for standard error. */
  readonly paintError: Paint;
  readonly redactor: Redactor;
  /** Aborted when the work is to stop. */
  readonly signal: AbortSignal;
  /** Standard output: the data as one line of JSON with `--json`, the text for people otherwise. */
  show(data: unknown, text: () => string | readonly string[]): void;
  /**
   * As `show`, but to the letter: for what will be run or stored, such as SQL, and can hold no secret. A password that
   * happens to be a table's name must not be cut out of it.
   */
  product(data: unknown, text: () => string | readonly string[]): void;
  /** From here on standard output is for `product` alone: what the application prints goes to standard error. */
  reserveStdout(): void;
  /**
   * Secrets included, for what somebody has expressly asked to see: the data on standard output with `--json`, the
   * text on standard error otherwise, so that it does not end up in a script.
   */
  reveal(data: unknown, text: () => string): void;
  /** Standard error, for people; nothing with `--json`. */
  note(text: string): void;
  /** Standard error, in either case. */
  complain(text: string): void;
  /** Asks a person; undefined where nobody can answer. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  /** Shows how far a piece of work has come, on standard error; nothing with `--json`. */
  progress(): Progress;
  /** Registers what must be closed when the command ends, however it ends; the last registered is closed first. */
  defer(close: () => Promise<unknown>): void;
  /** Closes what was deferred. Rejects with an `AggregateError` of what failed. */
  close(): Promise<void>;
}

/** What the flags that every command has came to. */
export interface ContextOptions {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly cwd: string;
  readonly configFile: string | undefined;
  readonly redactor: Redactor;
}

/** The context of one command in a host. */
export function createContext(host: Host, options: ContextOptions): Context {
  const { json, redactor } = options;
  const stdout = redacted(host.stdout, redactor);
  const stderr = redacted(host.stderr, redactor);
  const closings: (() => Promise<unknown>)[] = [];
  const { ask } = host;
  return {
    ...options,
    env: host.env,
    room: host.stdout.isTTY ? host.stdout.columns : Infinity,
    paint: painter(!json && wantsColour(host.stdout.isTTY, host.env)),
    paintError: painter(!json && wantsColour(host.stderr.isTTY, host.env)),
    signal: host.signal,
    show(data, text) {
      // Redacted before it is written as JSON, which would spell a secret differently or be broken by its removal.
      if (json) host.stdout.write(`${JSON.stringify(redactor.data(data))}\n`);
      else write(stdout, text());
    },
    product(data, text) {
      if (json) host.stdout.write(`${JSON.stringify(data)}\n`);
      else write(host.stdout, text());
    },
    reserveStdout: () => host.reserveStdout?.(),
    reveal: (data, text) =>
      json ? host.stdout.write(`${JSON.stringify(data)}\n`) : host.stderr.write(`${text()}\n`),
    note: (text) => {
      if (!json) stderr.write(`${text}\n`);
    },
    complain: (text) => stderr.write(`${text}\n`),
    ask:
      json || ask === undefined
        ? undefined
        : (question) => ask(redactor.text(question), host.signal),
    progress: () => createProgress(stderr, { silent: json }),
    defer: (close) => void closings.push(close),
    async close() {
      const faults: unknown[] = [];
      for (let close = closings.pop(); close !== undefined; close = closings.pop()) {
        await close().catch((error: unknown) => faults.push(error));
      }
      if (faults.length > 0)
        throw new AggregateError(faults, "not everything could be closed when the command ended");
    },
  };
}

function write(output: Output, lines: string | readonly string[]): void {
  const text = typeof lines === "string" ? lines : lines.join("\n");
  if (text !== "") output.write(`${text}\n`);
}

function redacted(output: Output, redactor: Redactor): Output {
  return {
    write: (text) => output.write(redactor.text(text)),
    get isTTY() {
      return output.isTTY;
    },
    get columns() {
      return output.columns;
    },
  };
}
