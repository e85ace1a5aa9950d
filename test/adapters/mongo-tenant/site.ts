import type mongoose from "mongoose";
import { createPartywall } from "partywall";
import { guardMongoose } from "partywall/adapters/mongoose";
import { guardMongo, type GuardMongoOptions } from "partywall/guards/mongodb";
import type { MongoSuite } from "../../support/mongo.js";

/** An instance with two tenants over a database of its own, and a Mongoose that is over its guard. */
export type TenantSite = Awaited<ReturnType<typeof openTenantSite>>;

export async function openTenantSite(
  { Mongoose }: typeof mongoose,
  mongo: MongoSuite,
  options: Partial<GuardMongoOptions> = {},
) {
  const instance = new Mongoose({ autoIndex: false, autoCreate: false });
  const database = mongo.database();
  const url = mongo.url + database.databaseName;
  const denied: string[] = [];
  const pw = createPartywall({
    realm: `mt-${database.databaseName}`,
    mongodb: guardMongo(instance.mongo, { app: url, system: url, shared: ["plans"], ...options }),
    audit: (entry) => {
      if (entry.type === "denied") denied.push(entry.code);
    },
  });
  await guardMongoose(pw.mongodb, instance);
  for (const id of ["acme", "bolt"]) await pw.tenants.create({ id, slug: id, name: id });
  return {
    mongoose: instance,
    pw,
    guard: pw.mongodb,
    denied,
    /** What really is there, unguarded. */
    stored: database,
    inSystem: <T>(fn: () => T) => pw.system({ reason: "a test" }, fn),
  };
}
