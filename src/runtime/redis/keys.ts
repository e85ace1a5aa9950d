import { word, type Argument } from "./argument.js";

/**
 * Which arguments of a command are keys, by their index after the command's name; undefined where the arguments do not
 * follow the command's grammar, so that nobody can tell.
 */
export type KeyFinder = (args: readonly Argument[]) => readonly number[] | undefined;

const span = (from: number, to: number, step = 1): number[] => {
  const found: number[] = [];
  for (let index = from; index < to; index += step) found.push(index);
  return found;
};

export const none: KeyFinder = () => [];
export const first: KeyFinder = (args) => span(0, Math.min(1, args.length));
export const second: KeyFinder = (args) => span(1, Math.min(2, args.length));
export const firstTwo: KeyFinder = (args) => span(0, Math.min(2, args.length));
export const all: KeyFinder = (args) => span(0, args.length);
export const allButFirst: KeyFinder = (args) => span(1, args.length);
export const allButLast: KeyFinder = (args) => span(0, args.length - 1);
export const everyOther: KeyFinder = (args) => span(0, args.length, 2);

/** `numkeys key [key …]`, with numkeys at an index, and a destination before it where `into` says so. */
export const counted =
  (at: number, into = false): KeyFinder =>
  (args) => {
    const count = word(args[at]);
    // Redis takes no sign, space or leading zero either.
    if (!/^(0|[1-9]\d{0,8})$/.test(count)) return undefined;
    const end = at + 1 + Number(count);
    if (end > args.length) return undefined;
    return [...(into ? [0] : []), ...span(at + 1, end)];
  };

/** `… STREAMS key [key …] id [id …]`, where the options before may hold the word itself (`GROUP streams …`). */
export const streams: KeyFinder = (args) => {
  const lengths: Record<string, number> = { count: 2, block: 2, noack: 1, group: 3 };
  let at = 0;
  while (at < args.length && word(args[at]) !== "streams") {
    const length = lengths[word(args[at])];
    if (length === undefined) return undefined;
    at += length;
  }
  const rest = args.length - at - 1;
  return rest < 2 || rest % 2 === 1 ? undefined : span(at + 1, at + 1 + rest / 2);
};

/** A key, and those after the words `STORE` and `STOREDIST`, which stand at an index or later. */
export const firstAndStored =
  (from: number): KeyFinder =>
  (args) => {
    const found = [0];
    for (let at = from; at < args.length - 1; at += 1)
      if (["store", "storedist"].includes(word(args[at]))) found.push((at += 1));
    return found;
  };
