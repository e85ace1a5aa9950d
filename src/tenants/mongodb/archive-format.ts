import { isText, type ArchiveFormat, type ArchiveHead } from "../archive.js";
import { documentOf, type StoredDocument } from "./document-line.js";
import type { Bson } from "./premises.js";

/** A collection as an archive holds it; a table of the container. Its documents are without the tenant. */
export interface ArchiveCollection {
  readonly name: string;
  /** Name of the tenant field at the source, which the documents are without. */
  readonly tenantField?: string;
  /** How many documents there were when it was begun. */
  readonly estimate: number;
}

/** The first line of an archive of MongoDB. */
export type ArchiveHeader = ArchiveHead<"mongodb", "row" | "database", ArchiveCollection>;

/** How MongoDB's documents stand in an archive. */
export type MongoArchive = ArchiveFormat<
  ArchiveHeader["engine"],
  ArchiveHeader["strategy"],
  ArchiveCollection,
  StoredDocument
>;

/** The format, by the caller's BSON. */
export function mongoArchive(bson: Bson): MongoArchive {
  return {
    engine: "mongodb",
    elsewhere:
      "The archive is not of MongoDB, and this import is. One of PostgreSQL is brought in by importTenant of partywall/tenants.",
    strategies: ["row", "database"],
    isTable: ({ name, tenantField, estimate }) =>
      isText(name) &&
      (tenantField === undefined || isText(tenantField)) &&
      typeof estimate === "number",
    titleOf: ({ name }) => name,
    valuesIn: (line) => documentOf(bson, line),
  };
}
