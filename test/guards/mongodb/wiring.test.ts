import { createPartywall } from "partywall";
import { guardMongo, type GuardMongoOptions } from "partywall/guards/mongodb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { describeMongo } from "../../support/mongo.js";
import { DRIVERS } from "./drivers.js";
import { startRelay } from "./relay.js";
import { openSite, type Site } from "./site.js";

const NOWHERE = "mongodb://127.0.0.1:1/nowhere";

for (const [name, driver] of DRIVERS) {
  describe(`${name} is guarded, or refused`, () => {
    test("the client is the caller's own, and opens nothing when it is made", async () => {
      const { client, MongoClient } = guardMongo(driver, { app: NOWHERE });
      expect(client).toBeInstanceOf(driver.MongoClient);
      expect(client.constructor.name).toBe("MongoClient");
      expect(new MongoClient(NOWHERE)).toBeInstanceOf(driver.MongoClient);
      expect((client as unknown as { topology: unknown }).topology).toBeUndefined();
      await client.close();
    });

    test("a missing login is told when it is first needed", async () => {
      const guard = guardMongo(driver, { app: undefined });
      const pw = createPartywall({ realm: "mongo-unconfigured", mongodb: guard });
      await expect(pw.central(() => guard.client.db().command({ ping: 1 }))).rejects.toMatchObject({
        code: "PW_CONFIG",
      });
      await pw.close();
    });

    test("automatic encryption is refused, at once and later", () => {
      const guard = guardMongo(driver, { app: NOWHERE });
      const autoEncryption = { keyVaultNamespace: "keys.keys", kmsProviders: {} };
      expect(() => new guard.MongoClient(NOWHERE, { autoEncryption })).toThrow(
        expect.objectContaining({ code: "PW_CONFIG" }),
      );
      expect(() => {
        (guard.client.options as unknown as { autoEncrypter: unknown }).autoEncrypter = {};
      }).toThrow(expect.objectContaining({ code: "PW_CONFIG" }));
    });

    test("load balancers are refused", () => {
      const guard = guardMongo(driver, { app: NOWHERE });
      expect(() => new guard.MongoClient(`${NOWHERE}?loadBalanced=true`)).toThrow(
        expect.objectContaining({ code: "PW_CONFIG" }),
      );
    });

    test("a driver whose inner parts are not as they were read is refused", () => {
      const internals = { connection: { Connection: Map }, commands: {} };
      expect(() => guardMongo(driver, { app: NOWHERE, internals })).toThrow(
        expect.objectContaining({
          code: "PW_CONFIG",
          message: expect.stringContaining("prepareCommand"),
        }),
      );
      class MongoClient extends driver.MongoClient {}
      expect(() => guardMongo({ ...driver, MongoClient }, { app: NOWHERE })).toThrow(
        expect.objectContaining({
          code: "PW_CONFIG",
          message: expect.stringContaining("internals"),
        }),
      );
    });

    test("a tenant is not placed where MongoDB has no place", async () => {
      const guard = guardMongo(driver, { app: NOWHERE });
      for (const placement of [
        { strategy: "schema", name: "acme" },
        { strategy: "database" },
        { strategy: "database", name: "admin" },
        { strategy: "database", name: "acme", secret: "its own" },
        { strategy: "row", server: "mars" },
      ] as const) {
        await expect(guard.admit({ id: "acme", placement })).rejects.toMatchObject({
          code: "PW_PLACEMENT",
        });
      }
    });
  });
}

describeMongo("the guard proves that it is in the way", (mongo) => {
  for (const [name, driver] of DRIVERS) {
    describe(`of ${name}`, () => {
      let site: Site;
      beforeEach(async () => {
        site = await openSite(driver, mongo.url + mongo.database().databaseName);
      });
      afterEach(() => site.pw.close());

      test("when it is ready, and of a client in the caller's hands", async () => {
        const { pw, guard, inA } = site;
        await expect(pw.ready()).resolves.toBeUndefined();
        const ping = (command: object) => guard.client.db().command(command);
        await guard.assertWired(ping);
        await inA(() => guard.assertWired(ping));
      });

      test("at the first use of a client, before anything else is sent, and once", async () => {
        const relay = await startRelay(mongo.url);
        const proved = await openSite(driver, relay.url + mongo.database().databaseName);
        try {
          await proved.inA(() => proved.orders.findOne());
          await proved.inA(() => proved.orders.findOne());
          expect([relay.sent("ping"), relay.sent("find")]).toEqual([1, 2]);
        } finally {
          await proved.pw.close();
          await relay.close();
        }
      });

      test("of every login of every server, when it is ready", async () => {
        const url = mongo.url + mongo.database().databaseName;
        const unreachable = `${NOWHERE}?serverSelectionTimeoutMS=200`;
        const ready = async (options: Partial<GuardMongoOptions>) => {
          const other = await openSite(driver, url, options);
          try {
            await other.pw.ready();
          } finally {
            await other.pw.close();
          }
        };
        await ready({ servers: { far: { app: url, system: url } } });
        for (const options of [
          { system: unreachable },
          { servers: { far: { app: unreachable } } },
          { servers: { far: { app: url, system: unreachable } } },
        ])
          await expect(ready(options)).rejects.toThrow("connect");
      });

      test("an unguarded client is told", async () => {
        const bare = new driver.MongoClient(mongo.url);
        await expect(
          site.guard.assertWired((command) => bare.db().command(command)),
        ).rejects.toMatchObject({ code: "PW_GUARD_BYPASSED" });
        await bare.close();
      });

      test("nothing but the proof is sent while one is on its way", async () => {
        const { guard } = site;
        const send = () => guard.client.db().command({ count: "orders" });
        const inner: unknown[] = [];
        await expect(
          guard.assertWired(() => send().catch((error: unknown) => inner.push(error))),
        ).rejects.toMatchObject({ code: "PW_GUARD_BYPASSED" });
        expect(inner).toMatchObject([{ code: "PW_GUARD_BYPASSED" }]);
      });

      test("a session that was tried meanwhile outside any scope is of use in one afterwards", async () => {
        const { guard, orders, inA } = site;
        const session = guard.client.startSession();
        const tried: unknown[] = [];
        await guard.assertWired(async (command) => {
          await orders.countDocuments({}, { session }).catch((error: unknown) => tried.push(error));
          return guard.client.db().command(command);
        });
        expect(tried).toMatchObject([{ code: "PW_NO_SCOPE" }]);
        const used = inA(() => orders.countDocuments({}, { session }));
        if (mongo.engine === "mongo-java-server") await expect(used).rejects.toThrow("sessions");
        else expect(await used).toBe(0);
        await session.endSession();
      });

      test("connections that are not the guard's are not used", async () => {
        const { guard, inA, orders } = site;
        await inA(() => orders.countDocuments());
        const { topology } = guard.client as unknown as {
          topology: { s: { servers: Map<string, { pool: { options: object } }> } };
        };
        for (const { pool } of topology.s.servers.values()) {
          pool.options = { ...pool.options, connectionType: Object };
        }
        await expect(inA(() => orders.findOne())).rejects.toMatchObject({
          code: "PW_GUARD_BYPASSED",
        });
      });

      test("what the driver would send without a session is refused", async () => {
        const { guard, inA, orders } = site;
        await inA(() => orders.insertOne({ n: 1 }));
        const { topology } = guard.client as unknown as {
          topology: { s: { servers: Map<string, { pool: Pool }> } };
        };
        const [{ pool }] = [...topology.s.servers.values()] as [{ pool: Pool }];
        const [connection] = [...pool.connections];
        const namespace = { db: guard.client.options.dbName };
        await expect(
          connection!.command(namespace, { find: "orders", filter: {} }, {}),
        ).rejects.toMatchObject({ code: "PW_GUARD_BYPASSED" });
      });

      test("an expelled tenant is shut out, also of scopes that are open", async () => {
        const { pw, orders, inA, inB, a } = site;
        await inA(() => orders.insertMany([{ n: 1 }, { n: 2 }]));
        await inA(async () => {
          const cursor = orders.find({}, { batchSize: 1 });
          await cursor.next();
          await inOther(() => pw.tenants.suspend(a));
          await expect(orders.findOne()).rejects.toMatchObject({ code: "PW_SEAL_REFUSED" });
          await expect(orders.insertOne({ n: 3 })).rejects.toMatchObject({
            code: "PW_SEAL_REFUSED",
          });
          await expect(cursor.next()).rejects.toMatchObject({ code: "PW_SEAL_REFUSED" });
        });
        expect(await inB(() => orders.countDocuments())).toBe(0);
        await pw.tenants.restore(a);
        expect(await inA(() => orders.countDocuments())).toBe(2);
      });
    });
  }
});

interface Pool {
  readonly connections: Iterable<{
    command(namespace: object, command: object, options: object): Promise<unknown>;
  }>;
}

// Suspending is not a tenant's to do: it is done by somebody else meanwhile.
const pending: (() => Promise<unknown>)[] = [];
setInterval(() => void pending.shift()?.(), 1).unref();
async function inOther<T>(fn: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    pending.push(() => fn().then(resolve, reject));
  });
}
