import { parseArgs } from "node:util";
import { didYouMean } from "./suggestion.js";
import { UsageError } from "./usage-error.js";

/** A switch: there or not. */
export interface BooleanFlag {
  readonly type: "boolean";
  readonly short?: string;
  /** What it does, in one line. */
  readonly summary: string;
}

/** A flag with a text behind it. */
export interface StringFlag {
  readonly type: "string";
  readonly short?: string;
  /** What stands behind it in help, without the angle brackets: `slug`. */
  readonly value: string;
  readonly summary: string;
  /** May be given more than once. */
  readonly multiple?: true;
  readonly required?: true;
  /** The only texts it takes. */
  readonly choices?: readonly string[];
  readonly default?: string;
}

/** A flag with a whole number behind it. */
export interface IntegerFlag {
  readonly type: "integer";
  readonly short?: string;
  readonly value: string;
  readonly summary: string;
  readonly min: number;
  readonly default?: number;
}

/** A flag of a command. */
export type Flag = BooleanFlag | StringFlag | IntegerFlag;

/** The flags of a command by name, without the dashes. */
export type Flags = Readonly<Record<string, Flag>>;

type TextOf<F> = F extends { readonly choices: readonly (infer Choice)[] } ? Choice : string;

type ValueOf<F extends Flag> = F extends { readonly type: "boolean" }
  ? boolean
  : F extends { readonly type: "integer" }
    ? F extends { readonly default: number }
      ? number
      : number | undefined
    : F extends { readonly multiple: true }
      ? readonly TextOf<F>[]
      : F extends { readonly default: string } | { readonly required: true }
        ? TextOf<F>
        : TextOf<F> | undefined;

/** What the flags of a command came to. */
export type FlagValues<F extends Flags> = { readonly [Name in keyof F]: ValueOf<F[Name]> };

/** A command line, read. */
export interface ParsedLine<F extends Flags> {
  readonly flags: FlagValues<F>;
  readonly positionals: readonly string[];
}

/**
 * Reads the words of a command line. Throws {@link UsageError} naming the flag that is unknown, given twice, missing
 * or whose value cannot be; `hint` is added where one is unknown.
 */
export function parseFlags<const F extends Flags>(
  words: readonly string[],
  flags: F,
  hint = "",
): ParsedLine<F> {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [
      name,
      {
        type: flag.type === "boolean" ? ("boolean" as const) : ("string" as const),
        ...(flag.short === undefined ? {} : { short: flag.short }),
      },
    ]),
  );
  // Not strict: the tokens say what was typed, and the messages here say what to type instead.
  const { tokens } = parseArgs({ args: [...words], options, strict: false, tokens: true });
  const given = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined;
    if (flag === undefined) {
      const near = didYouMean(
        token.rawName,
        Object.keys(flags).map((name) => `--${name}`),
      );
      throw new UsageError(`${token.rawName} is not a flag of this command.${near}${hint}`);
    }
    const earlier = given.get(token.name) ?? [];
    if (earlier.length > 0 && !(flag.type === "string" && flag.multiple)) {
      throw new UsageError(`${token.rawName} was given twice. Give it once.`);
    }
    given.set(token.name, [...earlier, textOf(flag, token)]);
  }
  const entries = Object.entries(flags).map(([name, flag]) => [
    name,
    valueOf(name, flag, given.get(name)),
  ]);
  return { flags: Object.fromEntries(entries) as FlagValues<F>, positionals };
}

interface OptionToken {
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function textOf(flag: Flag, { rawName, value, inlineValue }: OptionToken): string {
  if (flag.type === "boolean") {
    if (value === undefined) return "true";
    throw new UsageError(`${rawName} takes no value. Write ${rawName} alone, or leave it out.`);
  }
  if (value === undefined) {
    throw new UsageError(`${rawName} needs a value: ${rawName} <${flag.value}>.`);
  }
  // "--name --json" is a forgotten value far more often than a value that begins with a dash.
  if (inlineValue !== true && value.startsWith("-")) {
    throw new UsageError(
      `${rawName} needs a value: ${rawName} <${flag.value}>. For a value that begins with a dash, write ${rawName}=<${flag.value}>.`,
    );
  }
  return value;
}

function valueOf(name: string, flag: Flag, texts: readonly string[] | undefined): unknown {
  if (flag.type === "boolean") return texts !== undefined;
  if (texts === undefined) {
    if (flag.type === "string" && flag.required) {
      throw new UsageError(`--${name} is missing. Add --${name} <${flag.value}>.`);
    }
    return flag.type === "string" && flag.multiple ? [] : flag.default;
  }
  if (flag.type === "integer") return integerOf(name, flag, texts[0]!);
  for (const text of texts) checkText(name, flag, text);
  return flag.multiple ? texts : texts[0];
}

function integerOf(name: string, flag: IntegerFlag, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= flag.min) return value;
  throw new UsageError(
    `--${name} takes a whole number of at least ${flag.min}, not ${JSON.stringify(text)}.`,
  );
}

function checkText(name: string, flag: StringFlag, text: string): void {
  if (text === "") throw new UsageError(`--${name} is empty. Write --${name} <${flag.value}>.`);
  if (flag.choices === undefined || flag.choices.includes(text)) return;
  throw new UsageError(
    `--${name} takes ${flag.choices.join(", ")}, not ${JSON.stringify(text)}.${didYouMean(text, flag.choices)}`,
  );
}
