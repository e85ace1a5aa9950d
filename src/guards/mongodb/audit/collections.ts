import type { MongoDocument } from "../driver.js";
import { isApart } from "../home-mark.js";
import type { AuditDatabase } from "./audit-client.js";

/** A collection as the server has it. */
export interface AuditedCollection {
  readonly database: string;
  readonly name: string;
  readonly namespace: string;
  readonly type: "collection" | "view" | "timeseries";
  readonly options: MongoDocument;
}

/** The collections of a database, without the server's own and Partywall's. */
export async function readCollections(database: AuditDatabase): Promise<AuditedCollection[]> {
  const listed = await database.listCollections().toArray();
  return listed
    .map(({ name, type, options }) => ({
      database: database.databaseName,
      name: String(name),
      namespace: `${database.databaseName}.${String(name)}`,
      type: kindOf(type),
      options: (options ?? {}) as MongoDocument,
    }))
    .filter(({ name }) => !name.startsWith("system.") && !isApart(name));
}

const kindOf = (type: unknown): AuditedCollection["type"] =>
  type === "view" || type === "timeseries" ? type : "collection";
