import type { Context } from "./context.js";
import type { Flags, FlagValues } from "./flags.js";

/** How a command ended: all well, or it ran and found problems. */
export type ExitCode = 0 | 1;

/** What a command is run with. */
export interface Invocation<F extends Flags> {
  readonly flags: FlagValues<F>;
  /** The words behind the command that are no flags. */
  readonly args: readonly string[];
  /** The words behind `--`. */
  readonly rest: readonly string[];
  readonly context: Context;
}

/** A word of a command that is no flag. */
export interface Argument {
  readonly name: string;
  readonly summary: string;
}

/** A line that shows how a command is used. */
export interface Example {
  /** What stands behind `partywall`. */
  readonly line: string;
  /** What it does, in a few words. */
  readonly says: string;
}

/** One command of `partywall`. */
export interface Command<F extends Flags = Flags> {
  /** One word, or two with a blank between them: `tenant create`. */
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** What stands behind its name: `--slug <slug> --name <name>`. */
  readonly usage: string;
  /** More about it, in paragraphs, where one line is too little. */
  readonly details?: string;
  /** The words it takes, each of them required. */
  readonly arguments?: readonly Argument[];
  /** Whether words behind `--` are its business. */
  readonly takesRest?: boolean;
  readonly flags: F;
  readonly examples: readonly Example[];
  /** Whether it watches `context.signal` itself and ends in order; other commands are left where they are. */
  readonly stopsItself?: boolean;
  run(invocation: Invocation<F>): Promise<ExitCode>;
}

/** A command whose flags nobody needs to know by type. */
export type AnyCommand = Command;

/** Types a command: its `run` knows its flags. */
export function defineCommand<const F extends Flags>(command: Command<F>): AnyCommand {
  return command;
}
