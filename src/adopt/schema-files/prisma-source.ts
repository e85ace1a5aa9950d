import type { ObjectName } from "../schema.js";
import type { Place } from "./syntax.js";
import { TextEdits, type SourceFile } from "./text-edits.js";

/** An argument of an attribute: `map: "x"`, or `[a, b]` alone. */
export interface PrismaArgument extends Place {
  readonly name: string | undefined;
  /** As written. */
  readonly value: string;
  readonly valuePlace: Place;
}

/** An attribute: `@unique(map: "x")`, `@@index([a])`. */
export interface PrismaAttribute extends Place {
  /** Without its signs, `db.Uuid` for `@db.Uuid`. */
  readonly name: string;
  readonly arguments: readonly PrismaArgument[];
  /** Between its parentheses; nothing where it has none. */
  readonly inside: Place | undefined;
}

/** A field of a model. */
export interface PrismaField extends Place {
  readonly name: string;
  readonly type: string;
  readonly arity: "" | "?" | "[]";
  readonly typePlace: Place;
  readonly attributes: readonly PrismaAttribute[];
  /** The column's name, where it is one. */
  readonly column: string;
}

/** A model, which is a table. */
export interface PrismaModel extends ObjectName {
  readonly file: PrismaFile;
  readonly model: string;
  readonly place: Place;
  readonly fields: readonly PrismaField[];
  readonly attributes: readonly PrismaAttribute[];
  /** The offset of its closing brace. */
  readonly close: number;
}

/** One file of a Prisma schema, read. */
export interface PrismaFile {
  readonly path: string;
  readonly text: string;
  readonly edits: TextEdits;
}

/** A Prisma schema, read from all its files. */
export interface PrismaSource {
  readonly files: readonly PrismaFile[];
  readonly models: readonly PrismaModel[];
  /** Whether the database holds the foreign keys, which `relationMode = "prisma"` says it does not. */
  readonly hasForeignKeys: boolean;
}

/** Reads the models of a Prisma schema; all else in it is passed over. */
export function readPrisma(sources: readonly SourceFile[]): PrismaSource {
  const files = sources.map(({ path, content }) => ({
    path,
    text: content,
    edits: new TextEdits(content),
  }));
  return {
    files,
    models: files.flatMap((file) => [...readModels(file)]),
    hasForeignKeys: !files.some(({ text }) => /^\s*relationMode\s*=\s*"prisma"/m.test(text)),
  };
}

interface Line extends Place {
  readonly code: string;
}

function* linesOf(text: string): Generator<Line> {
  let start = 0;
  while (start < text.length) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    yield { start, end, code: withoutComment(text.slice(start, end)) };
    start = end + 1;
  }
}

// `//` within a string begins no comment.
function withoutComment(line: string): string {
  let isQuoted = false;
  for (let at = 0; at < line.length; at += 1) {
    if (isQuoted && line[at] === "\\") at += 1;
    else if (line[at] === '"') isQuoted = !isQuoted;
    else if (!isQuoted && line.startsWith("//", at)) return line.slice(0, at);
  }
  return line;
}

function* readModels(file: PrismaFile): Generator<PrismaModel> {
  let open: { readonly model: string; readonly start: number } | undefined;
  let fields: PrismaField[] = [];
  let attributes: PrismaAttribute[] = [];
  for (const line of linesOf(file.text)) {
    if (open === undefined) {
      const model = /^\s*model\s+(\w+)\s*\{/.exec(line.code)?.[1];
      if (model === undefined) continue;
      open = { model, start: line.start };
      fields = [];
      attributes = [];
    } else if (line.code.trim() === "}") {
      const { model, start } = open;
      const named = (name: string) =>
        stringValue(attributes.find((one) => one.name === name)?.arguments[0]);
      yield {
        file,
        model,
        schema: named("schema") ?? "public",
        name: named("map") ?? model,
        place: { start, end: line.end },
        fields,
        attributes,
        close: line.start + line.code.indexOf("}"),
      };
      open = undefined;
    } else if (line.code.trimStart().startsWith("@@")) {
      attributes.push(...readAttributes(line.code, line.start));
    } else {
      const field = readField(line);
      if (field) fields.push(field);
    }
  }
}

function readField({ code, start }: Line): PrismaField | undefined {
  const match = /^(\s*)(\w+)(\s+)(\w+(?:\("(?:[^"\\]|\\.)*"\))?)(\?|\[\])?/.exec(code);
  if (!match) return undefined;
  const [whole, indent, name, gap, type, arity] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string?,
  ];
  const attributes = readAttributes(code.slice(whole.length), start + whole.length);
  const typeStart = start + indent.length + name.length + gap.length;
  const mapped = stringValue(attributes.find((one) => one.name === "map")?.arguments[0]);
  return {
    name,
    type,
    arity: (arity ?? "") as PrismaField["arity"],
    typePlace: { start: typeStart, end: start + whole.length },
    attributes,
    column: mapped ?? name,
    start: start + indent.length,
    end: start + code.trimEnd().length,
  };
}

function readAttributes(code: string, start: number): PrismaAttribute[] {
  const attributes: PrismaAttribute[] = [];
  const pattern = /@@?([\w.]+)/y;
  for (let at = 0; at < code.length;) {
    pattern.lastIndex = at;
    const match = pattern.exec(code);
    if (!match) {
      at += 1;
      continue;
    }
    let end = pattern.lastIndex;
    let inside: Place | undefined;
    if (code[end] === "(") {
      const close = closing(code, end);
      inside = { start: start + end + 1, end: start + close };
      end = close + 1;
    }
    attributes.push({
      name: match[1]!,
      start: start + at,
      end: start + end,
      inside,
      arguments: inside
        ? [...readArguments(code.slice(inside.start - start, inside.end - start), inside.start)]
        : [],
    });
    at = end;
  }
  return attributes;
}

function* readArguments(text: string, start: number): Generator<PrismaArgument> {
  for (const part of splitList(text, start)) {
    const source = text.slice(part.start - start, part.end - start);
    const named = /^(\w+)\s*:\s*/.exec(source);
    const valueStart = part.start + (named ? named[0].length : 0);
    yield {
      ...part,
      name: named?.[1],
      value: text.slice(valueStart - start, part.end - start),
      valuePlace: { start: valueStart, end: part.end },
    };
  }
}

/** The items of a list whose text starts at an offset, split at commas that no bracket or quote encloses. */
function* splitList(text: string, start: number): Generator<Place> {
  let from = 0;
  const trimmed = (end: number): Place | undefined => {
    const part = text.slice(from, end);
    const lead = part.length - part.trimStart().length;
    const length = part.trim().length;
    return length === 0
      ? undefined
      : { start: start + from + lead, end: start + from + lead + length };
  };
  for (let at = 0; at <= text.length; at += 1) {
    if (at === text.length || text[at] === ",") {
      const place = trimmed(at);
      if (place) yield place;
      from = at + 1;
    } else if (text[at] === "(" || text[at] === "[" || text[at] === '"') {
      at = closing(text, at);
    }
  }
}

/** Where what opens at an offset closes: a bracket's partner, or a string's end. */
function closing(text: string, open: number): number {
  const partner = { "(": ")", "[": "]", '"': '"' }[text[open]!];
  for (let at = open + 1; at < text.length; at += 1) {
    if (text[open] === '"' && text[at] === "\\") at += 1;
    else if (text[at] === partner) return at;
    else if (text[open] !== '"' && (text[at] === "(" || text[at] === "[" || text[at] === '"')) {
      at = closing(text, at);
    }
  }
  return text.length;
}

/** The string that an argument is. */
export function stringValue(argument: PrismaArgument | undefined): string | undefined {
  if (argument === undefined || !/^"(?:[^"\\]|\\.)*"$/.test(argument.value)) return undefined;
  return argument.value
    .slice(1, -1)
    .replaceAll(/\\(.)/g, (_, letter: string) => (letter === "n" ? "\n" : letter));
}

/** The argument of a name, or the one that stands without any. */
export function argumentOf(attribute: PrismaAttribute | undefined, name: string, isFirst = false) {
  const named = attribute?.arguments.find((one) => one.name === name);
  return (
    named ?? (isFirst ? attribute?.arguments.find((one) => one.name === undefined) : undefined)
  );
}

/** The fields that a list names, without what is said of each: `[a, b(sort: Desc)]`. */
export function fieldsOf(argument: PrismaArgument | undefined): string[] {
  if (argument === undefined || !argument.value.startsWith("[")) return [];
  const inside = argument.value.slice(1, -1);
  return [...splitList(inside, 0)].map(
    ({ start, end }) => /^\w+/.exec(inside.slice(start, end))?.[0] ?? "",
  );
}
