import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { describeMongo } from "../../support/mongo.js";
import { DRIVERS } from "./drivers.js";
import { openSite, type Site } from "./site.js";

describeMongo("a refusal passes through the driver", (mongo) => {
  for (const [name, driver] of DRIVERS) {
    describe(`with ${name}`, () => {
      let site: Site;
      beforeEach(async () => {
        site = await openSite(driver, mongo.url + mongo.database().databaseName, {
          clientOptions: { maxPoolSize: 1 },
        });
      });
      afterEach(() => site.pw.close());

      test("as it is, and nothing is retried, cleared or given up", async () => {
        const { orders, inA, guard } = site;
        await inA(() => orders.insertOne({ n: 1 }));
        const events: string[] = [];
        for (const event of [
          "connectionPoolCleared",
          "connectionClosed",
          "serverDescriptionChanged",
        ] as const)
          guard.client.on(event, () => void events.push(event));
        const foreign = { n: 2, tenantId: "another" };
        const failed = await inA(() => orders.insertOne(foreign)).catch((error: unknown) => error);
        expect(failed).toMatchObject({
          name: "PartywallError",
          code: "PW_WRITE_MISMATCH",
          status: 403,
        });
        await expect(
          inA(() => guard.client.db().command({ dropDatabase: 1 })),
        ).rejects.toMatchObject({ code: "PW_STATEMENT_REFUSED" });
        expect(events).toEqual([]);
        expect(await inA(() => orders.countDocuments())).toBe(1);
      });

      test("with its code where the driver makes a bulk error of it, and itself as the cause", async () => {
        const { orders, inA, denied } = site;
        const foreign = { insertOne: { document: { n: 2, tenantId: "another" } } };
        const failed = await inA(() => orders.bulkWrite([foreign])).catch(
          (error: unknown) => error,
        );
        expect(failed).toMatchObject({
          name: "MongoBulkWriteError",
          code: "PW_WRITE_MISMATCH",
          cause: { code: "PW_WRITE_MISMATCH" },
        });
        expect(denied).toContain("PW_WRITE_MISMATCH");
        const outside = await orders.bulkWrite([foreign]).catch((error: unknown) => error);
        expect(outside).toMatchObject({ code: "PW_NO_SCOPE" });
      });

      test("a tenant's collection in a central scope, a shared one written outside a system scope", async () => {
        const { orders, pw, inA, inSystem, guard } = site;
        const plans = guard.client.db().collection("plans");
        await inSystem(() => plans.insertOne({ name: "free" }));
        await expect(pw.central(() => orders.findOne())).rejects.toMatchObject({
          code: "PW_CENTRAL_SCOPE",
        });
        expect(await pw.central(() => plans.countDocuments())).toBe(1);
        expect(await inA(() => plans.countDocuments())).toBe(1);
        await expect(inA(() => plans.deleteMany({}))).rejects.toMatchObject({
          code: "PW_STATEMENT_REFUSED",
        });
      });

      test("a database that is not the tenants'", async () => {
        const { inA, guard } = site;
        const elsewhere = guard.client.db("pw_elsewhere").collection("orders");
        for (const call of [
          () => elsewhere.countDocuments(),
          () => elsewhere.deleteMany({}).then(() => 0),
        ])
          await expect(inA(call)).rejects.toMatchObject({ code: "PW_STATEMENT_REFUSED" });
      });

      test("what a client-level bulk write names elsewhere", async () => {
        const { inA, guard } = site;
        const command = {
          bulkWrite: 1,
          ops: [{ insert: 0, document: { n: 1 } }],
          nsInfo: [{ ns: "pw_elsewhere.orders" }],
        };
        await expect(inA(() => guard.client.db("admin").command(command))).rejects.toMatchObject({
          code: "PW_STATEMENT_REFUSED",
        });
      });
    });
  }
});
