import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { describeMongo } from "../../support/mongo.js";
import { DRIVERS } from "./drivers.js";
import { startRelay, type Relay } from "./relay.js";
import { openSite, type Order, type Site } from "./site.js";

describeMongo("an operation goes where its scope lives", (mongo) => {
  for (const [name, driver] of DRIVERS) {
    describe(`with ${name}`, () => {
      let site: Site;
      let names: { home: string; own: string; far: string; farOwn: string };
      let app: Relay;
      let system: Relay;
      let far: Relay;
      const stored = (database: string) => mongo.client.db(database).collection<Order>("orders");

      beforeEach(async () => {
        [app, system, far] = await Promise.all([
          startRelay(mongo.url),
          startRelay(mongo.url),
          startRelay(mongo.url),
        ]);
        const database = () => mongo.database().databaseName;
        names = { home: database(), own: database(), far: database(), farOwn: database() };
        site = await openSite(driver, app.url + names.home, {
          system: system.url + names.home,
          servers: { far: { app: far.url + names.far } },
        });
      });
      afterEach(async () => {
        await site.pw.close();
        await Promise.all([app.close(), system.close(), far.close()]);
      });

      test("in a system scope over the system login's connections, unscoped", async () => {
        const { orders, inA, inB, inSystem } = site;
        await inA(() => orders.insertOne({ n: 1 }));
        await inB(() => orders.insertOne({ n: 2 }));
        const before = app.sent("find");
        expect(await inSystem(() => orders.find({}, { batchSize: 1 }).toArray())).toHaveLength(2);
        expect([system.sent("find"), app.sent("find")]).toEqual([1, before]);
        expect(system.sent("getMore")).toBeGreaterThan(0);
      });

      test("into the tenant's own database, under the name the application has for its own", async () => {
        const { pw, orders, guard, inA } = site;
        const placement = { strategy: "database", name: names.own } as const;
        const { id } = await pw.tenants.create({ slug: "own", name: "Own", placement });
        await inA(() => orders.insertOne({ n: 1 }));
        await pw.run(id, async () => {
          await orders.insertMany([{ n: 2 }, { n: 3 }, { n: 4 }]);
          expect(await orders.find({}, { batchSize: 1 }).toArray()).toHaveLength(3);
          await orders.bulkWrite([{ deleteOne: { filter: { n: 4 } } }]);
          for (const foreign of [names.far, "pw_elsewhere"])
            await expect(
              guard.client.db(foreign).collection("orders").findOne(),
            ).rejects.toMatchObject({ code: "PW_STATEMENT_REFUSED" });
        });
        const own = await stored(names.own).find().sort({ n: 1 }).toArray();
        expect(own.map(({ n, tenantId }) => [n, tenantId])).toEqual([
          [2, undefined],
          [3, undefined],
        ]);
        expect(await stored(names.home).countDocuments()).toBe(1);
        await expect(
          inA(() => guard.client.db(names.own).collection("orders").find().toArray()),
        ).rejects.toMatchObject({ code: "PW_STATEMENT_REFUSED" });
      });

      test("to another server, by row and in a database of its own", async () => {
        const { pw, orders, inA } = site;
        const row = await pw.tenants.create({
          slug: "row",
          name: "Row",
          placement: { strategy: "row", server: "far" },
        });
        const own = await pw.tenants.create({
          slug: "own",
          name: "Own",
          placement: { strategy: "database", server: "far", name: names.farOwn },
        });
        await Promise.all([
          inA(() => orders.insertOne({ n: 1 })),
          pw.run(row.id, () => orders.insertOne({ n: 2 })),
          pw.run(own.id, () => orders.insertOne({ n: 3 })),
        ]);
        expect([app.sent("insert"), far.sent("insert")]).toEqual([1, 2]);
        expect(await stored(names.home).distinct("n")).toEqual([1]);
        expect(await stored(names.far).find().toArray()).toMatchObject([
          { n: 2, tenantId: row.id },
        ]);
        expect(await stored(names.farOwn).distinct("n")).toEqual([3]);
        expect(
          await pw.run(row.id, () => orders.find({}, { batchSize: 1 }).toArray()),
        ).toHaveLength(1);
      });

      test("and nowhere once it was moved, in scopes that were open", async () => {
        const { guard, orders, inA, a } = site;
        await inA(async () => {
          await orders.insertOne({ n: 1 });
          await guard.expel({ id: a, placement: { strategy: "row" } });
          await guard.admit({ id: a, placement: { strategy: "database", name: names.own } });
          await expect(orders.insertOne({ n: 2 })).rejects.toMatchObject({
            code: "PW_PLACEMENT_STALE",
          });
        });
        expect(await stored(names.home).countDocuments()).toBe(1);
      });

      test("and not at all where the guard has no such login", async () => {
        const { pw, orders } = site;
        await expect(
          pw.system({ reason: "a test", server: "far" }, () => orders.findOne()),
        ).rejects.toMatchObject({ code: "PW_CONFIG" });
      });
    });
  }
});
