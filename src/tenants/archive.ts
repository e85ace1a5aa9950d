import { invalidArchive } from "./refusal.js";
import type { TableSum } from "./checksum.js";

/** The version of the format that is written and read. */
export const ARCHIVE_VERSION = 1;

/** The first line of an archive. */
export interface ArchiveHead<Engine extends string, Strategy extends string, Table> {
  readonly partywall: "tenant-archive";
  readonly version: typeof ARCHIVE_VERSION;
  /** The kind of database that it was taken from; only one of that kind takes it in. */
  readonly engine: Engine;
  readonly tenantId: string;
  readonly strategy: Strategy;
  /** When it was taken, ISO 8601 in UTC. */
  readonly takenAt: string;
  readonly tables: readonly Table[];
}

/** What of an archive is another for each kind of database. */
export interface ArchiveFormat<Engine extends string, Strategy extends string, Table, Values> {
  readonly engine: Engine;
  /** What to do with an archive of another kind. */
  readonly elsewhere: string;
  readonly strategies: readonly Strategy[];
  isTable(value: Json): boolean;
  titleOf(table: Table): string;
  /** What one line of a table's holds, which begins with `[`; undefined for what is none. May throw what a parser throws. */
  valuesIn(line: string, table: Table): Values | undefined;
}

/** The last line of an archive. */
export interface ArchiveTrailer {
  readonly end: true;
  /** One entry a table, in the order of the header. */
  readonly tables: readonly TableSum[];
  /** SHA-256 of every byte before this line, hexadecimal. */
  readonly sha256: string;
}

/** An object of JSON. */
export type Json = Readonly<Record<string, unknown>>;

/** Whether something is a text that is not empty. */
export const isText = (value: unknown): value is string =>
  typeof value === "string" && value !== "";

/** Whether something is an object of JSON. */
export function isJson(value: unknown): value is Json {
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

/** Reads the first line. Throws `PW_ARCHIVE_INVALID` for another version or database, and for what is no archive. */
export function parseHeader<Engine extends string, Strategy extends string, Table>(
  line: string,
  format: ArchiveFormat<Engine, Strategy, Table, unknown>,
): ArchiveHead<Engine, Strategy, Table> {
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
  if (isText(engine) && engine !== format.engine) throw invalidArchive(format.elsewhere);
  if (
    engine === format.engine &&
    isText(tenantId) &&
    format.strategies.includes(strategy as Strategy) &&
    isText(takenAt) &&
    Array.isArray(tables) &&
    tables.every((table: unknown) => isJson(table) && format.isTable(table))
  ) {
    return header as unknown as ArchiveHead<Engine, Strategy, Table>;
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
