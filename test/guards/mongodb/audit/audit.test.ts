import type { Db } from "mongodb";
import * as mongodb from "mongodb";
import { mongoMendingScript, type MongoAuditOptions } from "partywall/guards/mongodb";
import { ownershipMark } from "partywall/tenants/mongodb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { describeMongo } from "../../../support/mongo.js";
import { openSite, type Site } from "../site.js";
import { HOLES, type Hole } from "./holes.js";
import { mend } from "./mend.js";

describeMongo("the audit of MongoDB", (mongo) => {
  let site: Site;
  let database: Db;
  beforeEach(async () => {
    database = mongo.database();
    site = await openSite(mongodb, mongo.url + database.databaseName);
    await site.pw.central(async () => {
      await site.orders.createIndex({ email: 1, n: 1 }, { unique: true });
    });
    await site.inA(() => site.orders.insertMany([{ n: 1 }, { n: 2 }]));
    await site.inB(() => site.orders.insertOne({ n: 1 }));
    await database.collection("plans").insertOne({ name: "basic" });
    await database.collection("plans").createIndex({ name: 1 }, { unique: true });
  });
  afterEach(() => site.pw.close());

  const audit = (options: MongoAuditOptions = {}) => {
    const { pw, guard, inSystem } = site;
    return inSystem(() => guard.audit({ tenants: () => pw.tenants.all(), ...options }));
  };
  const findings = async (options?: MongoAuditOptions) => (await audit(options)).findings;

  test("finds nothing where the guard wrote, and says what it could not look at", async () => {
    const { findings: found, unseen, database: name, login } = await audit();
    // A database of the tests has no validator.
    const upkeep = found.filter(({ code }) => code !== "validator-missing");
    expect({ upkeep, name, login }).toEqual({
      upkeep: [],
      name: database.databaseName,
      login: "",
    });
    expect(unseen.map(({ code }) => code)).toContain("connection-unguarded");
    if (mongo.engine === "mongod") return;
    expect(unseen).toContainEqual({
      code: "validator-missing",
      severity: "low",
      object: "validators",
      why: "whether this server has them is not known",
    });
  });

  const expectFoundAndMended = async (hole: Hole) => {
    const { code } = hole;
    const before = await findings();
    await hole.open(database, site);
    const found = (await findings()).filter(
      (one) => !before.some(({ code: c, object }) => c === one.code && object === one.object),
    );
    expect(found.map((one) => `${one.code} ${one.object}`)).toEqual([
      `${code} ${hole.object.replace("$db", database.databaseName)}`,
    ]);
    expect(JSON.stringify(found)).not.toMatch(/\{(object|detail)\}/);
    expect(JSON.stringify(found)).not.toContain(site.a);
    if (hole.mend === undefined) {
      expect(found[0]?.mongosh).toBeDefined();
      await mend(mongo.client, mongoMendingScript(found));
    } else {
      expect(found[0]?.mongosh).toBeUndefined();
      await hole.mend(database);
    }
    const left = await findings();
    expect(left.filter((one) => one.code === code)).toEqual(
      before.filter((one) => one.code === code),
    );
  };

  describe("finds, and is content when it is mended:", () => {
    test.each(HOLES.filter(({ needs }) => needs === undefined))("$code: $plant", async (hole) =>
      expectFoundAndMended(hole),
    );
    for (const hole of HOLES) {
      const { code, plant, needs } = hole;
      if (needs === undefined) continue;
      mongo.testNeeding(needs, `${code}: ${plant}`, () => expectFoundAndMended(hole));
    }
  });

  test("of tenants that are not told it finds what names none, but not who is unknown", async () => {
    const all = database.collection("orders");
    await all.insertMany([{ tenantId: "nobody" }, { tenantId: ["a", "b"] }, { tenantId: 7 }, {}]);
    const { guard, inSystem } = site;
    const found = (await inSystem(() => guard.audit())).findings;
    expect(
      found.filter(({ object }) => object.endsWith(".orders")).map(({ code }) => code),
    ).toEqual(["document-of-several-tenants", "document-tenant-type", "document-without-tenant"]);
  });

  test("where tenants are too many to be named in a command, all documents are read", async () => {
    const all = database.collection("orders");
    await all.insertMany([{ tenantId: "nobody" }, { tenantId: "crowd-7" }, {}]);
    const placement = { strategy: "row" } as const;
    const tenants = async function* () {
      yield* site.pw.tenants.all();
      const one = { slug: "s", name: "n", status: "active", fields: {}, placement } as const;
      for (let n = 0; n < 50_001; n += 1) yield { ...one, id: `crowd-${n}` };
    };
    expect((await findings({ tenants })).map(({ code, why }) => `${code}: ${why}`)).toEqual([
      expect.stringMatching(/^document-of-unknown-tenant: .*\(1 document\)/),
      expect.stringMatching(/^document-without-tenant: .*\(1 document\)/),
    ]);
  });

  test("a tenant that is created while it reads is none that is unknown", async () => {
    const all = database.collection("orders");
    await all.insertMany([{ tenantId: "late" }, { tenantId: "nobody" }]);
    let asked = 0;
    const found = await findings({
      tenants: async function* () {
        yield* site.pw.tenants.all();
        asked += 1;
        if (asked > 2) yield { ...(await site.pw.tenants.get(site.a)), id: "late" };
      },
    });
    expect(found).toMatchObject([
      { code: "document-of-unknown-tenant", why: expect.stringContaining("(1 document)") },
    ]);
  });

  test("a sample is drawn where the server can, and said to be one", async () => {
    await database.collection("orders").insertOne({});
    const { findings: found, unseen } = await audit({ sample: 100 });
    if (mongo.engine === "ferretdb") {
      expect(found).toEqual([]);
      expect(unseen).toContainEqual(
        expect.objectContaining({
          code: "document-without-tenant",
          object: `${database.databaseName}.orders`,
          why: "the server answered NotImplemented",
        }),
      );
      return;
    }
    expect(found).toMatchObject([
      { why: expect.stringContaining("1 document of a sample of 100") },
    ]);
    await expect(audit({ sample: 0 })).rejects.toMatchObject({ code: "PW_CONFIG" });
  });

  test("a tenant's own database is searched for documents of others", async () => {
    const own = mongo.database();
    const { pw, inSystem, guard } = site;
    const placement = { strategy: "database", name: own.databaseName } as const;
    const c = await pw.tenants.create({ slug: "core", name: "Core", placement });
    await pw.run(c.id, () => guard.client.db().collection("orders").insertOne({ n: 1 }));
    expect(await findings()).toMatchObject([{ code: "home-unmarked", object: own.databaseName }]);
    const { collection, document } = ownershipMark({ tenantId: c.id, realm: pw.realm });
    await own.collection<{ _id: string }>(collection).insertOne(document);
    const mine = own.collection("orders");
    await mine.insertMany([{ tenantId: c.id }, { tenantId: "a word of the application's own" }]);
    await mine.createIndex({ email: 1 });
    expect(await findings()).toEqual([]);
    await mine.insertOne({ tenantId: site.b });
    expect(await findings()).toMatchObject([
      { code: "document-in-foreign-home", object: `${own.databaseName}.orders` },
    ]);
    await inSystem(() =>
      guard.client.db(own.databaseName).collection("orders").deleteOne({ tenantId: site.b }),
    );
    expect(await findings()).toEqual([]);
  });

  test("a tenant's own database that is another's too is found", async () => {
    const own = mongo.database();
    const { pw } = site;
    const placed = (name: string) => ({ strategy: "database", name }) as const;
    const c = await pw.tenants.create({
      slug: "core",
      name: "C",
      placement: placed(own.databaseName),
    });
    const marks = own.collection<{ _id: string }>("partywall.home");
    const mark = async (tenantId: string, realm: string) => {
      const { document } = ownershipMark({ tenantId, realm });
      await marks.replaceOne({ _id: document._id }, document, { upsert: true });
      return (await findings()).map(({ code, object, why }) => [code, object, why]);
    };
    const another = (why: string, name = own.databaseName) => [
      ["home-of-another", name, expect.stringContaining(why)],
    ];
    expect(await mark(site.a, pw.realm)).toEqual(another("is marked as another one's"));
    expect(await mark(c.id, "another")).toEqual(another("is marked as another one's"));
    expect(await mark(c.id, pw.realm)).toEqual([]);
    const d = await pw.tenants.create({
      slug: "dune",
      name: "D",
      placement: placed(own.databaseName),
    });
    expect(await mark(c.id, pw.realm)).toEqual(another("to another one too"));
    await pw.tenants.delete(d.id);
    const home = database.databaseName;
    await pw.tenants.create({ slug: "even", name: "E", placement: placed(home) });
    const found = await findings();
    expect(found.find(({ object }) => object === home)).toMatchObject({
      code: "home-of-another",
      why: expect.stringContaining("tenants share its collections"),
    });
  });

  test("further servers are looked at under their names", async () => {
    const [near, far] = [mongo.database(), mongo.database()];
    const url = (one: Db) => mongo.url + one.databaseName;
    const eu = { app: url(far), system: url(far) };
    const two = await openSite(mongodb, url(near), { servers: { eu } });
    await far.collection("orders").insertOne({});
    const { findings: found } = await two.inSystem(() => two.guard.audit());
    expect(found).toMatchObject([
      { code: "document-without-tenant", object: `eu: ${far.databaseName}.orders` },
    ]);
    await two.pw.close();
  });

  test("further databases that tenants share are looked at", async () => {
    const further = mongo.database();
    const two = await openSite(mongodb, mongo.url + database.databaseName, {
      databases: [further.databaseName],
    });
    await further.collection("orders").insertOne({});
    const { findings: found } = await two.inSystem(() => two.guard.audit());
    expect(found.map(({ object }) => object)).toEqual([`${further.databaseName}.orders`]);
    await two.pw.close();
  });

  const mendsNamesThatLookLikeCode = async () => {
    const name = `a"); db.dropDatabase(); //\n\u2028 {object}`;
    await database.collection(name).createIndex({ email: 1 }, { unique: true, name });
    const found = await findings();
    expect(found).toMatchObject([{ code: "unique-index-without-tenant" }]);
    await mend(mongo.client, mongoMendingScript(found));
    expect(await findings()).toEqual([]);
    expect(await database.collection("orders").countDocuments()).toBe(3);
  };
  mongo.testNeeding(
    "quotedNames",
    "a name that looks like code is mended, and never run",
    mendsNamesThatLookLikeCode,
  );

  test("a server without a system login cannot be looked at, and says so", async () => {
    const two = await openSite(mongodb, mongo.url + database.databaseName, { system: undefined });
    await expect(two.inSystem(() => two.guard.audit())).rejects.toMatchObject({
      code: "PW_CONFIG",
    });
    await two.pw.close();
  });

  test("is refused outside a system scope, and reads nothing", async () => {
    const { guard, inA, pw } = site;
    const refused = { code: "PW_STATEMENT_REFUSED" };
    await expect(guard.audit()).rejects.toMatchObject(refused);
    await expect(inA(() => guard.audit())).rejects.toMatchObject(refused);
    await expect(pw.central(() => guard.audit())).rejects.toMatchObject(refused);
  });
});
