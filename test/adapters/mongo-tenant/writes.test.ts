import type { Model } from "mongoose";
import mongoTenant, {
  type MongoTenantOptions,
  type TenantModel,
} from "partywall/adapters/mongo-tenant";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MONGOOSES } from "../../guards/mongodb/drivers.js";
import { describeMongo } from "../../support/mongo.js";
import { openTenantSite, type TenantSite } from "./site.js";

interface Item {
  n: number;
  tenantId?: string;
}

type Items = TenantModel<Model<Item>>;
// oxlint-disable-next-line typescript/no-explicit-any -- each is called on both majors, whose types differ
type Bound = any;

// Mongoose notes an _id in what it is given.
const foreign = () => ({ n: 1, tenantId: "bolt" });

/** What writes another tenant's value through a model that is bound to acme, where `n: 0` is acme's already. */
const WRITES: readonly (readonly [name: string, write: (items: Bound) => Promise<unknown>])[] = [
  ["create", (m) => m.create(foreign())],
  ["save", (m) => new m(foreign()).save()],
  ["save without validation", (m) => new m(foreign()).save({ validateBeforeSave: false })],
  ["insertMany", (m) => m.insertMany([foreign()])],
  ["insertMany of one", (m) => m.insertMany(foreign())],
  ["insertMany of documents", (m) => m.insertMany([new m(foreign())])],
  ["lean insertMany", (m) => m.insertMany([foreign()], { lean: true })],
  ["bulkSave", (m) => m.bulkSave([new m(foreign())])],
  ["bulkWrite insertOne", (m) => m.bulkWrite([{ insertOne: { document: foreign() } }])],
  [
    "bulkWrite updateOne",
    (m) => m.bulkWrite([{ updateOne: { filter: { n: 0 }, update: { $set: foreign() } } }]),
  ],
  [
    "bulkWrite replaceOne",
    (m) => m.bulkWrite([{ replaceOne: { filter: { n: 0 }, replacement: foreign() } }]),
  ],
  ["updateOne", (m) => m.updateOne({ n: 0 }, foreign())],
  ["updateMany by $set", (m) => m.updateMany({ n: 0 }, { $set: foreign() })],
  [
    "an upsert by $setOnInsert",
    (m) => m.updateOne({ n: 1 }, { $setOnInsert: { tenantId: "bolt" } }, { upsert: true }),
  ],
  ["findOneAndUpdate", (m) => m.findOneAndUpdate({ n: 0 }, foreign())],
  ["replaceOne", (m) => m.replaceOne({ n: 0 }, foreign())],
  ["findOneAndReplace", (m) => m.findOneAndReplace({ n: 0 }, foreign())],
  [
    "save of a document that was read",
    async (m) => {
      const item = await m.findOne({ n: 0 });
      item.set(foreign());
      await item.save();
    },
  ],
];

/** What takes the tenant away, which nothing asks for by mistake. */
const REMOVALS: typeof WRITES = [
  ["$unset", (m) => m.updateOne({ n: 0 }, { $unset: { tenantId: 1 } })],
  ["$rename", (m) => m.updateOne({ n: 0 }, { $rename: { tenantId: "was" } })],
  ["collection.insertOne", (m) => m.collection.insertOne({ ...foreign() })],
];

describeMongo("another tenant's value in what a bound model writes", (mongo) => {
  for (const [name, mongoose] of MONGOOSES) {
    describe(`of ${name}`, () => {
      let site: TenantSite;
      beforeEach(async () => {
        site = await openTenantSite(mongoose, mongo);
        await site.stored.collection("items").insertMany([
          { n: 0, tenantId: "acme" },
          { n: 1, tenantId: "bolt" },
        ]);
      });
      afterEach(() => site.pw.close());
      const itemsWith = (options: MongoTenantOptions): Items => {
        const schema = new site.mongoose.Schema<Item, Items>({ n: Number });
        schema.plugin(mongoTenant, options);
        return site.mongoose.model<Item, Items>("item", schema);
      };
      const stored = async () =>
        (await site.stored.collection<Item>("items").find().toArray())
          .map(({ n, tenantId }) => `${tenantId} ${n}`)
          .toSorted();

      for (const [write, run] of [...WRITES, ...REMOVALS])
        test(`${write} is refused`, async () => {
          await expect(run(itemsWith({}).byTenant("acme"))).rejects.toMatchObject({
            code: "PW_WRITE_MISMATCH",
          });
          expect(await stored()).toEqual(["acme 0", "bolt 1"]);
        });

      for (const [write, run] of WRITES)
        test(`${write} is overwritten where that is asked for`, async () => {
          await run(itemsWith({ overwriteTenantId: true }).byTenant("acme"));
          const after = await stored();
          expect(after).toContain("acme 1");
          expect(after.filter((one) => one.startsWith("bolt"))).toEqual(["bolt 1"]);
          expect(after.every((one) => /^(acme|bolt) /.test(one))).toBe(true);
        });

      for (const [write, run] of REMOVALS)
        test(`${write} is refused even then`, async () => {
          await expect(
            run(itemsWith({ overwriteTenantId: true }).byTenant("acme")),
          ).rejects.toMatchObject({ code: "PW_WRITE_MISMATCH" });
          expect(await stored()).toEqual(["acme 0", "bolt 1"]);
        });

      test("is refused of a model that is not bound, whatever was asked for", async () => {
        const Items = itemsWith({ overwriteTenantId: true });
        await expect(site.pw.run("acme", () => Items.create(foreign()))).rejects.toMatchObject({
          code: "PW_WRITE_MISMATCH",
        });
        await expect(
          site.pw.run("acme", () => Items.updateOne({ n: 0 }, { $set: foreign() })),
        ).rejects.toMatchObject({ code: "PW_WRITE_MISMATCH" });
        expect(await stored()).toEqual(["acme 0", "bolt 1"]);
      });

      test("and the caller's own objects are left as they were", async () => {
        const Bound = itemsWith({ overwriteTenantId: true }).byTenant("acme");
        const given = Object.freeze({ n: 2, tenantId: "bolt" });
        await Bound.insertMany([given]);
        await Bound.updateOne({ n: 2 }, { $set: given });
        expect(given).toEqual({ n: 2, tenantId: "bolt" });
      });

      test("all tenants' documents are written as they are in system scopes", async () => {
        const All = itemsWith({ overwriteTenantId: true }).allTenants();
        await site.inSystem(() => All.create({ n: 5, tenantId: "bolt" }));
        await site.inSystem(() => All.updateMany({}, { $inc: { n: 1 } }));
        expect(await stored()).toEqual(["acme 1", "bolt 2", "bolt 6"]);
      });
    });
  }
});
