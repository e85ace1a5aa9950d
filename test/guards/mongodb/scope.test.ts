import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { describeMongo } from "../../support/mongo.js";
import { DRIVERS } from "./drivers.js";
import { sectionsOf, startRelay, type Relay } from "./relay.js";
import { openSite, type Order, type Site } from "./site.js";

describeMongo("an operation has the tenant of the scope that issued it", (mongo) => {
  for (const [name, driver] of DRIVERS) {
    describe(`with ${name}`, () => {
      let site: Site;
      let relay: Relay;
      const stored = () => {
        const database = mongo.client.db(site.guard.client.options.dbName);
        return database.collection<Order>("orders");
      };

      beforeEach(async () => {
        relay = await startRelay(mongo.url);
        site = await openSite(driver, relay.url + mongo.database().databaseName, {
          clientOptions: { maxPoolSize: 1 },
        });
      });
      afterEach(async () => {
        await site.pw.close();
        await relay.close();
      });

      test("outside any scope nothing is sent, and the pool survives", async () => {
        const { orders, inA, denied } = site;
        await inA(() => orders.insertOne({ n: 1 }));
        const calls = [
          () => orders.find().toArray(),
          () => orders.findOne(),
          () => orders.insertOne({ n: 2 }),
          () => orders.insertMany([{ n: 2 }]),
          () => orders.updateMany({}, { $set: { n: 2 } }),
          () => orders.deleteMany({}),
          () => orders.bulkWrite([{ insertOne: { document: { n: 2 } } }]),
          () => orders.aggregate([]).toArray(),
          () => orders.estimatedDocumentCount(),
          () => orders.distinct("n"),
          () => orders.findOneAndDelete({}),
          () => site.guard.client.db().command({ count: "orders" }),
          () => site.guard.client.db().runCursorCommand({ find: "orders" }).toArray(),
          () => site.guard.client.db().admin().ping(),
          () => orders.watch().next(),
        ];
        const sent = ["find", "insert", "update", "delete", "aggregate", "count", "distinct"];
        const before = sent.map((command) => relay.sent(command));
        for (const call of calls)
          await expect(call()).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
        expect(sent.map((command) => relay.sent(command))).toEqual(before);
        expect(denied.filter((code) => code === "PW_NO_SCOPE").length).toBeGreaterThanOrEqual(
          calls.length,
        );
        expect(await inA(() => orders.find().toArray())).toHaveLength(1);
        expect(await stored().countDocuments()).toBe(1);
      });

      test("each client proves at its first use that the guard is in the way, once", async () => {
        const { orders, inA, inSystem } = site;
        const before = relay.sent("ping");
        await inA(() => orders.countDocuments());
        await inA(() => orders.countDocuments());
        expect(relay.sent("ping")).toBe(before + 1);
        await inSystem(() => orders.countDocuments());
        await inSystem(() => orders.countDocuments());
        expect(relay.sent("ping")).toBe(before + 2);
      });

      test("what a tenant writes is its own, and what it reads", async () => {
        const { orders, inA, inB, a, b } = site;
        await inA(() => orders.insertMany([{ n: 1 }, { n: 2 }]));
        await inB(() => orders.bulkWrite([{ insertOne: { document: { n: 3 } } }]));
        await inB(() => orders.updateMany({}, { $set: { seen: true } }));
        const documents = await stored().find().sort({ n: 1 }).toArray();
        expect(documents.map(({ tenantId }) => tenantId)).toEqual([a, a, b]);
        expect(documents.map(({ seen }) => seen)).toEqual([undefined, undefined, true]);
        expect(await inA(() => orders.countDocuments())).toBe(2);
        expect(await inB(() => orders.find({ n: { $lt: 3 } }).toArray())).toEqual([]);
      });

      test("a cursor built in a scope and read outside runs as that scope", async () => {
        const { orders, inA, inB, a } = site;
        await inA(() => orders.insertMany([{ n: 1 }, { n: 2 }, { n: 3 }]));
        await inB(() => orders.insertOne({ n: 4 }));
        const { cursor } = await inA(() => ({ cursor: orders.find({}, { batchSize: 1 }) }));
        const read = await cursor.toArray();
        expect(read.map(({ tenantId }) => tenantId)).toEqual([a, a, a]);
        const { pipeline } = await inA(() => ({
          pipeline: orders.aggregate([], { batchSize: 2 }),
        }));
        expect(await pipeline.toArray()).toHaveLength(3);
      });

      test("cannot read a cursor of another scope, begun or not", async () => {
        const { orders, inA, inB, inSystem, pw } = site;
        await inA(() => orders.insertMany([{ n: 1 }, { n: 2 }, { n: 3 }]));
        const built = async () => (await inA(() => [orders.find({}, { batchSize: 1 })]))[0]!;
        const elsewhere = [inB, inSystem, <T>(fn: () => T) => pw.central(fn)];
        for (const there of elsewhere) {
          const lazy = await built();
          await expect(there(() => lazy.next())).rejects.toMatchObject({ code: "PW_SCOPE_SWITCH" });
          const begun = await built();
          await inA(() => begun.next());
          await expect(
            there(async () => {
              for (;;) if ((await begun.next()) === null) return;
            }),
          ).rejects.toMatchObject({ code: "PW_SCOPE_SWITCH" });
        }
      });

      test("a cursor built outside any scope runs as the scope that reads it, and stays with it", async () => {
        const { orders, inA, inB } = site;
        await inA(() => orders.insertMany([{ n: 1 }, { n: 2 }, { n: 3 }]));
        const cursor = orders.find({}, { batchSize: 1 });
        expect(await inA(() => cursor.next())).toMatchObject({ n: 1 });
        await expect(
          inB(async () => {
            for (;;) if ((await cursor.next()) === null) return;
          }),
        ).rejects.toMatchObject({ code: "PW_SCOPE_SWITCH" });
      });

      test("a rewound cursor stays with the scope it was built in", async () => {
        const { orders, inA, inB } = site;
        await inA(() => orders.insertMany([{ n: 1 }, { n: 2 }]));
        const { cursor } = await inA(() => ({ cursor: orders.find() }));
        await inA(() => cursor.toArray());
        cursor.rewind();
        await expect(inB(() => cursor.next())).rejects.toMatchObject({ code: "PW_SCOPE_SWITCH" });
      });

      test("cannot read on or kill another tenant's cursor by its id", async () => {
        const { orders, inA, inB, guard } = site;
        const database = guard.client.db();
        await inA(() => orders.insertMany([{ n: 1 }, { n: 2 }, { n: 3 }]));
        const open = (): Promise<{ cursor: { id: unknown } }> =>
          inA(() =>
            database.command({ find: "orders", batchSize: 1 }, { promoteLongs: false }),
          ) as never;
        const { cursor } = await open();
        const getMore = { getMore: cursor.id, collection: "orders", batchSize: 1 };
        const killCursors = { killCursors: "orders", cursors: [cursor.id] };
        for (const command of [getMore, killCursors]) {
          await expect(inB(() => database.command(command))).rejects.toMatchObject({
            code: "PW_STATEMENT_REFUSED",
          });
          await expect(site.inSystem(() => database.command(command))).rejects.toMatchObject({
            code: "PW_STATEMENT_REFUSED",
          });
        }
        const more = await inA(() => database.command(getMore));
        expect(more["cursor"].nextBatch).toHaveLength(1);
        await inA(() => database.command(killCursors));
        await expect(inA(() => database.command(getMore))).rejects.toMatchObject({
          code: "PW_STATEMENT_REFUSED",
        });
      });

      test("a cursor closed in another scope is ended on the server", async () => {
        const { orders, inA, inB } = site;
        await inA(() => orders.insertMany([{ n: 1 }, { n: 2 }, { n: 3 }]));
        const { cursor } = await inA(() => ({ cursor: orders.find({}, { batchSize: 1 }) }));
        await inA(() => cursor.next());
        const before = relay.sent("killCursors");
        await inB(() => cursor.close());
        expect(relay.sent("killCursors")).toBe(before + 1);
      });

      test("cannot use a session of another tenant, in a transaction or not", async () => {
        const { orders, inA, inB, inSystem, guard } = site;
        const session = await inA(() => guard.client.startSession());
        for (const there of [inB, inSystem]) {
          await expect(there(() => orders.findOne({}, { session }))).rejects.toMatchObject({
            code: "PW_TRANSACTION_SCOPE",
          });
        }
        session.startTransaction();
        await expect(inB(() => orders.insertOne({ n: 1 }, { session }))).rejects.toMatchObject({
          code: "PW_TRANSACTION_SCOPE",
        });
        await inB(() => session.endSession());
        expect(session.hasEnded).toBe(true);
        expect(await stored().countDocuments()).toBe(0);
      });

      test("what a system scope built is not used once it is closed", async () => {
        const { orders, inA, inSystem } = site;
        await inA(() => orders.insertOne({ n: 1 }));
        const { cursor } = await inSystem(() => ({ cursor: orders.find() }));
        await expect(cursor.next()).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
      });

      test("a session is not the host's to make up", async () => {
        const { guard, inA } = site;
        const other = new driver.MongoClient(mongo.url);
        const session = other.startSession();
        await expect(
          inA(() => guard.client.db().collection("orders").findOne({}, { session })),
        ).rejects.toThrow("same MongoClient");
        await session.endSession();
        await other.close();
      });

      test("150 operations of ten tenants through one connection, buffered before it is there", async () => {
        const { pw, orders } = site;
        const tenants = await Promise.all(
          Array.from({ length: 10 }, (_, n) => pw.tenants.create({ slug: `t${n}`, name: "T" })),
        );
        // Connected while another tenant is current, whose context its callbacks have.
        const first = site.inA(() => orders.countDocuments());
        await Promise.all(
          Array.from({ length: 150 }, (_, n) =>
            pw.run(tenants[n % 10]!.id, async () => {
              const document = { n, mine: tenants[n % 10]!.id };
              if (n % 3 === 0) await orders.insertOne(document);
              else if (n % 3 === 1) await orders.bulkWrite([{ insertOne: { document } }]);
              else await orders.insertMany([document]);
            }),
          ),
        );
        await first;
        const documents = await stored().find().toArray();
        expect(documents).toHaveLength(150);
        expect(documents.filter(({ tenantId, mine }) => tenantId !== mine)).toEqual([]);
        const read = await Promise.all(
          Array.from({ length: 150 }, (_, n) =>
            pw.run(tenants[n % 10]!.id, async () => {
              const mine = await orders.find().toArray();
              return mine.length === 15 && mine.every((one) => one["mine"] === tenants[n % 10]!.id);
            }),
          ),
        );
        expect(read.filter((right) => !right)).toEqual([]);
      });

      test("a read that is retried is sent again as its tenant's", async () => {
        const { orders, inA, inB } = site;
        await inA(() => orders.insertOne({ n: 1 }));
        await inB(() => orders.insertOne({ n: 2 }));
        relay.breakNext("find");
        const [ofA, ofB] = await Promise.all([
          inA(() => orders.find().toArray()),
          inB(() => orders.find().toArray()),
        ]);
        expect([ofA.map(({ n }) => n), ofB.map(({ n }) => n)]).toEqual([[1], [2]]);
      });

      // Of the servers only MongoDB takes these as they are meant, so what was sent is looked at.
      test("unacknowledged writes carry the tenant", async () => {
        const { orders, inA, a } = site;
        await inA(() => orders.insertOne({ n: 1 }, { writeConcern: { w: 0 } }));
        await vi.waitFor(() => expect(relay.last("insert")?.includes(a)).toBe(true));
      });

      test("documents travel beside the command as the driver sends them", async () => {
        const { orders, inA, inB, guard, a, b } = site;
        const bulk = () => [
          { insertOne: { document: { n: 1 } } },
          { insertOne: { document: { n: 2, none: undefined } } },
        ];
        const bare = new driver.MongoClient(relay.url);
        await bare.db("pw_bare").collection("orders").bulkWrite(bulk());
        const sections = sectionsOf(relay.last("insert")!);
        await bare.db("pw_bare").dropDatabase();
        await bare.close();
        await inA(() => orders.bulkWrite(bulk()));
        expect(sectionsOf(relay.last("insert")!)).toBe(sections);
        await inB(() =>
          guard.client.db().collection("orders", { ignoreUndefined: true }).bulkWrite(bulk()),
        );
        expect(await stored().findOne({ n: 2, tenantId: a })).toHaveProperty("none", null);
        expect(await stored().findOne({ n: 2, tenantId: b })).not.toHaveProperty("none");
      });

      test("files of GridFS are the tenant's own", async () => {
        const { guard, inA, inB, inSystem, a } = site;
        const database = guard.client.db();
        await inSystem(async () => {
          await database.collection("fs.files").createIndex({ filename: 1, uploadDate: 1 });
          await database
            .collection("fs.chunks")
            .createIndex({ files_id: 1, n: 1 }, { unique: true });
        });
        const bucket = new driver.GridFSBucket(database, { chunkSizeBytes: 4 });
        const id = await inA(async () => {
          const upload = bucket.openUploadStream("report");
          await new Promise<void>((done) => {
            upload.end(Buffer.from("a secret"), () => done());
          });
          return upload.id;
        });
        const read = async () => {
          const chunks: Buffer[] = [];
          for await (const chunk of bucket.openDownloadStream(id)) chunks.push(chunk as Buffer);
          return Buffer.concat(chunks).toString();
        };
        expect(await inA(read)).toBe("a secret");
        await expect(inB(read)).rejects.toThrow("FileNotFound");
        const bare = mongo.client.db(database.databaseName);
        expect(await bare.collection("fs.chunks").distinct("tenantId")).toEqual([a]);
        expect(await bare.collection("fs.files").distinct("tenantId")).toEqual([a]);
      });

      const keepsTransaction = async () => {
        const { orders, inA, inB, guard } = site;
        await inA(() => orders.insertOne({ n: 1 }));
        const session = await inA(() => guard.client.startSession());
        session.startTransaction();
        await inA(() => orders.insertOne({ n: 2 }, { session }));
        await expect(inB(() => session.commitTransaction())).rejects.toMatchObject({
          code: "PW_TRANSACTION_SCOPE",
        });
        await inB(() => session.abortTransaction());
        await session.endSession();
        expect(await stored().countDocuments()).toBe(1);
      };
      mongo.testNeeding(
        "transactions",
        "a transaction is its scope's, to the end",
        keepsTransaction,
      );
    });
  }
});
