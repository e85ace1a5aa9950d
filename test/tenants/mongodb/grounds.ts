import type * as mongodb from "mongodb";
import type { Premises } from "partywall/tenants/mongodb";
import { exportTenant, ownershipMark } from "partywall/tenants/mongodb";
import type { MongoSuite } from "../../support/mongo.js";

/** A document of the tests. */
export interface Any {
  _id: unknown;
  [member: string]: unknown;
}

/** Premises over a client of one driver, in databases that the suite removes; documents are looked at by another client. */
export function openGrounds(mongo: MongoSuite, driver: typeof mongodb) {
  const client = new driver.MongoClient(mongo.url);
  const of = (database: mongodb.Db, more: Partial<Premises>): Premises => ({
    client,
    bson: driver.BSON,
    strategy: "row",
    database: database.databaseName,
    tenantId: "acme",
    ...more,
  });
  return {
    client,
    row: (database: mongodb.Db, tenantId: string, more: Partial<Premises> = {}) =>
      of(database, { tenantId, ...more }),
    own: (database: mongodb.Db, tenantId: string, more: Partial<Premises> = {}) =>
      of(database, { strategy: "database", tenantId, ...more }),
  };
}

/** What is in a collection, by an unguarded client, in the order of `_id`. */
export const inside = (database: mongodb.Db, collection: string): Promise<Any[]> =>
  database
    .collection<Any>(collection)
    .find({}, { sort: { _id: 1 } })
    .toArray();

/** Marks a database as a tenant's. */
export async function mark(database: mongodb.Db, tenantId: string): Promise<void> {
  const { collection, document } = ownershipMark({ tenantId });
  await database.collection<Any>(collection).insertOne({ ...document });
}

/** A whole archive as one text. */
export async function archived(premises: Premises): Promise<string> {
  let text = "";
  for await (const chunk of exportTenant(premises)) text += chunk;
  return text;
}

/** A text as a source of an archive. */
export async function* source(text: string): AsyncGenerator<string> {
  yield text;
}

/** What a call rejects with: its code and message. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "nothing",
    (error: { code?: unknown; message: string }) => `${String(error.code)}: ${error.message}`,
  );
}
