import { addToList } from "./drizzle-extra.js";
import type { DrizzleFile } from "./drizzle-source.js";
import { skipTrivia } from "./trivia.js";
import { keyOf, placeOf, type Expression, type Place, type Syntax } from "./syntax.js";

/** Where options stand among the arguments of a call: an object, or the place where one would have to be written. */
export interface OptionsPlace {
  readonly object: Syntax<"ObjectExpression"> | undefined;
  /** Between the parentheses of the call; nothing where the object has to be there. */
  readonly inside: Place | undefined;
  /** The argument that the options come behind. */
  readonly behind: Place | undefined;
}

/** Edits of one object of options, written at once so that they do not meet. */
export class OptionEdits {
  readonly #file: DrizzleFile;
  readonly #place: OptionsPlace;
  readonly #removed = new Set<string>();
  readonly #set = new Map<string, string>();

  constructor(file: DrizzleFile, place: OptionsPlace) {
    this.#file = file;
    this.#place = place;
  }

  remove(key: string): void {
    this.#removed.add(key);
  }

  set(key: string, code: string): void {
    this.#set.set(key, code);
  }

  write(): void {
    const { object, inside, behind } = this.#place;
    const { edits, text } = this.#file;
    if (object === undefined) {
      if (this.#set.size === 0 || inside === undefined) return;
      const code = `{ ${[...this.#set].map(([key, value]) => `${key}: ${value}`).join(", ")} }`;
      if (behind) edits.insert(behind.end, `, ${code}`);
      else edits.insert(inside.start, code);
      return;
    }
    const properties = object.properties.map((node) => ({
      key: node.type === "SpreadElement" ? undefined : keyOf(node as { key: object }),
      node,
      place: placeOf(node),
    }));
    const kept = properties.filter(({ key }) => key === undefined || !this.#removed.has(key));
    const added = new Map(this.#set);
    for (const { key, node } of kept) {
      if (key === undefined || !added.has(key) || node.type !== "ObjectProperty") continue;
      const value = placeOf(node.value);
      if (text.slice(value.start, value.end) !== added.get(key))
        edits.replace(value.start, value.end, added.get(key)!);
      added.delete(key);
    }
    const gone = properties.filter((one) => !kept.includes(one));
    const news = [...added].map(([key, value]) => `${key}: ${value}`);
    const [first, ...others] = gone;
    if (first && news.length > 0) {
      edits.replace(first.place.start, first.place.end, news.join(", "));
      for (const { place } of others)
        removeFromList(this.#file, placeOf(object), place, properties);
      return;
    }
    if (gone.length > 0 && kept.length === 0 && inside !== undefined) {
      // Nothing is left to say: the whole object goes, with the comma before it or behind.
      const own = placeOf(object);
      const comma = skipTrivia(text, own.end);
      const end = text[comma] === "," ? comma + 1 : own.end;
      edits.replace(behind ? behind.end : own.start, end, "");
      return;
    }
    for (const { place } of gone) removeFromList(this.#file, placeOf(object), place, properties);
    if (news.length > 0) addToList(this.#file, placeOf(object), kept.at(-1)?.place, news);
  }
}

/** Takes an item out of a list that is written out, with its comma and, where it has one to itself, its line. */
function removeFromList(
  { text, edits }: DrizzleFile,
  list: Place,
  item: Place,
  items: readonly { readonly place: Place }[],
): void {
  const at = items.findIndex(({ place }) => place === item);
  const comma = skipTrivia(text, item.end);
  const hasComma = text[comma] === ",";
  const lineStart = text.lastIndexOf("\n", item.start - 1) + 1;
  const lineFeed = text.indexOf("\n", item.end);
  const ownLine =
    lineStart > list.start &&
    lineFeed !== -1 &&
    lineFeed < list.end &&
    text.slice(lineStart, item.start).trim() === "" &&
    /^,?[ \t]*(?:\/\/.*)?\r?$/.test(text.slice(item.end, lineFeed));
  if (ownLine) {
    edits.replace(lineStart, lineFeed + 1, "");
    return;
  }
  const next = items[at + 1];
  if (next) edits.replace(item.start, next.place.start, "");
  else {
    const previous = items[at - 1];
    edits.replace(previous ? previous.place.end : item.start, hasComma ? comma + 1 : item.end, "");
  }
}

/** The object of options at the end of a call's arguments, or where it would stand. */
export function optionsOf(call: {
  readonly arguments: readonly Expression[];
  readonly inside: Place | undefined;
}): OptionsPlace {
  const last = call.arguments.at(-1);
  if (last?.type === "ObjectExpression") {
    const before = call.arguments.at(-2);
    return { object: last, inside: call.inside, behind: before && placeOf(before) };
  }
  return { object: undefined, inside: call.inside, behind: last && placeOf(last) };
}
