import { isJson, isText, type ArchiveFormat, type ArchiveHead } from "../archive.js";

/** A column as an archive holds it. */
export interface ArchiveColumn {
  readonly name: string;
  /** As the database spells it, without the schema of a type of the user's own. */
  readonly type: string;
}

/** A table as an archive holds it. The tenant column is not in it: it is the tenant's id in every row. */
export interface ArchiveTable {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly ArchiveColumn[];
  /** Name of the tenant column at the source, which the rows are without. */
  readonly tenantColumn?: string;
  /** How many rows the planner expected. */
  readonly estimate: number;
}

/** The first line of an archive of PostgreSQL. */
export type ArchiveHeader = ArchiveHead<"postgres", "row" | "schema" | "database", ArchiveTable>;

/** One row as its line has it: the text of each value, or null. */
export type ArchiveValues = readonly (string | null)[];

/** How PostgreSQL's rows stand in an archive. */
export const POSTGRES_ARCHIVE: ArchiveFormat<
  ArchiveHeader["engine"],
  ArchiveHeader["strategy"],
  ArchiveTable,
  ArchiveValues
> = {
  engine: "postgres",
  elsewhere:
    "The archive is not of PostgreSQL, and this import is. One of MongoDB is brought in by importTenant of partywall/tenants/mongodb.",
  strategies: ["row", "schema", "database"],
  isTable: (value) =>
    isText(value["schema"]) &&
    isText(value["name"]) &&
    (value["tenantColumn"] === undefined || isText(value["tenantColumn"])) &&
    typeof value["estimate"] === "number" &&
    Array.isArray(value["columns"]) &&
    value["columns"].every(
      (column: unknown) => isJson(column) && isText(column["name"]) && isText(column["type"]),
    ),
  titleOf: ({ schema, name }) => `${schema}.${name}`,
  valuesIn: (line, { columns }) => {
    const values: unknown = JSON.parse(line);
    const fits =
      Array.isArray(values) &&
      values.length === columns.length &&
      values.every((value) => value === null || typeof value === "string");
    return fits ? (values as ArchiveValues) : undefined;
  },
};
