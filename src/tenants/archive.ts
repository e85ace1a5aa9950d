import { invalidArchive } from "./refusal.js";
import type { TableSum } from "./checksum.js";

/** The version of the format that is written and read. */
export const ARCHIVE_VERSION = 1;

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

/** The first line of an archive. */
export interface ArchiveHeader {
  readonly partywall: "tenant-archive";
  readonly version: typeof ARCHIVE_VERSION;
  readonly engine: "postgres";
  readonly tenantId: string;
  readonly strategy: "row" | "schema" | "database";
  /** When the snapshot was taken, ISO 8601 in UTC. */
  readonly takenAt: string;
  readonly tables: readonly ArchiveTable[];
}

/** The last line of an archive. */
export interface ArchiveTrailer {
  readonly end: true;
  /** One entry a table, in the order of the header. */
  readonly tables: readonly TableSum[];
  /** SHA-256 of every byte before this line, hexadecimal. */
  readonly sha256: string;
}

type Json = Readonly<Record<string, unknown>>;

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

function isTable(value: unknown): value is ArchiveTable {
  if (!isJson(value)) return false;
  return (
    isText(value["schema"]) &&
    isText(value["name"]) &&
    (value["tenantColumn"] === undefined || isText(value["tenantColumn"])) &&
    typeof value["estimate"] === "number" &&
    Array.isArray(value["columns"]) &&
    value["columns"].every(
      (column: unknown) => isJson(column) && isText(column["name"]) && isText(column["type"]),
    )
  );
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads a line of an archive that is no row. Throws `PW_ARCHIVE_INVALID` for what is no object. */
export function parseObject(line: string, number: number): Json {
  try {
    const value: unknown = JSON.parse(line);
    if (isJson(value)) return value;
  } catch (cause) {
    throw invalidArchive(`Line ${number} of the archive is no JSON. ${AS_WRITTEN}`, cause);
  }
  throw invalidArchive(`Line ${number} of the archive is not what belongs there. ${AS_WRITTEN}`);
}

/** What to do about an archive that is not as it was written. */
export const AS_WRITTEN = "It was altered or cut; take it from where it was first kept.";

/** Reads the first line. Throws `PW_ARCHIVE_INVALID` for another version, and for what is no archive. */
export function parseHeader(line: string): ArchiveHeader {
  const header = parseObject(line, 1);
  if (header["partywall"] !== "tenant-archive") {
    throw invalidArchive("This is no archive of a tenant: its first line does not say so.");
  }
  if (header["version"] !== ARCHIVE_VERSION) {
    throw invalidArchive(
      `The archive is of format version ${JSON.stringify(header["version"])}; this Partywall reads version ${ARCHIVE_VERSION}. Use the version that wrote it.`,
    );
  }
  const { engine, tenantId, strategy, takenAt, tables } = header;
  if (
    engine === "postgres" &&
    isText(tenantId) &&
    (strategy === "row" || strategy === "schema" || strategy === "database") &&
    isText(takenAt) &&
    Array.isArray(tables) &&
    tables.every(isTable)
  ) {
    return header as unknown as ArchiveHeader;
  }
  throw invalidArchive(`The first line of the archive is not complete. ${AS_WRITTEN}`);
}

/** Reads the last line, which has one entry for each of so many tables. */
export function parseTrailer(value: Json, tables: number): ArchiveTrailer {
  const sums = value["tables"];
  if (
    value["end"] === true &&
    isText(value["sha256"]) &&
    Array.isArray(sums) &&
    sums.length === tables &&
    sums.every(
      (sum: unknown) => isJson(sum) && Number.isSafeInteger(sum["rows"]) && isText(sum["checksum"]),
    )
  ) {
    return value as unknown as ArchiveTrailer;
  }
  throw invalidArchive(`The last line of the archive is not complete. ${AS_WRITTEN}`);
}
