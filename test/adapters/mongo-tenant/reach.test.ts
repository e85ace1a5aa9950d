import type { Model } from "mongoose";
import mongoTenant, { type TenantModel } from "partywall/adapters/mongo-tenant";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MONGOOSES } from "../../guards/mongodb/drivers.js";
import { describeMongo } from "../../support/mongo.js";
import { openTenantSite, type TenantSite } from "./site.js";

interface Item {
  n: number;
  tenantId?: string;
}

type Items = TenantModel<Model<Item>>;

describeMongo("what a bound model reaches besides", (mongo) => {
  for (const [name, mongoose] of MONGOOSES) {
    describe(`of ${name}`, () => {
      let site: TenantSite;
      let Items: Items;
      let sent: Record<string, unknown>[];
      beforeEach(async () => {
        site = await openTenantSite(mongoose, mongo, { clientOptions: { monitorCommands: true } });
        sent = [];
        site.guard.client.on("commandStarted", ({ command }) => void sent.push(command));
        const schema = new site.mongoose.Schema<Item, Items>({ n: Number });
        schema.plugin(mongoTenant, { requireTenantId: true });
        Items = site.mongoose.model<Item, Items>("item", schema);
      });
      afterEach(() => site.pw.close());

      const opened = () => sent.find(({ aggregate }) => aggregate === "items");
      const everywhere: [string, (fn: () => unknown) => Promise<unknown>][] = [
        ["outside any scope", async (fn) => fn()],
        ["in a system scope", (fn) => site.inSystem(fn)],
      ];

      // Neither server has change streams: what is asserted is the command that was sent.
      for (const [where, within] of everywhere)
        for (const how of ["next", "on", "collection"] as const)
          test(`a change stream read by ${how} ${where} is the tenant's`, async () => {
            const Bound = Items.byTenant("acme");
            await within(async () => {
              const stream = how === "collection" ? Bound.collection.watch() : Bound.watch();
              const failed = new Promise((settle) => void stream.on("error", settle));
              if (how === "on") stream.on("change", () => undefined);
              else await (stream.next() as Promise<unknown>).catch(() => undefined);
              await expect.poll(opened).toBeDefined();
              if (how === "on") await failed;
              await stream.close().catch(() => undefined);
            });
            const [first, second] = opened()!["pipeline"] as Record<string, unknown>[];
            expect(first).toHaveProperty("$changeStream");
            expect(JSON.stringify(second)).toContain('"acme"');
          });

      mongo.testNeeding(
        "changeStreams",
        "a change stream sees the tenant's changes",
        seesItsChanges,
      );
      async function seesItsChanges() {
        const stream = Items.byTenant("acme").watch();
        const change = stream.next() as Promise<{ fullDocument: Item }>;
        await expect.poll(opened).toBeDefined();
        await Items.byTenant("bolt").create({ n: 1 });
        await Items.byTenant("acme").create({ n: 2 });
        expect((await change).fullDocument).toMatchObject({ n: 2, tenantId: "acme" });
        await stream.close();
      }

      mongo.testNeeding(
        "lookupPipeline",
        "a $lookup finds the tenant's documents only",
        joinsItsOwn,
      );
      async function joinsItsOwn() {
        await Items.byTenant("acme").create({ n: 1 });
        await Items.byTenant("bolt").create({ n: 2 });
        const found = await Items.byTenant("acme").aggregate<{ all: Item[] }>([
          { $lookup: { from: "items", pipeline: [], as: "all" } },
        ]);
        expect(found.map(({ all }) => all.map(({ n }) => n))).toEqual([[1]]);
      }

      mongo.testNeeding(
        "transactions",
        "a session of a bound model is the tenant's",
        keepsItsSession,
      );
      async function keepsItsSession() {
        const Bound = Items.byTenant("acme");
        await Bound.create({ n: 1 });
        const session = await site.inSystem(() => Bound.startSession());
        await session.withTransaction(() => Bound.create([{ n: 2 }], { session }));
        await session.endSession();
        expect(await Bound.distinct("n")).toEqual([1, 2]);
      }

      test("a tenant in a database of its own has its documents there, without a tenant", async () => {
        const own = mongo.database();
        await site.pw.tenants.create({
          id: "cove",
          slug: "cove",
          name: "Cove",
          placement: { strategy: "database", name: own.databaseName },
        });
        const Bound = Items.byTenant("cove");
        const item = await Bound.create({ n: 1 });
        expect(Bound.getTenantId()).toBe("cove");
        expect(item).toMatchObject({ hasTenantContext: true });
        item.n = 2;
        await item.save();
        const [stored, ...others] = await own.collection("items").find({}).toArray();
        expect(stored).toMatchObject({ n: 2, __v: 0 });
        expect(Object.keys(stored!)).not.toContain("tenantId");
        expect(others).toEqual([]);
        expect(await Items.byTenant("acme").find()).toEqual([]);
      });

      test("40 tenants at once, by two connections, each find their own", async () => {
        const ids = Array.from({ length: 40 }, (_, n) => `t${n}`);
        for (const id of ids) await site.pw.tenants.create({ id, slug: id, name: id });
        await Promise.all(
          ids.map(async (id, n) => {
            const Bound = Items.byTenant(id);
            const query = Bound.find();
            await Promise.all([Bound.create({ n }), new Bound({ n: n + 100 }).save()]);
            expect((await query).map((item) => item.n).toSorted((x, y) => x - y)).toEqual([
              n,
              n + 100,
            ]);
          }),
        );
        const all = await site.stored.collection<Item>("items").find().toArray();
        expect(all).toHaveLength(80);
        expect(all.filter(({ n, tenantId }) => tenantId !== `t${n % 100}`)).toEqual([]);
      });

      test("a scope of another realm is nobody's", async () => {
        const other = await openTenantSite(mongoose, mongo);
        try {
          const Bound = Items.byTenant("acme");
          await other.pw.run("bolt", () => Bound.create({ n: 1 }));
          expect(await site.stored.collection("items").distinct("tenantId")).toEqual(["acme"]);
          expect(await other.stored.collection("items").countDocuments()).toBe(0);
        } finally {
          await other.pw.close();
        }
      });
    });
  }
});
