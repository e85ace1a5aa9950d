import { MongoClient } from "mongodb";
import { describe, expect, it } from "vitest";
import { describeEngine } from "../support/engine.js";
import { hasFeature, MONGO_FEATURES, type MongoFeature } from "../support/mongo-features.js";
import { MONGO_ENGINES } from "../support/mongo-servers.js";
import { describeMongo, startMongo } from "../support/mongo.js";

const FEATURES = Object.keys(MONGO_FEATURES) as MongoFeature[];

describeMongo("the table of what servers can do", (mongo) => {
  it.each(FEATURES)("is true for %s", async (name) => {
    const fault: unknown = await MONGO_FEATURES[name].probe(mongo.database(), mongo.client).then(
      () => undefined,
      (error: unknown) => error,
    );
    const has = fault === undefined;
    expect(has, fault instanceof Error ? fault.message : "the probe passed").toBe(
      hasFeature(mongo.engine, name),
    );
  });
});

describe.each(MONGO_ENGINES)("%s", (engine) => {
  describeEngine(engine, "as a server of a test file's own", () => {
    it("keeps two databases apart, and answers nobody any more once it was stopped", async () => {
      const server = await startMongo(engine);
      const [one, other] = [server.database(), server.database()];
      await one.collection("c").insertOne({ n: 1 });
      expect(await one.collection("c").countDocuments()).toBe(1);
      expect(await other.collection("c").countDocuments()).toBe(0);
      await server.stop();
      if (process.env["PARTYWALL_TEST_MONGODB_URL"] === server.url) return;
      const late = new MongoClient(server.url, { serverSelectionTimeoutMS: 500 });
      await expect(late.connect()).rejects.toThrow(/ECONNREFUSED/);
      await late.close();
    });
  });
});
