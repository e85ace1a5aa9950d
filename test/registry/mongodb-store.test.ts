import { inspect } from "node:util";
import * as mongodb from "mongodb";
import { createPartywall } from "partywall";
import { guardMongo } from "partywall/guards/mongodb";
import { mongoStore, type MongoModule } from "partywall/registry";
import { describe, expect, it, onTestFinished } from "vitest";
import { DRIVERS } from "../guards/mongodb/drivers.js";
import { startRelay } from "../guards/mongodb/relay.js";
import { codeOf, rejectionOf } from "../scope/instance.js";
import { describeMongo } from "../support/mongo.js";
import { faultyDriver } from "./faulty-driver.js";
import { record } from "./record.js";

const NOWHERE = "mongodb://127.0.0.1:1/";

describe("a registry in MongoDB", () => {
  it("opens nothing before its first use, and may be configured late, but not wrongly", async () => {
    let clients = 0;
    class MongoClient extends mongodb.MongoClient {
      constructor(url: string, options?: mongodb.MongoClientOptions) {
        super(url, options);
        clients += 1;
      }
    }
    const store = mongoStore({ MongoClient }, { url: NOWHERE });
    expect(clients).toBe(0);
    await store.close!();
    const late = mongoStore(mongodb, { url: undefined });
    expect(await codeOf(() => late.find({ id: "acme" }))).toBe("PW_CONFIG");
    for (const wrong of [{ database: "a.b" }, { collection: "system.$" }, { database: "UPPER" }])
      expect(await codeOf(() => mongoStore(mongodb, { url: NOWHERE, ...wrong }))).toBe("PW_CONFIG");
  });

  it("asks for what a majority has, of the primary, whatever address and options say", async () => {
    const seen: unknown[] = [];
    const driver = {
      MongoClient: function MongoClient(url: string, options: object) {
        seen.push(new mongodb.MongoClient(url, options).options);
        throw new Error("seen");
      },
    } as unknown as MongoModule;
    const url = `${NOWHERE}?readPreference=secondary&w=1&readConcernLevel=local&serverSelectionTimeoutMS=77`;
    const clientOptions = {
      readPreference: "nearest",
      writeConcern: { w: 0 },
      promoteLongs: false,
    };
    const store = mongoStore(driver, { url, clientOptions });
    expect(await codeOf(() => store.find({ id: "a" }))).toBe("PW_REGISTRY_UNAVAILABLE");
    expect(seen).toMatchObject([
      {
        readPreference: { mode: "primary" },
        readConcern: { level: "majority" },
        writeConcern: { w: "majority" },
        promoteLongs: true,
        serverSelectionTimeoutMS: 77,
        connectTimeoutMS: 5_000,
        maxPoolSize: 2,
      },
    ]);
  });

  it("that cannot be reached is unavailable, and no error shows its address, login or password", async () => {
    const clientOptions = { serverSelectionTimeoutMS: 100 };
    for (const [name, driver] of DRIVERS)
      for (const url of [
        "mongodb://nobody_here:hunter%262@127.0.0.1:1/?authSource=admin",
        "mongodb://nobody_here:hunter%262@db.internal.invalid:27017,127.0.0.1:1/",
        "mongodb://nobody_here:hunter%262@[not a host/x",
        "nobody_here:hunter%262@db.internal",
      ]) {
        const store = mongoStore(driver, { url, clientOptions });
        const error = await rejectionOf(() => store.find({ id: "acme" }));
        expect(error, name).toMatchObject({ code: "PW_REGISTRY_UNAVAILABLE" });
        const shown = inspect(error, { depth: 10, showHidden: true });
        for (const secret of ["hunter", "nobody_here", "127.0.0.1", "db.internal", "mongodb://"])
          expect(shown, name).not.toContain(secret);
        await store.close!();
      }
  });

  it("a server's refusal is told without what it repeats of the command", async () => {
    const refusal = Object.assign(
      new Error('not allowed: { find: "tenants", _id: "acme-secret" }'),
      {
        code: 13,
        codeName: "Unauthorized",
      },
    );
    const driver = faultyDriver(mongodb, () => undefined);
    const MongoClient = function MongoClient(...args: [string]) {
      const client = new driver.MongoClient(...args);
      return {
        ...client,
        db: () => ({ collection: () => ({ indexes: () => Promise.reject(refusal) }) }),
      };
    };
    const store = mongoStore({ MongoClient } as unknown as MongoModule, { url: NOWHERE });
    const error = await rejectionOf(() => store.find({ id: "acme" }));
    expect(inspect(error, { depth: 10 })).not.toContain("acme-secret");
    expect(error).toMatchObject({
      cause: { message: expect.stringContaining("Unauthorized"), code: 13 },
    });
    await store.close!();
  });
});

describeMongo("a registry in MongoDB", (mongo) => {
  for (const [name, driver] of DRIVERS)
    describe(`with ${name}`, () => {
      it("is out of a guarded client's reach in the scope of a tenant, and in the central scope", async () => {
        const [registry, app] = [mongo.database(), mongo.database()];
        const url = mongo.url + app.databaseName;
        const guard = guardMongo(driver, { app: url, system: url });
        const pw = createPartywall({
          secret: "a secret of the tests, of 32 characters",
          realm: `registry-${Math.random()}`,
          store: mongoStore(driver, { url: mongo.url, database: registry.databaseName }),
          mongodb: guard,
        });
        onTestFinished(() => pw.close());
        await pw.ready();
        const { id } = await pw.tenants.create({
          slug: "acme",
          name: "Acme",
          fields: { "a.$b": 1 },
        });
        await pw.tenants.addDomain(id, "shop.acme.test");
        const before = await registry.collection("tenants").find().toArray();
        expect(before).toMatchObject([{ _id: id, domains: ["shop.acme.test"] }]);
        const orders = guard.client.db().collection("orders");
        const [tenants, domains] = ["tenants", "tenants_domains"].map((one) =>
          guard.client.db(registry.databaseName).collection(one),
        );
        const from = { db: registry.databaseName, coll: "tenants" };
        const attacks: Record<string, () => Promise<unknown>> = {
          find: () => tenants!.findOne(),
          count: () => tenants!.countDocuments(),
          distinct: () => tenants!.distinct("slug"),
          insert: () => tenants!.insertOne({ slug: "mallory" }),
          update: () => tenants!.updateMany({}, { $set: { status: "suspended" } }),
          delete: () => domains!.deleteMany({}),
          indexes: () => tenants!.dropIndex("slug_1"),
          drop: () => guard.client.db(registry.databaseName).dropDatabase(),
          lookup: () =>
            orders.aggregate([{ $lookup: { from, pipeline: [], as: "all" } }]).toArray(),
          out: () => orders.aggregate([{ $out: from }]).toArray(),
          merge: () => orders.aggregate([{ $merge: { into: from } }]).toArray(),
          rename: () =>
            guard.client.db("admin").command({
              renameCollection: `${from.db}.tenants`,
              to: `${app.databaseName}.orders`,
            }),
        };
        await pw.run({ domain: "shop.acme.test" }, async () => {
          expect(pw.current()).toMatchObject({ id, fields: { "a.$b": 1 } });
          await orders.insertOne({ n: 1 });
          for (const [attack, run] of Object.entries(attacks))
            expect(await codeOf(run), attack).toMatch(/^PW_/);
          expect(await orders.countDocuments()).toBe(1);
        });
        for (const [attack, run] of Object.entries(attacks))
          expect(await codeOf(() => pw.central(run)), attack).toMatch(/^PW_/);
        expect(await registry.collection("tenants").find().toArray()).toEqual(before);
        expect(await registry.collection("tenants_domains").countDocuments()).toBe(1);
        await pw.tenants.suspend(id);
        expect(await codeOf(() => pw.run(id, () => undefined))).toBe("PW_TENANT_SUSPENDED");
      });

      it("works again after its connections were broken, and after it was closed", async () => {
        const relay = await startRelay(mongo.url);
        onTestFinished(() => relay.close());
        const { databaseName: database } = mongo.database();
        const store = mongoStore(driver, { url: relay.url, database });
        onTestFinished(() => store.close!());
        await store.insert(record());
        relay.breakNext("update");
        const change = { name: "Acme Ltd", updatedAt: record().updatedAt };
        expect(await codeOf(() => store.update("acme", 1, change))).toBe("PW_REGISTRY_UNAVAILABLE");
        expect(await store.update("acme", 1, change)).toBe("updated");
        await store.close!();
        expect(await store.find({ id: "acme" })).toMatchObject({ name: "Acme Ltd", version: 2 });
      });

      it("creates nothing where everything is there, and refuses an index that keeps no slugs apart", async () => {
        const relay = await startRelay(mongo.url);
        onTestFinished(() => relay.close());
        const database = mongo.database();
        const open = (collection: string) => {
          const store = mongoStore(driver, {
            url: relay.url,
            database: database.databaseName,
            collection,
          });
          onTestFinished(() => store.close!());
          return store;
        };
        await open("tenants").init!();
        expect(relay.sent("createIndexes")).toBe(1);
        await open("tenants").init!();
        expect(relay.sent("createIndexes")).toBe(1);
        await database.collection("others").createIndex({ slug: 1 });
        expect(await codeOf(() => open("others").init!())).toBe("PW_CONFIG");
      });

      it("gives no record whose text is not JSON any more, and repeats none of it", async () => {
        const database = mongo.database();
        const store = mongoStore(driver, { url: mongo.url, database: database.databaseName });
        const pw = createPartywall({ realm: `spoilt-${Math.random()}`, store });
        onTestFinished(() => pw.close());
        await store.insert(record());
        await database.collection("tenants").updateOne({}, { $set: { fields: "{ hunter2" } });
        const error = await rejectionOf(() => pw.run("acme", () => undefined));
        expect(error).toMatchObject({ code: "PW_REGISTRY_CONTRACT" });
        expect(inspect(error, { depth: 10 })).not.toContain("hunter2");
      });
    });
});
