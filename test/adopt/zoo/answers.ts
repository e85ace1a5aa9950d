import { isDeepStrictEqual } from "node:util";

/** The slice of a `pg` client, guarded or not, that the zoo asks its questions through. */
export interface Asker {
  query(query: { text: string; rowMode: "array"; types: RawTypes }): Promise<RawResult>;
}

interface RawTypes {
  getTypeParser(): (value: unknown) => unknown;
}

interface RawResult {
  readonly rows: unknown[];
  readonly fields: readonly { readonly name: string }[];
  readonly rowCount: number | null;
  readonly command: string;
}

/** What a statement gave: columns and rows as the server's own text, or the error it ended with. */
export interface Answer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly count: number | null;
  /** SQLSTATE and constraint, where it failed. */
  readonly error?: string;
}

const RAW: RawTypes = { getTypeParser: () => (value) => value };

// The server makes these up anew each time; the ids written in the zoo begin with zeros and are told apart.
const RANDOM_UUID = /\b(?!0{8}-)[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/g;

/** Whether the outermost query of a text promises an order. */
function isOrdered(sql: string): boolean {
  let depth = 0;
  let outer = "";
  for (const letter of sql) {
    if (letter === "(") depth += 1;
    if (depth === 0) outer += letter;
    if (letter === ")") depth -= 1;
  }
  return /\border\s+by\b/i.test(outer);
}

/**
 * Asks, and returns what is comparable between two databases: without the tenant column, without random ids, and in
 * an order of its own where the query promises none. Never throws what the server refused: that is an answer too.
 */
export async function ask(
  asker: Asker,
  sql: string,
  tenantColumns: readonly string[],
): Promise<Answer> {
  let result: RawResult;
  try {
    result = await asker.query({ text: sql, rowMode: "array", types: RAW });
  } catch (error) {
    return { columns: [], rows: [], count: null, error: refusal(error) };
  }
  const kept = result.fields
    .map(({ name }, at) => ({ name, at }))
    .filter(({ name }) => !tenantColumns.includes(name));
  const rows = (result.rows as (string | null)[][]).map((row) =>
    kept.map(({ at }) => row[at]?.replaceAll(RANDOM_UUID, "<uuid>") ?? "∅"),
  );
  if (!isOrdered(sql)) rows.sort((a, b) => (a.join("\u0001") < b.join("\u0001") ? -1 : 1));
  return { columns: kept.map(({ name }) => name), rows, count: result.rowCount };
}

/** SQLSTATE and constraint of what the server refused. Rethrows what is not the server's. */
export function refusal(error: unknown): string {
  const { code, constraint, cause } = error as {
    code?: unknown;
    constraint?: string;
    cause?: unknown;
  };
  if (typeof code !== "string") throw error;
  if (code.startsWith("PW_")) return cause === undefined ? code : `${code} ${refusal(cause)}`;
  if (constraint === undefined) return code;
  // The keys to the partitions of a table are numbered by PostgreSQL.
  if (code !== "23503") return `${code} ${constraint}`;
  // While a key and its successor are both there, either may speak first: PostgreSQL asks them in the order of their
  // triggers' names, which end in numbers that are compared as texts.
  return `${code} ${constraint.replace(/^partywall_/, "").replace(/_\d+$/, "")}`;
}

/** Says how one answer differs from the one expected, or nothing where they are the same. */
export function difference(what: string, expected: Answer, actual: Answer): string[] {
  if (isDeepStrictEqual(expected, actual)) return [];
  return [`${what}: expected ${brief(expected)}, got ${brief(actual)}`];
}

function brief({ columns, rows, count, error }: Answer): string {
  if (error !== undefined) return `the error ${error}`;
  const shown = rows.slice(0, 6).map((row) => `(${row.join(", ")})`);
  return `${count} of [${columns.join(", ")}] ${shown.join(" ")}${rows.length > 6 ? " …" : ""}`.slice(
    0,
    600,
  );
}
