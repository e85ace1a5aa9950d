/** Where text goes. */
export interface Output {
  write(text: string): void;
  /** Whether a person looks at it as it is written. */
  readonly isTTY: boolean;
  /** How many cells a line has, where it is a terminal; 80 elsewhere. */
  readonly columns: number;
}

/** What the command line runs in: a process, a test, or a web console. */
export interface Host {
  /** The folder that relative paths start from. */
  readonly cwd: string;
  /** Read, and filled from `--env`. */
  readonly env: Record<string, string | undefined>;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Asks a person; absent where nobody can answer. */
  readonly ask?: (question: string, signal: AbortSignal) => Promise<string>;
  /** Aborted, with an {@link Interruption} as its reason, when the work is to stop. */
  readonly signal: AbortSignal;
  /** Called once it is known that standard output is for data, as with `--json`: from then on what others print to standard output must go elsewhere. */
  readonly reserveStdout?: () => void;
  /** Takes what tells of an error that nobody caught, and gives the exit code to end with. */
  readonly onFault?: (handle: (error: unknown) => number) => void;
}

/** The work was stopped from outside, such as by Ctrl-C. */
export class Interruption extends Error {
  override readonly name = "Interruption";
  /** 128 and the number of the signal, as shells have it. */
  readonly exitCode: number;

  constructor(signal: "SIGINT" | "SIGTERM") {
    super(`Stopped by ${signal}.`);
    this.exitCode = signal === "SIGINT" ? 130 : 143;
  }
}
