import type { Mongoose, Model } from "mongoose";
import { createPartywall } from "partywall";
import { guardMongoose } from "partywall/adapters/mongoose";
import { guardMongo } from "partywall/guards/mongodb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MONGOOSES } from "../../guards/mongodb/drivers.js";
import { describeMongo } from "../../support/mongo.js";

interface Order {
  n: number;
  customer?: unknown;
  tenantId?: string;
  lines?: { sku: string }[];
}

describeMongo("Mongoose over the guard", (mongo) => {
  for (const [name, { Mongoose: MongooseClass }] of MONGOOSES) {
    describe(`is ${name}`, () => {
      let site: Awaited<ReturnType<typeof open>>;
      async function open() {
        const mongoose: Mongoose = new MongooseClass({ autoIndex: false, autoCreate: false });
        const database = mongo.database();
        const url = mongo.url + database.databaseName;
        const guard = guardMongo(mongoose.mongo, {
          app: url,
          system: url,
          clientOptions: { maxPoolSize: 1 },
        });
        const pw = createPartywall({ realm: `mg-${database.databaseName}`, mongodb: guard });
        const connected = guardMongoose(pw.mongodb, mongoose);
        const { Schema } = mongoose;
        const Customer = mongoose.model("Customer", new Schema({ name: String }));
        const orderSchema = new Schema<Order>({
          n: Number,
          customer: { type: Schema.Types.ObjectId, ref: "Customer" },
          lines: [new Schema({ sku: String })],
        });
        const Order = mongoose.model("Order", orderSchema) as unknown as Model<Order>;
        const a = (await pw.tenants.create({ slug: "acme", name: "Acme" })).id;
        const b = (await pw.tenants.create({ slug: "bolt", name: "Bolt" })).id;
        const inA = <T>(fn: () => T) => pw.run(a, fn);
        const inB = <T>(fn: () => T) => pw.run(b, fn);
        const stored = database.collection<Order>("orders");
        return { mongoose, guard, pw, connected, Customer, Order, a, b, inA, inB, stored };
      }
      beforeEach(async () => {
        site = await open();
        await site.connected;
      });
      afterEach(() => site.pw.close());

      test("each call is scoped, and outside any scope refused", async () => {
        const { Order, inA, inB, stored, a, b } = site;
        await inA(() => Order.create([{ n: 1 }, { n: 2 }]));
        await inB(async () => {
          await new Order({ n: 3 }).save();
          await Order.insertMany([{ n: 4 }]);
          await Order.bulkWrite([{ insertOne: { document: { n: 5 } } }]);
          await Order.collection.insertOne({ n: 6 });
          await Order.updateMany({}, { $inc: { n: 10 } });
        });
        const documents = await stored.find().sort({ n: 1 }).toArray();
        expect(documents.map(({ n, tenantId }) => [n, tenantId])).toEqual([
          [1, a],
          [2, a],
          [13, b],
          [14, b],
          [15, b],
          [16, b],
        ]);
        expect(await inA(() => Order.countDocuments())).toBe(2);
        expect(await inA(() => Order.find({ n: { $gt: 10 } }))).toEqual([]);
        expect(await inA(() => Order.db.db!.collection("orders").countDocuments())).toBe(2);
        for (const call of [
          async () => Order.find(),
          async () => Order.aggregate([{ $match: {} }]),
          async () => Order.create({ n: 9 }),
          async () => Order.collection.countDocuments(),
        ])
          await expect(call()).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
      });

      // What a function of pw.run() gives is awaited inside, so what is lazy is handed out in a list.
      test("a query built in a scope and awaited outside runs as that scope", async () => {
        const { Order, inA, inB } = site;
        await inA(() => Order.create([{ n: 1 }, { n: 2 }]));
        await inB(() => Order.create({ n: 3 }));
        const [query, one, count, pipeline] = await inA(
          () =>
            [
              Order.find().sort({ n: 1 }),
              Order.findOne({ n: 2 }),
              Order.countDocuments(),
              Order.aggregate([{ $match: { n: { $gt: 0 } } }]),
            ] as const,
        );
        expect((await query).map(({ n }) => n)).toEqual([1, 2]);
        expect(await one).toMatchObject({ n: 2 });
        expect(await count).toBe(2);
        expect(await pipeline).toHaveLength(2);
        expect(await inA(() => Order.find())).toHaveLength(2);
      });

      test("cannot await in one tenant's scope what another's built", async () => {
        const { Order, inA, inB, pw, stored } = site;
        await inA(() => Order.create({ n: 1 }));
        await inB(() => Order.create({ n: 2 }));
        const build = () =>
          inA(() => [
            Order.find(),
            Order.findOne().where({ n: 1 }),
            Order.updateMany({}, { n: 9 }),
            Order.deleteMany(),
            Order.aggregate().match({}),
            Order.aggregate([{ $match: {} }]),
          ]);
        const elsewhere = [
          inB,
          <T>(fn: () => T) => pw.central(fn),
          <T>(fn: () => T) => pw.system({ reason: "a test" }, fn),
        ];
        for (const there of elsewhere) {
          for (const lazy of await build())
            await expect(there(async () => lazy)).rejects.toMatchObject({
              code: "PW_SCOPE_SWITCH",
            });
          for (const lazy of await build())
            await expect(
              there(async () => (lazy as { cursor?: () => { next(): unknown } }).cursor!().next()),
            ).rejects.toMatchObject({ code: "PW_SCOPE_SWITCH" });
        }
        expect(await stored.distinct("n")).toEqual([1, 2]);
      });

      test("a query built outside any scope runs as the scope that awaits it", async () => {
        const { Order, inA } = site;
        await inA(() => Order.create({ n: 1 }));
        const query = Order.find();
        expect(await inA(() => query)).toHaveLength(1);
      });

      test("cursors and streams stay with the scope that built them", async () => {
        const { Order, inA, inB } = site;
        await inA(() => Order.create([{ n: 1 }, { n: 2 }, { n: 3 }]));
        await inB(() => Order.create({ n: 4 }));
        const [cursor] = await inA(() => [Order.find().batchSize(1).cursor()]);
        const read: number[] = [];
        for await (const { n } of cursor) read.push(n);
        expect(read.toSorted((x, y) => x - y)).toEqual([1, 2, 3]);
        const [stream] = await inA(() => [Order.find().batchSize(1).cursor()]);
        await expect(
          inB(
            () =>
              new Promise((resolve, reject) => {
                stream.on("data", () => undefined);
                stream.on("end", resolve);
                stream.on("error", reject);
              }),
          ),
        ).rejects.toMatchObject({ code: "PW_SCOPE_SWITCH" });
      });

      test("populate finds the tenant's own, and nothing of another's", async () => {
        const { Customer, Order, inA, inB } = site;
        const mine = await inA(() => Customer.create({ name: "mine" }));
        const theirs = await inB(() => Customer.create({ name: "theirs" }));
        await inA(() =>
          Order.create([
            { n: 1, customer: mine._id },
            { n: 2, customer: theirs._id },
          ]),
        );
        const [query] = await inA(() => [Order.find().sort({ n: 1 }).populate("customer")]);
        const [first, second] = await query;
        expect(first!.customer).toMatchObject({ name: "mine" });
        expect(second!.customer).toBeNull();
      });

      test("documents show their tenant once they are stored, and nothing of it is modified", async () => {
        const { Order, inA, inB, a, stored } = site;
        const saved = await inA(() => new Order({ n: 1, lines: [{ sku: "x" }] }).save());
        const [inserted] = await inA(() => Order.insertMany([{ n: 2 }]));
        const created = await inA(() => Order.create({ n: 3 }));
        for (const document of [saved, inserted!, created]) {
          expect(document.get("tenantId")).toBe(a);
          expect(document.isModified()).toBe(false);
        }
        expect(saved.toObject()).toMatchObject({ n: 1, tenantId: a, lines: [{ sku: "x" }] });
        saved.n = 4;
        await inA(() => saved.save());
        await expect(
          inB(() => {
            saved.n = 5;
            return saved.save();
          }),
        ).rejects.toThrow("No document found");
        const [first] = await stored.find({ n: 4 }).toArray();
        expect(first).toMatchObject({ tenantId: a, lines: [{ sku: "x" }] });
        expect(first).not.toHaveProperty("lines.0.tenantId");
      });

      test("indexes made in central scope begin with the tenant, also when they are made again", async () => {
        const { Customer, inA, inB, pw, stored } = site;
        Customer.schema.index({ name: 1 }, { unique: true });
        for (const _ of [1, 2]) await pw.central(() => Customer.createIndexes());
        const customers = mongo.client.db(stored.dbName).collection("customers");
        const keys = (await customers.listIndexes().toArray()).map(({ key }) => key as object);
        expect(keys).toEqual([{ _id: 1 }, { tenantId: 1, name: 1 }]);
        await inA(() => Customer.create({ name: "Ann" }));
        await inB(() => Customer.create({ name: "Ann" }));
        await expect(inA(() => Customer.create({ name: "Ann" }))).rejects.toMatchObject({
          code: 11000,
        });
      });

      test("150 operations buffered before there is a connection", async () => {
        await site.pw.close();
        site = await open();
        const { Order, pw, connected, stored, inA } = site;
        const tenants = await Promise.all(
          Array.from({ length: 10 }, (_, n) => pw.tenants.create({ slug: `t${n}`, name: "T" })),
        );
        const all = Array.from({ length: 150 }, (_, n) =>
          pw.run(tenants[n % 10]!.id, async () => {
            if (n % 2 === 0) await Order.collection.insertOne({ n, mine: tenants[n % 10]!.id });
            else await new Order({ n }).set("mine", tenants[n % 10]!.id, { strict: false }).save();
          }),
        );
        await inA(() => connected);
        await Promise.all(all);
        const documents = (await stored.find().toArray()) as unknown as {
          tenantId: string;
          mine: string;
        }[];
        expect(documents).toHaveLength(150);
        expect(documents.filter(({ tenantId, mine }) => tenantId !== mine)).toEqual([]);
      });

      test("a Mongoose that is not over the guard's driver, or was used before, is refused", async () => {
        const { guard, mongoose } = site;
        await expect(guardMongoose(guard, mongoose)).rejects.toMatchObject({ code: "PW_CONFIG" });
        const used = new MongooseClass();
        used.model("Early", new used.Schema({}));
        await expect(guardMongoose(guard, used)).rejects.toMatchObject({ code: "PW_CONFIG" });
        const [, other] = MONGOOSES.find(([one]) => one !== name)!;
        await expect(guardMongoose(guard, new other.Mongoose())).rejects.toMatchObject({
          code: "PW_CONFIG",
        });
      });
    });
  }
});
