import { afterEach, beforeEach, expect, test } from "vitest";
import * as mongodb from "mongodb";
import { compareTenant, eraseTenant, importTenant, scanTenant } from "partywall/tenants/mongodb";
import { startMongoListener, type MongoListener } from "../../support/mongo-listener.js";
import { archived, refusal, source } from "./grounds.js";

let listener: MongoListener;
let client: mongodb.MongoClient;
beforeEach(async () => {
  listener = await startMongoListener();
  client = new mongodb.MongoClient(`${listener.url}?readPreference=secondaryPreferred&w=1`);
});
afterEach(async () => {
  await client.close();
  await listener.close();
});

const at = () =>
  ({ client, bson: mongodb.BSON, strategy: "row", database: "shop", tenantId: "acme" }) as const;
const listed = (...collections: { name: string; type: string; options?: object }[]) =>
  listener.answerNext("listCollections", {
    ok: 1,
    cursor: { id: mongodb.Long.ZERO, ns: "shop.$cmd", firstBatch: collections },
  });
const named = (name: string) => listener.commands().filter((command) => name in command);

// Under a collation that knows no case `$eq` finds ACME's documents too; `$regex` knows no collation.
const THEIRS = { $eq: "acme", $regex: String.raw`^acme\z` };

test("what is read is the tenant's byte for byte, whatever the collation, and of the primary", async () => {
  listed({ name: "orders", type: "collection" });
  await archived(at());
  const finds = named("find");
  expect(finds.length).toBeGreaterThan(0);
  for (const { filter } of finds) expect(filter).toMatchObject({ tenantId: THEIRS });
  const counts = named("aggregate");
  expect(counts).toHaveLength(2);
  for (const { pipeline } of counts) expect(pipeline[0]).toEqual({ $match: { tenantId: THEIRS } });
  for (const command of [...finds, ...counts]) {
    expect(command["$readPreference"]?.mode ?? "primary").toMatch(/^primary/);
  }
});

test("what is deleted is the tenant's alone, and no list in which it is", async () => {
  listed({ name: "orders", type: "collection" });
  const found = { _id: 7, tenantId: "acme" };
  const batch = (...firstBatch: object[]) => ({
    ok: 1,
    cursor: { id: mongodb.Long.ZERO, ns: "shop.orders", firstBatch },
  });
  listener.answerNext("find", batch());
  listener.answerNext("find", batch(found));
  const record = { id: "acme", slug: "acme", status: "deleted" } as const;
  await eraseTenant(at(), { record, confirm: "acme" });
  const [{ deletes, writeConcern } = {}] = named("delete");
  expect(deletes).toMatchObject([
    { q: { _id: { $in: [7] }, tenantId: { ...THEIRS, $not: { $type: "array" } } }, limit: 0 },
  ]);
  expect(writeConcern).toEqual({ w: "majority" });
});

test("a document that the server gives by mistake is not taken for the tenant's", async () => {
  for (const wrong of ["ACME", "acme ", ["acme"], null, 7]) {
    listed({ name: "orders", type: "collection" });
    const document = { _id: 1, tenantId: wrong };
    const cursor = { id: mongodb.Long.ZERO, ns: "shop.orders", firstBatch: [document] };
    listener.answerNext("find", { ok: 1, cursor: { ...cursor, firstBatch: [] } });
    listener.answerNext("find", { ok: 1, cursor });
    expect(await refusal(archived(at()))).toMatch(/not belong to this tenant alone/);
  }
});

test("views are left out, and a time series is refused, by their names", async () => {
  const views = { name: "totals", type: "view" };
  listed(views, { name: "orders", type: "collection" });
  expect(await archived(at())).not.toContain("totals");
  listed({ name: "readings", type: "timeseries" });
  expect(await refusal(archived(at()))).toMatch(
    /^PW_TENANT_DATA_REFUSED: readings is a time series/,
  );
  listed(views);
  expect(await refusal(archived({ ...at(), collections: ["totals"] }))).toMatch(/totals is named/);
  listed({ name: "orders", type: "collection" });
  const text = await archived(at());
  const capped = { name: "orders", type: "collection", options: { capped: true } };
  listed(capped);
  expect(await refusal(importTenant(at(), source(text)))).toMatch(/orders is capped here/);
  listed(views);
  const into = source(text.replace('"orders"', '"totals"'));
  expect(await refusal(importTenant(at(), into))).toMatch(/totals is a view here/);
  expect(named("insert").every(({ insert }) => insert === "partywall.tenant-data")).toBe(true);
});

test("premises that contradict themselves send nothing", async () => {
  const wrong = [
    { strategy: "schema" },
    { tenantId: "" },
    { database: "admin" },
    { database: "" },
    { bson: {} },
    { client: {} },
    { strategy: "database", tenantValue: "acme" },
    { collections: [""] },
    { shared: [1] },
  ];
  for (const more of wrong) {
    const premises = { ...at(), ...more } as never;
    const record = { id: "acme", slug: "acme", status: "deleted" } as const;
    for (const call of [
      () => archived(premises),
      () => importTenant(premises, source("")),
      () => compareTenant(premises, at()),
      () => compareTenant(at(), premises),
      () => scanTenant(premises),
      () => eraseTenant(premises, { record, confirm: "acme" }),
    ]) {
      expect(await refusal(call())).toMatch(/^PW_TENANT_DATA_REFUSED: /);
    }
  }
  expect(listener.commands()).toEqual([]);
});
