import { randomBytes } from "node:crypto";
import * as mongodb from "mongodb";
import { provisioner, type ProvisionerOptions } from "partywall/tenants/mongodb";
import type { MongoSuite } from "../../support/mongo.js";

/** Names that are free on a server and removed with it, and a provisioner over it. */
export function openHomes(mongo: MongoSuite) {
  const shared = mongo.database();
  const admin = `${mongo.url}${shared.databaseName}`;
  return {
    shared,
    admin,
    /** A database of a name that is free. */
    home: () => mongo.database(),
    homes: (options: Partial<ProvisionerOptions<mongodb.MongoClient>> = {}) =>
      provisioner(mongodb, { admin, ...options }),
  };
}

/** A tenant that nobody else is, to be placed in a database or by row. */
export function newcomer(database?: mongodb.Db) {
  const id = randomBytes(6).toString("hex");
  const placement =
    database === undefined
      ? ({ strategy: "row" } as const)
      : ({ strategy: "database", name: database.databaseName } as const);
  return { id, slug: `t-${id}`, placement };
}

/** The names of a database's collections, as the server lists them. */
export async function collectionsIn(database: mongodb.Db): Promise<string[]> {
  const found = await database.listCollections().toArray();
  return found.map(({ name }) => name).toSorted();
}

/** The keys of a collection's indexes, unique ones with an exclamation mark. */
export async function indexesOf(database: mongodb.Db, collection: string): Promise<string[]> {
  const found = await database.collection(collection).listIndexes().toArray();
  return found
    .map(({ key, unique }) => `${Object.keys(key as object).join()}${unique === true ? "!" : ""}`)
    .toSorted();
}

/** What a database is marked as. */
export const markOf = (database: mongodb.Db) =>
  database.collection("partywall.home").findOne({}, { projection: { _id: 0, at: 0 } });
