import type { TenantDataProgress } from "../tenants/index.js";
import type { Context } from "./context.js";
import type { StringFlag } from "./flags.js";

/** The flag that names tables which hold no tenant's rows. */
export const EXCEPT_FLAG = {
  type: "string",
  value: "table",
  multiple: true,
  summary: "A table to leave out, schema.name.",
} as const satisfies StringFlag;

/** Shows how far the work on a tenant's data has come, table by table; `names` are other names for its phases. */
export function dataReporter(
  context: Context,
  names: Partial<Record<TenantDataProgress["phase"], string>> = {},
): {
  readonly tell: (progress: TenantDataProgress) => void;
  readonly finish: () => void;
} {
  const progress = context.progress();
  return {
    tell: ({ phase, table, rows, estimate }) =>
      progress.update({
        done: rows,
        // An estimate that is passed says nothing any more.
        ...(estimate >= rows && estimate > 0 && { total: Math.round(estimate) }),
        unit: "rows",
        label: `${names[phase] ?? phase} ${table}`,
      }),
    finish: () => progress.finish(),
  };
}

/** A line for each table with rows, and one for all. */
export function rowLines(
  tables: readonly { readonly table: string; readonly rows: number }[],
  verb: string,
): string[] {
  const sum = tables.reduce((total, { rows }) => total + rows, 0);
  const width = Math.max(0, ...tables.map(({ table }) => table.length));
  return [
    ...tables
      .filter(({ rows }) => rows > 0)
      .map(({ table, rows }) => `  ${table.padEnd(width)}  ${rows}`),
    `${sum} rows of ${tables.length} tables ${verb}.`,
  ];
}
