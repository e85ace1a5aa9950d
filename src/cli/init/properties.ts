import {
  bare,
  keyOf,
  placeOf,
  type Expression,
  type Syntax,
} from "../../adopt/schema-files/syntax.js";
import type { FileEditor } from "./file-editor.js";
import type { SourceFile } from "./source-file.js";

type ObjectLiteral = Syntax<"ObjectExpression">;
type Property = Extract<ObjectLiteral["properties"][number], { type: "ObjectProperty" }>;

/** The properties of an object by their names; undefined where it is put together from others. */
export function propertiesOf(object: ObjectLiteral): ReadonlyMap<string, Property> | undefined {
  const found = new Map<string, Property>();
  for (const property of object.properties) {
    const key = property.type === "ObjectProperty" ? keyOf(property) : undefined;
    if (property.type !== "ObjectProperty" || key === undefined) return undefined;
    found.set(key, property);
  }
  return found;
}

/** Whether something is the name of a constant that more than this reads, in this file or in another. */
export function isShared(given: Expression, { names, text }: SourceFile): boolean {
  const node = bare(given);
  if (node.type !== "Identifier") return false;
  const statement = names.variable(node.name)?.statement;
  const isExported =
    statement !== undefined && /\bexport\s*$/.test(text.slice(0, placeOf(statement).start));
  return isExported || names.mentions(node.name).length > 1;
}

/** The value of a property. */
export const valueIn = (
  properties: ReadonlyMap<string, Property>,
  name: string,
): Expression | undefined => properties.get(name)?.value as Expression | undefined;

/**
 * Takes properties out of an object, with the commas that go with them, and puts others in, as they are to be written:
 * each where one of that name was, or behind the last. What is taken out may not be all there was.
 */
export function changeProperties(
  editor: FileEditor,
  object: ObjectLiteral,
  change: {
    readonly remove?: readonly string[];
    readonly put?: Readonly<Record<string, string>>;
  },
): void {
  const { remove = [], put = {} } = change;
  const all = object.properties.map((property) => ({
    ...placeOf(property),
    name: property.type === "ObjectProperty" ? keyOf(property) : undefined,
  }));
  const goes = (name: string | undefined): boolean =>
    name !== undefined && remove.includes(name) && !(name in put);
  const added: string[] = [];
  for (const [name, text] of Object.entries(put)) {
    const there = all.find((one) => one.name === name);
    if (there) editor.replace(there, text);
    else added.push(text);
  }
  for (let from = 0; from < all.length; from += 1) {
    if (!goes(all[from]!.name)) continue;
    let to = from;
    while (to + 1 < all.length && goes(all[to + 1]!.name)) to += 1;
    const [before, next] = [all[from - 1], all[to + 1]];
    if (before) editor.replace({ start: before.end, end: all[to]!.end }, "");
    else if (next) editor.replace({ start: all[from]!.start, end: next.start }, "");
    from = to;
  }
  const last = all.findLast(({ name }) => !goes(name));
  if (last === undefined || added.length === 0) return;
  const { text } = editor.file;
  const line = text.slice(text.lastIndexOf("\n", last.start - 1) + 1, last.start);
  // A property to a line where the last one has a line of its own.
  const between = /^[ \t]*$/.test(line) && line !== "" ? `,${editor.style.newline}${line}` : ", ";
  editor.wrap({ start: last.end, end: last.end }, added.map((one) => between + one).join(""), "");
}
