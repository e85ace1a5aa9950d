import { PartywallError } from "../../errors.js";
import { qualified } from "../../guards/postgres/ddl/identifier.js";
import type { AdoptOptions, TableChoice } from "../options.js";
import type { Table } from "../schema.js";
import { label, primaryKey, type Draft } from "./draft.js";

/** What is to become of a table: what was said of it, of its partitioned parent, or of tables that nothing is said of. */
export function choiceOf(draft: Draft, table: Table): TableChoice {
  const { tables = {}, otherwise = "tenant" } = draft.options;
  const said = tables[label(table)] ?? tables[`${table.schema}.${table.name}`];
  if (said !== undefined) return typeof said === "string" ? { kind: said } : said;
  const parent = table.partitionOf ?? table.inherits[0];
  const above = parent && draft.table(parent);
  return above ? choiceOf(draft, above) : { kind: otherwise };
}

/** Throws `PW_CONFIG` for a table that is named but not there. */
export function assertNamedTables(draft: Draft): void {
  const known = new Set(
    draft.schema.tables.flatMap((table) => [label(table), `${table.schema}.${table.name}`]),
  );
  for (const name of Object.keys(draft.options.tables ?? {})) {
    if (known.has(name)) continue;
    throw new PartywallError(
      "PW_CONFIG",
      `There is no table ${name} in the schemas that are adopted (${(draft.options.schemas ?? ["public"]).join(", ")}). Mend its name, or name its schema under \`schemas\`.`,
    );
  }
}

/** Decides which tables are tenants' and how each is adopted. */
export function findAdoptees(draft: Draft): void {
  for (const table of draft.schema.tables) {
    if (table.extension !== null) continue;
    const choice = choiceOf(draft, table);
    if (choice.kind !== "tenant") continue;
    const column = choice.column ?? draft.options.column ?? "tenant_id";
    const former = table.columns.find(({ name }) => name === column);
    draft.adoptees.set(label(table), {
      table,
      choice,
      column,
      former,
      sql: qualified(table),
      keepsKey: keepsKey(draft, table, choice, draft.options),
      isFilled: former === undefined ? choice.assign !== undefined : !former.notNull,
    });
  }
}

function keepsKey(draft: Draft, table: Table, choice: TableChoice, options: AdoptOptions): boolean {
  const wanted = choice.keys ?? options.keys ?? "auto";
  if (wanted !== "auto") return wanted === "id";
  const key = primaryKey(table);
  return (
    key !== undefined &&
    key.keys.some(({ column }) => column !== null && isGlobal(draft, table, column))
  );
}

/**
 * Whether no two tenants can come by the same value: a uuid, a number drawn from a sequence, or what points at a
 * tenant's row that is known by such a one. What points at a shared row is the same for all who do.
 */
function isGlobal(
  draft: Draft,
  table: Table,
  column: string,
  seen: readonly string[] = [],
): boolean {
  const found = table.columns.find(({ name }) => name === column);
  const path = `${label(table)}.${column}`;
  if (found === undefined || seen.includes(path)) return false;
  const keys = table.foreignKeys.filter(({ columns }) => columns.includes(column));
  if (keys.length === 0) {
    const isDrawn = found.identity !== null || (found.sequence !== null && found.default !== null);
    return found.type === "uuid" || isDrawn;
  }
  return keys.some(({ columns, references, referencedColumns }) => {
    const target = draft.table(references);
    const referenced = referencedColumns[columns.indexOf(column)];
    if (target === undefined || referenced === undefined) return false;
    const { kind, keys: wanted = draft.options.keys ?? "auto" } = choiceOf(draft, target);
    if (kind !== "tenant" || wanted === "composite") return false;
    // A row that points at its own kind is as unique as that kind is.
    if (label(target) === label(table) && referenced === column) return false;
    return isGlobal(draft, target, referenced, [...seen, path]);
  });
}
