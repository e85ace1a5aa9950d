import type { DecoratedClass } from "./decorated-class.js";
import type { DrizzleFile } from "./drizzle-source.js";
import type { Place } from "./syntax.js";
import { indentAt, lineEnd } from "./text-edits.js";

/** Puts decorators before those of a class, a line each. */
export function insertDecorators(
  { edits, text }: DrizzleFile,
  { place }: DecoratedClass,
  decorators: readonly string[],
): void {
  if (decorators.length === 0) return;
  const indent = indentAt(text, place.start);
  edits.insert(place.start, decorators.map((line) => line + lineEnd(text) + indent).join(""));
}

/** Takes a decorator away, with its line where it has one to itself. */
export function removeDecorator({ edits, text }: DrizzleFile, place: Place): void {
  const start = text.lastIndexOf("\n", place.start - 1) + 1;
  const end = text.indexOf("\n", place.end);
  const isAlone =
    text.slice(start, place.start).trim() === "" &&
    end !== -1 &&
    text.slice(place.end, end).trim() === "";
  if (isAlone) edits.replace(start, end + 1, "");
  else edits.replace(place.start, /\s/.test(text[place.end] ?? "") ? place.end + 1 : place.end, "");
}

/** The end of a line behind an offset, where nothing but a comment is left on it. */
export function endOfLine(text: string, offset: number): number {
  const [rest = ""] = /^[ \t]*(?:\/\/[^\r\n]*)?/.exec(text.slice(offset)) ?? [];
  const end = offset + rest.length;
  return /^\r?(?:\n|$)/.test(text.slice(end)) ? end : offset;
}
