import { refused } from "../refusal.js";
import type { ArchiveHeader, ArchiveTable } from "./archive-format.js";
import { ownColumns } from "./rows.js";
import { titleOf, type Column, type PremisesTable } from "./tables.js";

/** A table of an archive, and the table here that takes its rows. */
export interface MatchedTable {
  readonly from: ArchiveTable;
  readonly into: PremisesTable;
  /** The columns here, in the order of the archive's. */
  readonly columns: readonly Column[];
}

const MOST_TOLD = 20;

/**
 * Finds for every table of an archive the one here that takes its rows: that of the same schema and name, else the only
 * one of its name. Throws `PW_TENANT_DATA_REFUSED`, naming whatever differs.
 */
export function matchTables(
  { tables }: Pick<ArchiveHeader, "tables">,
  here: readonly PremisesTable[],
): readonly MatchedTable[] {
  const faults: string[] = [];
  const matched: MatchedTable[] = [];
  const taken = new Map<string, string>();
  for (const from of tables) {
    const title = titleOf(from);
    const into = find(from, here);
    if (typeof into === "string") {
      faults.push(into);
      continue;
    }
    const other = taken.get(into.oid);
    if (other !== undefined) {
      faults.push(`both ${other} and ${title} of the archive would go into ${titleOf(into)}`);
    }
    taken.set(into.oid, title);
    const columns = matchColumns(from, into, faults);
    matched.push({ from, into, columns });
  }
  if (faults.length === 0) return matched;
  const more = faults.length > MOST_TOLD ? `; and ${faults.length - MOST_TOLD} more` : "";
  throw refused(
    `The archive does not fit the tables here: ${faults.slice(0, MOST_TOLD).join("; ")}${more}. Nothing was written. Bring both to the same migration, or leave tables out with except.`,
  );
}

function find(from: ArchiveTable, here: readonly PremisesTable[]): PremisesTable | string {
  const named = here.filter(({ name }) => name === from.name);
  const exact = named.find(({ schema }) => schema === from.schema);
  if (exact) return exact;
  if (named.length === 1) return named[0]!;
  return named.length === 0
    ? `there is no tenant table ${from.name}`
    : `${titleOf(from)} could be ${named.map(titleOf).join(" or ")}`;
}

function matchColumns(
  from: ArchiveTable,
  into: PremisesTable,
  faults: string[],
): readonly Column[] {
  const title = titleOf(into);
  const own = new Map(ownColumns(into).map((column) => [column.name, column]));
  const columns: Column[] = [];
  for (const { name, type } of from.columns) {
    const column = own.get(name);
    if (column) {
      if (column.type !== type) {
        faults.push(`${title}.${name} is ${column.type} here and ${type} in the archive`);
      }
      columns.push(column);
    } else if (name === into.tenantColumn) {
      faults.push(
        `${title}.${name} is the tenant column here and an ordinary one in the archive (name it with tenantColumn when exporting)`,
      );
    } else {
      const computed = into.columns.some((other) => other.name === name);
      faults.push(`${title}.${name} ${computed ? "is computed here" : "does not exist"}`);
    }
  }
  for (const { name, notNull, filled } of own.values()) {
    if (!notNull || filled || from.columns.some((column) => column.name === name)) continue;
    faults.push(`${title}.${name} must be given, and the archive does not have it`);
  }
  return columns;
}
