import * as mongodb from "mongodb";
import { createPartywall } from "partywall";
import { guardMongo } from "partywall/guards/mongodb";
import { ownershipMark, type CollectionTemplate } from "partywall/tenants/mongodb";
import { beforeEach, describe, expect, test } from "vitest";
import { describeMongo } from "../../support/mongo.js";
import { DRIVERS } from "../../guards/mongodb/drivers.js";
import { startRelay } from "../../guards/mongodb/relay.js";
import { provisioner } from "partywall/tenants/mongodb";
import { collectionsIn, indexesOf, markOf, newcomer, openHomes } from "./homes.js";

const ORDERS: CollectionTemplate = {
  name: "orders",
  indexes: [{ key: { number: 1 }, unique: true, name: "number_1" }, { key: { at: -1, n: 1 } }],
};
const COLLECTIONS: CollectionTemplate[] = [ORDERS, { name: "customers" }];

describeMongo("a home is made", (mongo) => {
  let site: ReturnType<typeof openHomes>;
  let home: mongodb.Db;
  beforeEach(() => {
    site = openHomes(mongo);
    home = site.home();
  });

  test("with the collections and indexes of a list, marked with realm and tenant", async () => {
    const tenant = newcomer(home);
    await site.homes({ collections: COLLECTIONS, realm: "shop" }).provision(tenant);
    expect(await collectionsIn(home)).toEqual(["customers", "orders", "partywall.home"]);
    expect(await indexesOf(home, "orders")).toEqual(["_id", "at,n", "number!"]);
    expect(await markOf(home)).toEqual({ realm: "shop", tenantId: tenant.id, stage: "home" });
    const { collection, document } = ownershipMark({ tenantId: tenant.id, realm: "shop" });
    expect(await home.collection(collection).findOne()).toMatchObject(document);
  });

  test("as the shared database is, without the tenant's field and what is no tenant's", async () => {
    const { shared } = site;
    await shared
      .collection("orders")
      .createIndexes([
        { key: { tenantId: 1, number: 1 }, unique: true },
        { key: { tenantId: 1 } },
        { key: { at: 1 }, name: "by_time" },
      ]);
    await shared.collection("countries").insertMany([{ code: "a" }, { code: "b" }]);
    await shared.collection("journal").insertOne({ n: 1 });
    await shared.collection("partywall.moves").insertOne({ n: 1 });
    await shared.collection("orders").insertOne({ tenantId: "another", number: 1 });
    const template = {
      database: shared.databaseName,
      except: ["journal"],
      documents: ["countries"],
    };
    const homes = site.homes({ template });
    await homes.provision(newcomer(home));
    expect(await collectionsIn(home)).toEqual(["countries", "orders", "partywall.home"]);
    expect(await indexesOf(home, "orders")).toEqual(["_id", "at", "number!"]);
    expect(await home.collection("orders").countDocuments()).toBe(0);
    expect(new Set(await home.collection("countries").distinct("code"))).toEqual(
      new Set(["a", "b"]),
    );
  });

  mongo.testNeeding(
    "validators",
    "with validators, but none that wants the tenant's field",
    async () => {
      const { shared } = site;
      const validator = {
        $jsonSchema: { required: ["n"], properties: { n: { bsonType: "int" } } },
      };
      await shared.createCollection("orders", { validator, validationLevel: "moderate" });
      const template = { database: shared.databaseName };
      await site.homes({ template }).provision(newcomer(home));
      // oxlint-disable-next-line vitest/no-standalone-expect -- testNeeding() is a test
      await expect(home.collection("orders").insertOne({ n: "one" })).rejects.toThrow("validation");
      await shared.createCollection("bills", {
        validator: { $jsonSchema: { required: ["tenantId"] } },
      });
      // oxlint-disable-next-line vitest/no-standalone-expect -- testNeeding() is a test
      await expect(site.homes({ template }).provision(newcomer(site.home()))).rejects.toMatchObject(
        { code: "PW_PROVISION_FAILED" },
      );
    },
  );

  test("never with an option that wants the tenant's field", async () => {
    const homes = site.homes({
      collections: [
        { name: "orders", options: { validator: { $jsonSchema: { required: ["tenantId"] } } } },
      ],
    });
    const failed = homes.provision(newcomer(home));
    await expect(failed).rejects.toMatchObject({ code: "PW_PROVISION_FAILED" });
    await expect(failed).rejects.toThrow(/the options of orders names "tenantId"/);
    expect(await collectionsIn(home)).toEqual([]);
  });

  test("once: again it is left as it is, whoever asks at the same time", async () => {
    const tenant = newcomer(home);
    const seeded: string[] = [];
    const homes = () =>
      site.homes({
        collections: COLLECTIONS,
        seed: async ({ client, database }) => {
          seeded.push(database);
          await client.db(database).collection("customers").insertOne({ first: true });
        },
      });
    await Promise.all([1, 2, 3].map(() => homes().provision(tenant)));
    await homes().provision(tenant);
    expect(seeded).toEqual([home.databaseName]);
    expect(await home.collection("customers").countDocuments()).toBe(1);
  });

  test("not where a database is that nobody marked, which is left untouched", async () => {
    await home.collection("theirs").insertOne({ n: 1 });
    await expect(
      site.homes({ collections: COLLECTIONS }).provision(newcomer(home)),
    ).rejects.toMatchObject({ code: "PW_PLACEMENT" });
    expect(await collectionsIn(home)).toEqual(["theirs"]);
  });

  test("not in a database of another tenant, or of the same id in another realm", async () => {
    const tenant = newcomer(home);
    await site.homes({ collections: COLLECTIONS }).provision(tenant);
    await home.collection("orders").insertOne({ n: 1 });
    const other = { ...newcomer(home), placement: tenant.placement };
    for (const [homes, one] of [
      [site.homes({ collections: COLLECTIONS }), other],
      [site.homes({ collections: COLLECTIONS, realm: "other" }), tenant],
    ] as const) {
      await expect(homes.provision(one)).rejects.toMatchObject({ code: "PW_PLACEMENT" });
      await expect(homes.migrate(one)).rejects.toMatchObject({ code: "PW_PLACEMENT" });
      await expect(homes.vacate(one)).rejects.toMatchObject({ code: "PW_PLACEMENT" });
    }
    expect(await home.collection("orders").countDocuments()).toBe(1);
    expect(await markOf(home)).toMatchObject({ tenantId: tenant.id, realm: "default" });
  });

  test("not where the mark is one that nobody can read", async () => {
    await home.collection("partywall.home").insertOne({ _id: "home", owner: "a" } as never);
    const tenant = newcomer(home);
    await expect(site.homes().provision(tenant)).rejects.toMatchObject({ code: "PW_PLACEMENT" });
    await expect(site.homes().vacate(tenant)).rejects.toMatchObject({ code: "PW_PLACEMENT" });
  });

  test("not under a name that MongoDB, a file system or the application has for something else", async () => {
    await home.collection("a").insertOne({ n: 1 });
    const { databaseName } = home;
    const names = [
      "",
      "é".repeat(32),
      "a.b",
      "a b",
      "a/b",
      "a\\b",
      'a"b',
      "$a",
      "a*",
      "a<b",
      "a>b",
      "a:b",
      "a|b",
      "a?b",
      "a\0b",
      "admin",
      "Config",
      "LOCAL",
      databaseName.toUpperCase(),
      site.shared.databaseName,
      site.shared.databaseName.toUpperCase(),
      "Template",
    ];
    const homes = site.homes({ template: { database: "template" } });
    for (const name of names) {
      const tenant = { ...newcomer(), placement: { strategy: "database", name } as const };
      await expect(homes.provision(tenant), name).rejects.toMatchObject({ code: "PW_PLACEMENT" });
      await expect(homes.vacate(tenant), name).rejects.toMatchObject({ code: "PW_PLACEMENT" });
    }
    const { databases } = (await mongo.client.db("admin").command({ listDatabases: 1 })) as {
      databases: { name: string }[];
    };
    expect(databases.map(({ name }) => name).filter((name) => names.includes(name))).toEqual([]);
  });

  test("not in a schema, nor with a login of its own, nor on a server that nobody named", async () => {
    const homes = site.homes();
    const { name } = newcomer(home).placement as { name: string };
    for (const placement of [
      { strategy: "schema", name },
      { strategy: "database", name, secret: "s" },
      { strategy: "database", name, server: "far" },
    ] as const) {
      await expect(homes.provision({ ...newcomer(), placement })).rejects.toMatchObject({
        code: "PW_PLACEMENT",
      });
    }
    expect(await collectionsIn(home)).toEqual([]);
  });

  test("or taken back whole where a first attempt fails, and made by the next", async () => {
    const tenant = newcomer(home);
    let fails = true;
    const homes = site.homes({
      collections: COLLECTIONS,
      migrate: async ({ client, database }) => {
        await client.db(database).collection("orders").insertOne({ number: 1 });
        if (fails) throw new Error("no");
      },
    });
    await expect(homes.provision(tenant)).rejects.toThrow("no");
    expect(await collectionsIn(home)).toEqual([]);
    fails = false;
    await homes.provision(tenant);
    expect(await markOf(home)).toMatchObject({ stage: "home" });
  });

  test("on from where a dead process left it", async () => {
    for (const stage of ["claimed", "building", "dropping"] as const) {
      const half = site.home();
      const tenant = newcomer(half);
      await half.collection<{ _id: string; stage: string }>("partywall.home").insertOne({
        ...ownershipMark({ tenantId: tenant.id }).document,
        stage,
      });
      if (stage !== "claimed") await half.collection("orders").insertOne({ stage });
      await site.homes({ collections: COLLECTIONS }).provision(tenant);
      expect(await markOf(half)).toMatchObject({ stage: "home" });
      expect(await collectionsIn(half)).toEqual(["customers", "orders", "partywall.home"]);
      expect(await half.collection("orders").countDocuments()).toBe(stage === "building" ? 1 : 0);
    }
  });

  test("not where somebody else began to use it between the look and the mark", async () => {
    const tenant = newcomer(home);
    const { document } = ownershipMark({ tenantId: tenant.id });
    await home
      .collection<{ _id: string; stage: string }>("partywall.home")
      .insertOne({ ...document, stage: "claimed" });
    await home.collection("theirs").insertOne({ n: 1 });
    await expect(site.homes({ collections: COLLECTIONS }).provision(tenant)).rejects.toMatchObject({
      code: "PW_PLACEMENT",
    });
    expect(await markOf(home)).toBeNull();
    expect(await home.collection("theirs").countDocuments()).toBe(1);
  });

  test("by row only looked for: collections and indexes that the guard has made", async () => {
    const { shared } = site;
    const homes = site.homes({ collections: COLLECTIONS });
    const tenant = newcomer();
    const missing = homes.provision(tenant);
    await expect(missing).rejects.toMatchObject({ code: "PW_PROVISION_FAILED" });
    await expect(missing).rejects.toThrow(/lacks the collection orders, the collection customers/);
    await shared.createCollection("customers");
    await shared.collection("orders").createIndex({ number: 1 }, { unique: true });
    await expect(homes.provision(tenant)).rejects.toThrow(
      /lacks the unique index {"tenantId":1,"number":1} of orders, the index {"tenantId":1,"at":-1,"n":1} of orders/,
    );
    expect(await indexesOf(shared, "orders")).toEqual(["_id", "number!"]);
    const guard = guardMongo(mongodb, { app: site.admin });
    const pw = createPartywall({ secret: "s".repeat(32), realm: "by-row", mongodb: guard });
    const orders = guard.client.db().collection("orders");
    await pw.central(() =>
      orders.createIndexes([...ORDERS.indexes!] as mongodb.IndexDescription[]),
    );
    await pw.close();
    await homes.provision(tenant);
    expect(await collectionsIn(shared)).toEqual(["customers", "orders"]);
  });

  describe.each(DRIVERS)("with %s", (_, driver) => {
    test("over one client for a server, which is closed again", async () => {
      const relay = await startRelay(mongo.url);
      try {
        const homes = provisioner(driver, {
          admin: `${relay.url}${site.shared.databaseName}`,
          collections: COLLECTIONS,
          migrate: ({ client }) => {
            expect(client).toBeInstanceOf(driver.MongoClient);
          },
        });
        const tenants = Array.from({ length: 6 }, () => newcomer(site.home()));
        await Promise.all(tenants.map((tenant) => homes.provision(tenant)));
        await homes.migrateAll(tenants, { concurrency: 3 });
        for (const { placement } of tenants)
          expect(await markOf(mongo.client.db(placement.name))).toMatchObject({ stage: "home" });
        expect(relay.open()).toBe(0);
      } finally {
        await relay.close();
      }
    });
  });
});
