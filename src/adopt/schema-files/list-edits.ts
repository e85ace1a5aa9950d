import { placeOf, type Place } from "./syntax.js";
import { indentAt, lineEnd, type TextEdits } from "./text-edits.js";
import { skipTrivia } from "./trivia.js";

interface Text {
  readonly text: string;
  readonly edits: TextEdits;
}

type Item = Parameters<typeof placeOf>[0];

/** Takes items out of a list that commas part, as those of an object are. */
export function removeItems(file: Text, items: readonly Item[], doomed: readonly Item[]): void {
  for (let from = 0; from < items.length; from += 1) {
    if (!doomed.includes(items[from]!)) continue;
    let to = from;
    while (doomed.includes(items[to + 1]!)) to += 1;
    const first = placeOf(items[from]!);
    const last = placeOf(items[to]!);
    const comma = skipTrivia(file.text, last.end);
    if (items[to + 1] !== undefined || from === 0) {
      const behind = file.text[comma] === "," ? comma + 1 : last.end;
      const blanks = /^\s*/.exec(file.text.slice(behind))![0].length;
      file.edits.replace(first.start, behind + blanks, "");
    } else {
      file.edits.replace(placeOf(items[from - 1]!).end, last.end, "");
    }
    from = to;
  }
}

/**
 * Puts a member into the body of a class, an interface or an object type, behind another or at the start. It is given
 * without the sign that parts it from the next, which is written as the other does.
 *
 * @param options `isParted` for a blank line in front
 */
export function addMember(
  file: Text,
  body: Place,
  behind: Item | undefined,
  code: string,
  { isParted = false } = {},
): void {
  const { text, edits } = file;
  const end = lineEnd(text);
  if (behind === undefined) {
    const outer = indentAt(text, body.start);
    const step = text.includes("\n\t") ? "\t" : "  ";
    const isOneLine = !text.slice(body.start, body.end).includes("\n");
    edits.insert(body.start + 1, `${end}${outer}${step}${code};${isOneLine ? end + outer : ""}`);
    return;
  }
  const place = placeOf(behind);
  const sign = /[;,]$/.exec(text.slice(place.start, place.end))?.[0] ?? "";
  const before = text.slice(text.lastIndexOf("\n", place.start - 1) + 1, place.start);
  if (before.trim() !== "") {
    const between = before.trim().endsWith(",") ? "," : ";";
    edits.insert(place.end, sign === "" ? `${between} ${code}` : ` ${code}${sign}`);
    return;
  }
  // Behind a comment on the member's own line, so that it stays with it.
  const newline = text.indexOf("\n", place.end);
  const rest = text.slice(place.end, newline === -1 ? text.length : newline).replace(/\r$/, "");
  const isComment = /^\s*(?:\/\/.*|\/\*(?:(?!\*\/).)*\*\/\s*)?$/.test(rest);
  const blank = isParted ? end : "";
  edits.insert(
    isComment ? place.end + rest.length : place.end,
    `${blank}${end}${before}${code}${sign}`,
  );
}
