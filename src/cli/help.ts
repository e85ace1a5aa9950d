import type { AnyCommand } from "./command.js";
import type { Context } from "./context.js";
import { displayWidth, padded } from "./display-width.js";
import type { Flag, Flags } from "./flags.js";
import { GLOBAL_FLAGS } from "./global-flags.js";

const WIDEST = 100;
const GAP = 2;

/** The exit codes, as help and the reference tell them. */
export const EXIT_CODES = [
  ["0", "all well"],
  ["1", "it ran and failed, or found problems"],
  ["2", "it was called in a wrong way, and did nothing"],
  ["130", "stopped by Ctrl-C (143: by SIGTERM)"],
] as const;

/** Help on the program. */
export function programHelp(commands: readonly AnyCommand[], context: Context): string[] {
  return [
    "partywall: one tenant boundary, beneath your ORM",
    "",
    heading(context, "Usage"),
    "  partywall <command> [flags]",
    "",
    heading(context, "Commands"),
    ...pairs(
      commands.map(({ name, summary }) => [name, summary]),
      context,
    ),
    "",
    heading(context, "Flags of every command"),
    ...pairs(flagPairs(GLOBAL_FLAGS), context),
    "",
    heading(context, "Exit codes"),
    ...pairs(EXIT_CODES, context),
    "",
    "partywall <command> --help tells of one command, with examples.",
  ];
}

/** Help on one command. */
export function commandHelp(command: AnyCommand, context: Context): string[] {
  const { name, summary, usage, details, arguments: words = [], flags, examples } = command;
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ["", heading(context, title), ...lines];
  return [
    ...wrapped(`partywall ${name}: ${summary}`, lineWidth(context)),
    ...section("Usage", [`  partywall ${name} ${usage}`.trimEnd()]),
    ...(details === undefined ? [] : ["", ...wrapped(details, lineWidth(context))]),
    ...section(
      "Arguments",
      pairs(
        words.map((word) => [`<${word.name}>`, word.summary]),
        context,
      ),
    ),
    ...section("Flags", pairs(flagPairs(flags), context)),
    ...section("Flags of every command", pairs(flagPairs(GLOBAL_FLAGS), context)),
    ...section(
      "Examples",
      examples.flatMap(({ line, says }) => [`  # ${says}`, `  partywall ${line}`]),
    ),
  ];
}

/** Help on commands as data, for `--json`. */
export function helpData(commands: readonly AnyCommand[]): unknown {
  return commands.map(({ name, summary, usage, arguments: words = [], flags, examples }) => ({
    name,
    summary,
    usage: `partywall ${name} ${usage}`.trimEnd(),
    arguments: words,
    flags: Object.entries(flags).map(([flag, { type, summary: what }]) => ({
      name: `--${flag}`,
      type,
      summary: what,
    })),
    examples: examples.map(({ line, says }) => ({ line: `partywall ${line}`, says })),
  }));
}

/** A flag as it is typed: `--slug <slug>`. */
export function flagTitle(name: string, flag: Flag): string {
  const short = flag.short === undefined ? "" : `-${flag.short}, `;
  return `${short}--${name}${flag.type === "boolean" ? "" : ` <${flag.value}>`}`;
}

function flagPairs(flags: Flags): (readonly [string, string])[] {
  return Object.entries(flags).map(([name, flag]) => [flagTitle(name, flag), describe(flag)]);
}

function describe(flag: Flag): string {
  const notes = [
    ...(flag.type === "string" && flag.choices ? [`One of ${flag.choices.join(", ")}.`] : []),
    ...(flag.type !== "boolean" && flag.default !== undefined ? [`Default ${flag.default}.`] : []),
    ...(flag.type === "string" && flag.multiple ? ["May be repeated."] : []),
    ...(flag.type === "string" && flag.required ? ["Required."] : []),
  ];
  return [flag.summary, ...notes].join(" ");
}

function heading({ paint }: Context, title: string): string {
  return paint("bold", title);
}

function lineWidth({ room }: Context): number {
  return Math.max(40, Math.min(room, WIDEST));
}

function pairs(entries: readonly (readonly [string, string])[], context: Context): string[] {
  const left = Math.max(0, ...entries.map(([title]) => displayWidth(title)));
  const indent = " ".repeat(GAP + left + GAP);
  return entries.flatMap(([title, text]) => {
    const [first = "", ...others] = wrapped(text, lineWidth(context) - indent.length);
    return [
      `${" ".repeat(GAP)}${padded(title, left)}${" ".repeat(GAP)}${first}`,
      ...others.map((line) => indent + line),
    ];
  });
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = "";
    for (const word of paragraph.split(" ")) {
      if (line !== "" && displayWidth(line) + 1 + displayWidth(word) > width) {
        lines.push(line);
        line = word;
      } else {
        line = line === "" ? word : `${line} ${word}`;
      }
    }
    lines.push(line);
  }
  return lines;
}
