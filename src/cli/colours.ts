/** Colours of a terminal, or nothing. */
export type Colour = "bold" | "dim" | "red" | "yellow" | "green" | "cyan";

const CODES: Readonly<Record<Colour, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  yellow: [33, 39],
  green: [32, 39],
  cyan: [36, 39],
};

/** Colours a text, where colours are wanted. */
export type Paint = (colour: Colour, text: string) => string;

/** Paints, or leaves every text as it is. */
export function painter(enabled: boolean): Paint {
  if (!enabled) return (_colour, text) => text;
  return (colour, text) => `\u001b[${CODES[colour][0]}m${text}\u001b[${CODES[colour][1]}m`;
}

/**
 * Whether a stream gets colours: a terminal does, unless `NO_COLOR` is set or the terminal is dumb; `FORCE_COLOR`
 * (other than `0`) asks for them elsewhere.
 */
export function wantsColour(
  isTTY: boolean,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (env["NO_COLOR"]) return false;
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  return isTTY && env["TERM"] !== "dumb";
}
