import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { AnyCommand } from "./command.js";
import { COMMANDS } from "./commands.js";
import { createContext, type Context } from "./context.js";
import { errorLines, errorReport } from "./error-report.js";
import { parseFlags } from "./flags.js";
import { GLOBAL_FLAGS, readEnvFiles, type GlobalValues } from "./global-flags.js";
import { commandHelp, helpData, programHelp } from "./help.js";
import { Interruption, type Host } from "./host.js";
import { Redactor } from "./redact.js";
import { didYouMean } from "./suggestion.js";
import { UsageError } from "./usage-error.js";

const GRACE_MS = 5000;

/** The commands of a program by name. */
export type CommandTable = typeof COMMANDS;

/**
 * Runs one command line and resolves to its exit code: 0 all well, 1 failed or found problems, 2 wrong usage, 130 or
 * 143 stopped by a signal. Never rejects; what goes wrong is told on the host's standard error.
 */
export async function runProgram(
  argv: readonly string[],
  host: Host,
  commands: CommandTable = COMMANDS,
): Promise<number> {
  const redactor = new Redactor();
  redactor.addEnvironment(host.env);
  for (const word of argv) redactor.addAddress(word.replace(/^--?[a-z-]+=/i, ""));
  const terminator = argv.indexOf("--");
  const words = terminator < 0 ? argv : argv.slice(0, terminator);
  const rest = terminator < 0 ? [] : argv.slice(terminator + 1);
  // Known before anything else is, so that also what is wrong with the other words is told as JSON.
  const [json, verbose] = [words.includes("--json"), words.includes("--verbose")];
  if (json) host.reserveStdout?.();
  let context = createContext(host, {
    json,
    verbose,
    cwd: host.cwd,
    configFile: undefined,
    redactor,
  });
  let hint = "partywall --help";
  host.onFault?.((error) => tell(error, context, hint));
  try {
    const asksHelp = words[0] === "help" || words.includes("--help") || words.includes("-h");
    const line = splitLine(words[0] === "help" ? words.slice(1) : words, Object.keys(commands));
    if (asksHelp) return await help(line, commands, context);
    if (words.includes("--version")) return version(context);
    if (line.command === undefined) throw notACommand(line, Object.keys(commands));
    hint = `partywall ${line.command} --help`;
    const { command } = await commands[line.command]!();
    const parsed = parseFlags(
      line.words,
      { ...command.flags, ...GLOBAL_FLAGS },
      command.takesRest ? ' Put what is meant for the script behind "--".' : "",
    );
    const globals = parsed.flags as GlobalValues;
    const cwd = resolve(host.cwd, globals.cwd ?? ".");
    readEnvFiles(globals.env, cwd, host.env);
    redactor.addEnvironment(host.env);
    context = createContext(host, { json, verbose, cwd, configFile: globals.config, redactor });
    checkWords(command, parsed.positionals, rest);
    return await execute(command, context, () =>
      command.run({ flags: parsed.flags, args: parsed.positionals, rest, context }),
    );
  } catch (error) {
    return tell(error, context, hint);
  }
}

async function execute(
  command: AnyCommand,
  context: Context,
  run: () => Promise<number>,
): Promise<number> {
  let failure: { readonly error: unknown } | undefined;
  let code = 0;
  try {
    code = await (command.stopsItself ? run() : unlessStopped(run(), context.signal));
  } catch (error) {
    failure = { error };
  }
  try {
    // What a pool still runs may take long to end, and whoever pressed Ctrl-C does not want to wait for it.
    const patience = context.signal.aborted ? [sleep(GRACE_MS, undefined, { ref: false })] : [];
    await Promise.race([context.close(), ...patience]);
  } catch (error) {
    failure ??= { error };
  }
  if (failure !== undefined) throw failure.error;
  return code;
}

/** What the work comes to, or a rejection as soon as it is to stop. */
function unlessStopped(work: Promise<number>, signal: AbortSignal): Promise<number> {
  return new Promise((done, fail) => {
    const stop = (): void => fail(signal.reason as Error);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    void work.then(done, fail).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** Tells an error in the manner asked for, and gives its exit code. */
function tell(error: unknown, context: Context, hint: string): number {
  const usage = error instanceof UsageError;
  const report = errorReport(error, context.verbose);
  if (context.json) {
    context.complain(JSON.stringify({ error: context.redactor.data(report) }));
  } else {
    const [first = "", ...others] = errorLines(report);
    context.complain(
      [
        `${context.paintError("red", "partywall:")} ${first}`,
        ...others,
        ...(usage ? [`See ${hint}`] : []),
      ].join("\n"),
    );
  }
  if (error instanceof Interruption) return error.exitCode;
  return usage ? 2 : 1;
}

interface Line {
  /** The name of the command, where the words begin with one. */
  readonly command: string | undefined;
  /** The words that were looked at for a name. */
  readonly typed: readonly string[];
  /** All other words. */
  readonly words: readonly string[];
}

/** Finds the command's name among the words; flags of every command may stand before it. */
function splitLine(words: readonly string[], names: readonly string[]): Line {
  const typed: string[] = [];
  const others: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at]!;
    const name = typed.join(" ");
    const complete =
      typed.length > 0 && !names.some((one) => one.startsWith(`${name} `) && typed.length === 1);
    if (complete || typed.length === 2) {
      others.push(...words.slice(at));
      break;
    }
    if (!word.startsWith("-")) {
      typed.push(word);
      continue;
    }
    others.push(word);
    const flag = Object.entries(GLOBAL_FLAGS).find(([one]) => word === `--${one}`)?.[1];
    if (flag !== undefined && flag.type !== "boolean" && at + 1 < words.length) {
      at += 1;
      others.push(words[at]!);
    }
  }
  const name = typed.join(" ");
  return { command: names.includes(name) ? name : undefined, typed, words: others };
}

function notACommand({ typed }: Line, names: readonly string[]): UsageError {
  const [first, second] = typed;
  if (first === undefined) {
    return new UsageError(`No command was given. Commands: ${names.join(", ")}.`);
  }
  const within = names.filter((name) => name.startsWith(`${first} `));
  if (within.length > 0) {
    const endings = within.map((name) => name.slice(first.length + 1));
    return second === undefined
      ? new UsageError(`${first} needs to know what to do: ${endings.join(", ")}.`)
      : new UsageError(
          `"${first} ${second}" is not a command.${didYouMean(`${first} ${second}`, within)} There are: ${within.join(", ")}.`,
        );
  }
  return new UsageError(
    `"${first}" is not a command.${didYouMean(
      first,
      names.flatMap((name) => [name.split(" ")[0]!, name]),
    )} Commands: ${names.join(", ")}.`,
  );
}

function checkWords(command: AnyCommand, args: readonly string[], rest: readonly string[]): void {
  const expected = command.arguments ?? [];
  const missing = expected[args.length];
  if (missing !== undefined) {
    throw new UsageError(
      `<${missing.name}> is missing: partywall ${command.name} ${command.usage}`,
    );
  }
  const surplus = args[expected.length] ?? (command.takesRest ? undefined : rest[0]);
  if (surplus !== undefined) {
    throw new UsageError(
      `${JSON.stringify(surplus)} is one word too many: partywall ${command.name} ${command.usage}`,
    );
  }
}

async function help(line: Line, commands: CommandTable, context: Context): Promise<number> {
  const names = Object.keys(commands);
  const [first] = line.typed;
  if (line.command === undefined && first !== undefined) {
    if (!names.some((name) => name.startsWith(`${first} `)) || line.typed.length > 1) {
      throw notACommand(line, names);
    }
  }
  const wanted =
    line.command === undefined
      ? names.filter((name) => first === undefined || name.startsWith(`${first} `))
      : [line.command];
  const loaded = await Promise.all(wanted.map(async (name) => (await commands[name]!()).command));
  context.show(helpData(loaded), () =>
    line.command === undefined ? programHelp(loaded, context) : commandHelp(loaded[0]!, context),
  );
  return 0;
}

function version(context: Context): number {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version: number } = JSON.parse(manifest) as { readonly version: string };
  context.show({ version: number }, () => number);
  return 0;
}
