import { bare, placeOf, type Place } from "../../adopt/schema-files/syntax.js";
import type { Variable } from "./identifiers.js";
import type { SourceFile } from "./source-file.js";

type Statement = SourceFile["program"]["body"][number];
type Import = Extract<Statement, { type: "ImportDeclaration" }>;

/**
 * The places of imports, and of constants that only read them or the environment, which nothing mentions any more once
 * these places are gone. What was unmentioned before stays: it is not ours to tidy.
 */
export function findUnmentioned(file: SourceFile, replaced: readonly Place[]): Place[] {
  const gone: Place[] = [...replaced];
  const free = new Set<string>();
  const statements = new Set<Variable["statement"]>();
  const isFree = (name: string): boolean => {
    const mentions = file.names.mentions(name);
    return mentions.length > 0 && mentions.every((mention) => isWithin(mention, gone));
  };
  // What goes away may have been the last to mention something else: `const { Pool } = pg`.
  for (let found = true; found;) {
    found = false;
    for (const { name, variable } of topNames(file)) {
      if (free.has(name) || !isFree(name)) continue;
      if (variable !== undefined) {
        if (!isRemovable(variable, file, isFree)) continue;
        statements.add(variable.statement);
        gone.push(placeOf(variable.statement));
      }
      free.add(name);
      found = true;
    }
  }
  return file.program.body.flatMap((statement) => {
    if (statement.type === "ImportDeclaration") return removedImports(statement, free, file.text);
    return statement.type === "VariableDeclaration" && statements.has(statement)
      ? [wholeLines(statement, file.text)]
      : [];
  });
}

function isWithin(inner: Place, places: readonly Place[]): boolean {
  return places.some(({ start, end }) => start <= inner.start && inner.end <= end);
}

/** The names declared at the top of a file by imports and constants. */
function topNames({ program, names }: SourceFile): { name: string; variable?: Variable }[] {
  return program.body.flatMap((statement) => {
    if (statement.type === "ImportDeclaration") {
      return statement.specifiers.map(({ local }) => ({ name: local.name }));
    }
    if (statement.type !== "VariableDeclaration" || statement.declarations.length !== 1) return [];
    return boundNames(statement.declarations[0]!.id).flatMap((name) => {
      const variable = names.variable(name);
      return variable?.statement === statement ? [{ name, variable }] : [];
    });
  });
}

function boundNames(id: Variable["declarator"]["id"]): string[] {
  if (id.type === "Identifier") return [id.name];
  if (id.type !== "ObjectPattern") return [];
  return id.properties.flatMap((property) =>
    property.type === "ObjectProperty" && property.value.type === "Identifier"
      ? [property.value.name]
      : [],
  );
}

function isRemovable(
  { declarator, statement }: Variable,
  { names, text }: SourceFile,
  isFree: (name: string) => boolean,
): boolean {
  const { id } = declarator;
  if (statement.kind !== "const" || !declarator.init) return false;
  if (id.type === "ObjectPattern") {
    const bound = boundNames(id);
    if (bound.length !== id.properties.length || !bound.every((name) => isFree(name))) return false;
  }
  const init = bare(declarator.init);
  const { start, end } = placeOf(init);
  // Reading a module or a setting does nothing else.
  return (
    names.origin(init) !== undefined ||
    /^process\s*\.\s*env\b[\w.[\]"'\s!]*$/.test(text.slice(start, end))
  );
}

/** A statement with the lines it stands on, where it stands on them alone, and one of the blank lines around it. */
function wholeLines(statement: Statement, text: string): Place {
  const { start, end } = placeOf(statement);
  const lineStart = text.lastIndexOf("\n", start - 1) + 1;
  const rest = /^[ \t]*(?:\r?\n|$)/.exec(text.slice(end));
  if (rest === null || !/^[ \t]*$/.test(text.slice(lineStart, start))) return { start, end };
  const below = end + rest[0].length;
  const blank = /^[ \t]*\r?\n/.exec(text.slice(below));
  const isApart = lineStart === 0 || /\n[ \t]*\r?\n$/.test(text.slice(0, lineStart));
  return { start: lineStart, end: isApart && blank ? below + blank[0].length : below };
}

function removedImports(statement: Import, free: ReadonlySet<string>, text: string): Place[] {
  const { specifiers } = statement;
  const goes = ({ local }: Import["specifiers"][number]): boolean => free.has(local.name);
  if (!specifiers.some(goes)) return [];
  if (specifiers.every(goes)) return [wholeLines(statement, text)];
  const places: Place[] = [];
  const named = specifiers.filter(({ type }) => type === "ImportSpecifier");
  const first = specifiers[0]!;
  if (first.type === "ImportDefaultSpecifier") {
    const { start, end } = placeOf(first);
    // What stands behind it goes, or stays, as a whole: `{ Pool }`, or `* as all`.
    const behind = named.length > 0 ? text.indexOf("{", end) : text.indexOf("*", end);
    if (goes(first)) places.push({ start, end: behind });
    else if (specifiers.slice(1).every(goes)) {
      const last = placeOf(specifiers.at(-1)!).end;
      return [{ start: end, end: named.length > 0 ? text.indexOf("}", last) + 1 : last }];
    }
  }
  for (let from = 0; from < named.length; from += 1) {
    if (!goes(named[from]!)) continue;
    let to = from;
    while (to + 1 < named.length && goes(named[to + 1]!)) to += 1;
    const next = named[to + 1];
    places.push(
      next
        ? { start: placeOf(named[from]!).start, end: placeOf(next).start }
        : { start: placeOf(named[from - 1]!).end, end: placeOf(named[to]!).end },
    );
    from = to;
  }
  return places;
}
