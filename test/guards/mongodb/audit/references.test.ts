import * as mongodb from "mongodb";
import { type Db, ObjectId } from "mongodb";
import type { DocumentReference } from "partywall/guards/mongodb";
import { afterEach, beforeEach, expect, test } from "vitest";
import { describeMongo } from "../../../support/mongo.js";
import { openSite, type Site } from "../site.js";

describeMongo("the audit of references between documents", (mongo) => {
  let site: Site;
  let database: Db;
  beforeEach(async () => {
    database = mongo.database();
    site = await openSite(mongodb, mongo.url + database.databaseName);
  });
  afterEach(() => site.pw.close());

  const crossing = async (...references: DocumentReference[]) => {
    const { pw, guard, inSystem } = site;
    const audit = await inSystem(() =>
      guard.audit({ tenants: () => pw.tenants.all(), references }),
    );
    const own = <T extends { code: string }>(list: readonly T[]) =>
      list.filter(({ code }) => code === "reference-crosses-tenants");
    return { found: own(audit.findings), unseen: own(audit.unseen) };
  };
  const put = (collection: string, ...documents: object[]) =>
    database.collection<object>(collection).insertMany(documents);

  test("one that leads to another tenant's document is found, and gone when it is mended", async () => {
    const [mine, theirs, nowhere] = [new ObjectId(), new ObjectId(), new ObjectId()];
    await put("customers", { _id: mine, tenantId: site.a }, { _id: theirs, tenantId: site.b });
    await put(
      "orders",
      { tenantId: site.a, customer: mine },
      { tenantId: site.a, customer: nowhere },
      { tenantId: site.a, customer: null },
      { tenantId: site.a },
      { tenantId: site.b, customer: theirs },
      { customer: theirs },
    );
    const reference = { from: "orders.customer", to: "customers._id" };
    expect(await crossing(reference)).toEqual({ found: [], unseen: [] });
    const planted = { tenantId: site.a, customer: theirs };
    await put("orders", planted);
    const { found } = await crossing(reference);
    expect(found).toMatchObject([
      {
        severity: "high",
        object: `${database.databaseName}.orders.customer to customers._id`,
        why: expect.stringContaining("(1 reference)"),
      },
    ]);
    expect(JSON.stringify(found)).not.toContain(theirs.toHexString());
    await database.collection("orders").deleteOne(planted);
    expect(await crossing(reference)).toEqual({ found: [], unseen: [] });
  });

  test("lists, and lists of documents, are gone through on both sides", async () => {
    await put(
      "products",
      { tenantId: site.a, codes: ["p", "q"] },
      { tenantId: site.b, codes: ["r"] },
    );
    await put("orders", {
      tenantId: site.a,
      lines: [{ product: "p" }, { product: ["q", "r"] }, { other: 1 }, null],
    });
    const { found } = await crossing({ from: "orders.lines.product", to: "products.codes" });
    expect(found).toMatchObject([{ why: expect.stringContaining("(1 reference)") }]);
  });

  test("a value that each tenant has for itself does not cross, nor do numbers of different types", async () => {
    await put(
      "customers",
      { tenantId: site.a, number: 1 },
      { tenantId: site.b, number: 1 },
      { tenantId: site.b, number: new mongodb.Double(2) },
    );
    await put("orders", { tenantId: site.a, customer: 1 }, { tenantId: site.b, customer: 2 });
    const reference = { from: "orders.customer", to: "customers.number" };
    expect(await crossing(reference)).toEqual({ found: [], unseen: [] });
    await put("orders", { tenantId: site.a, customer: 2 });
    expect((await crossing(reference)).found).toHaveLength(1);
  });

  test("values that are documents are compared as a whole", async () => {
    const key = { country: "nl", number: 7 };
    await put("customers", { key, tenantId: site.b });
    await put("orders", { tenantId: site.b, customer: key });
    const reference = { from: "orders.customer", to: "customers.key" };
    expect((await crossing(reference)).found).toEqual([]);
    await put("orders", { tenantId: site.a, customer: key });
    expect((await crossing(reference)).found).toHaveLength(1);
  });

  test("more values than are looked up at once are all looked at", async () => {
    const customers = Array.from({ length: 2500 }, () => new ObjectId());
    await put("customers", ...customers.map((_id) => ({ _id, tenantId: site.a })));
    await put("orders", ...customers.map((customer) => ({ customer, tenantId: site.b })));
    const { found } = await crossing({ from: "orders.customer", to: "customers._id" });
    expect(found).toMatchObject([{ why: expect.stringContaining("(2500 references)") }]);
  });

  test("a reference to a shared collection, or from one, has no tenant to differ", async () => {
    const plan = new ObjectId();
    await put("plans", { _id: plan, tenantId: site.b });
    await put("orders", { tenantId: site.a, plan });
    expect(await crossing({ from: "orders.plan", to: "plans._id" })).toEqual({
      found: [],
      unseen: [],
    });
  });

  test("a collection that there is not is no clean bill, and what is no reference is refused", async () => {
    await put("orders", { tenantId: site.a });
    const { found, unseen } = await crossing({ from: "orders.customer", to: "custmers._id" });
    expect(found).toEqual([]);
    expect(unseen).toMatchObject([{ why: "there is no such collection" }]);
    for (const from of ["orders", "", ".a", "orders.", "orders.a..b", "orders.$where"]) {
      await expect(crossing({ from, to: "customers._id" })).rejects.toMatchObject({
        code: "PW_CONFIG",
      });
    }
  });

  test("a collection with a dot in its name is given apart", async () => {
    const file = new ObjectId();
    await put("fs.files", { _id: file, tenantId: site.b });
    await put("fs.chunks", { files_id: file, tenantId: site.a });
    const { found } = await crossing({
      from: { collection: "fs.chunks", path: "files_id" },
      to: { collection: "fs.files", path: "_id" },
    });
    expect(found).toHaveLength(1);
  });
});
