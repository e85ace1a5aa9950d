import { PartywallError } from "../../../errors.js";

/** Quotes one SQL identifier; throws `PW_CONFIG` for an empty one, a NUL, or more than 63 bytes. */
export function quoteIdentifier(name: string): string {
  if (name === "" || name.includes("\0") || Buffer.byteLength(name) > 63) {
    throw new PartywallError(
      "PW_CONFIG",
      `An SQL name is empty, holds a NUL or is longer than 63 bytes: ${JSON.stringify(name.slice(0, 80))}. Give the name as it stands in the catalogue.`,
    );
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes a text as an SQL literal that no setting of the server reads differently. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return text.includes("\\") ? `E${quoted}` : quoted;
}

/** A table by schema and name. */
export interface TableName {
  readonly schema: string;
  readonly name: string;
}

/** Reads `"schema.table"` or `"table"` (in `public`); names with dots are given as {@link TableName}. */
export function tableName(table: string | TableName): TableName {
  if (typeof table !== "string") return table;
  const parts = table.split(".");
  if (parts.length > 2) {
    throw new PartywallError(
      "PW_CONFIG",
      `The table name ${JSON.stringify(table)} has more than one dot. Give it as { schema, name }.`,
    );
  }
  return parts.length === 2
    ? { schema: parts[0]!, name: parts[1]! }
    : { schema: "public", name: parts[0]! };
}

/** The quoted, schema-qualified form of a table name. */
export function qualified(table: TableName): string {
  return `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
}
