import { quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";
import type { ObjectName } from "../schema.js";

/** The key a GROUP BY may stand on, and the column that joins it. */
export interface GroupedKey {
  readonly table: ObjectName;
  /** Columns of the primary key as it was. */
  readonly key: readonly string[];
  readonly column: string;
}

interface Token {
  readonly text: string;
  /** Where it ends in the definition. */
  readonly end: number;
  readonly depth: number;
}

// Names, quoted names, strings, dollar-quoted strings, numbers, and single signs.
const TOKEN = /"(?:[^"]|"")*"|E?'(?:[^'\\]|''|\\.)*'|[\p{L}_][\p{L}\p{N}_$]*|\d[\d.]*|\s+|[^]/giu;

function tokens(definition: string): Token[] {
  const found: Token[] = [];
  let depth = 0;
  for (const match of definition.matchAll(TOKEN)) {
    const [text] = match;
    if (/^\s/.test(text)) continue;
    if (text === ")") depth -= 1;
    found.push({ text, end: match.index + text.length, depth });
    if (text === "(") depth += 1;
  }
  return found;
}

/** A name as `pg_get_viewdef` writes it, or nothing where the token is none. */
function nameOf(token: Token | undefined): string | undefined {
  if (token === undefined) return undefined;
  if (token.text.startsWith('"')) return token.text.slice(1, -1).replaceAll('""', '"');
  return /^[\p{L}_]/u.test(token.text) ? token.text : undefined;
}

const ENDS = new Set([
  "having",
  "window",
  "union",
  "intersect",
  "except",
  "order",
  "limit",
  "offset",
  "fetch",
  "for",
  ";",
]);
const CLAUSES = new Set([
  "where",
  "group",
  "join",
  "left",
  "right",
  "full",
  "inner",
  "cross",
  "on",
  "using",
  "natural",
  "tablesample",
  ...ENDS,
]);

/**
 * A view's definition with the tenant's column in each GROUP BY that stands on a primary key; `undefined` where one
 * cannot be told for sure. It reads what `pg_get_viewdef` prints: names qualified, aliases given, nothing abbreviated.
 */
export function groupedByTenant(definition: string, grouped: GroupedKey): string | undefined {
  const all = tokens(definition);
  const insertions: { readonly at: number; readonly text: string }[] = [];
  for (let n = 0; n + 1 < all.length; n += 1) {
    if (all[n]?.text.toLowerCase() !== "group" || all[n + 1]?.text.toLowerCase() !== "by") continue;
    const depth = all[n]?.depth ?? 0;
    const end = all.findIndex(
      (token, at) =>
        at > n + 1 &&
        (token.depth < depth || (token.depth === depth && ENDS.has(token.text.toLowerCase()))),
    );
    const last = end === -1 ? all.length : end;
    const items = all.slice(n + 2, last);
    if (items.some(({ text }) => /^(?:rollup|cube|grouping)$/i.test(text))) continue;
    for (const alias of aliasesBefore(all, n, depth, grouped.table)) {
      const isWhole = grouped.key.every((column) => hasItem(items, depth, alias, column));
      const closing = items.at(-1);
      if (!isWhole || closing === undefined) continue;
      const name = `${quoteIdentifier(alias)}.${quoteIdentifier(grouped.column)}`;
      insertions.push({ at: closing.end, text: `, ${name}` });
    }
  }
  if (insertions.length === 0) return undefined;
  return insertions
    .toReversed()
    .reduce((text, { at, text: more }) => text.slice(0, at) + more + text.slice(at), definition);
}

// What the table is called in the FROM that a GROUP BY belongs to: the nearest one before it at the same depth.
function aliasesBefore(
  all: readonly Token[],
  group: number,
  depth: number,
  table: ObjectName,
): readonly string[] {
  let from = group;
  while (from >= 0 && !(all[from]?.depth === depth && all[from]?.text.toLowerCase() === "from"))
    from -= 1;
  const aliases: string[] = [];
  for (let n = from + 1; n < group; n += 1) {
    let at = n;
    if (all[n + 1]?.text === "." && nameOf(all[n]) === table.schema) at = n + 2;
    else if (all[n - 1]?.text === ".") continue;
    if (nameOf(all[at]) !== table.name || all[at + 1]?.text === ".") continue;
    let next = at + 1;
    if (all[next]?.text.toLowerCase() === "as") next += 1;
    const alias = nameOf(all[next]);
    aliases.push(alias === undefined || CLAUSES.has(alias.toLowerCase()) ? table.name : alias);
  }
  return aliases;
}

// With one table in the FROM its columns are written without it.
function hasItem(items: readonly Token[], depth: number, alias: string, column: string): boolean {
  return items.some((token, at) => {
    if (token.depth !== depth || nameOf(token) !== column) return false;
    return items[at - 1]?.text === "."
      ? nameOf(items[at - 2]) === alias
      : items[at + 1]?.text !== ".";
  });
}
