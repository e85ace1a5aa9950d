import { ObjectId } from "mongodb";
import type { Mongoose } from "mongoose";
import { createPartywall } from "partywall";
import { guardMongoose, mongooseModels } from "partywall/adapters/mongoose";
import { guardMongo, type MongoAuditOptions } from "partywall/guards/mongodb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MONGOOSES } from "../../guards/mongodb/drivers.js";
import { describeMongo } from "../../support/mongo.js";

const OF_MODELS = /^(model-|reference-)/;

describeMongo("the audit of Mongoose over the guard", (mongo) => {
  for (const [name, { Mongoose: MongooseClass }] of MONGOOSES) {
    describe(`is ${name}`, () => {
      let site: Awaited<ReturnType<typeof open>>;
      async function open() {
        const mongoose: Mongoose = new MongooseClass({ autoIndex: false, autoCreate: false });
        const database = mongo.database();
        const url = mongo.url + database.databaseName;
        const guard = guardMongo(mongoose.mongo, { app: url, system: url, shared: ["plans"] });
        const pw = createPartywall({ realm: `ma-${database.databaseName}`, mongodb: guard });
        await guardMongoose(pw.mongodb, mongoose);
        const a = (await pw.tenants.create({ slug: "acme", name: "Acme" })).id;
        const b = (await pw.tenants.create({ slug: "bolt", name: "Bolt" })).id;
        return { mongoose, database, guard, pw, a, b, url };
      }
      beforeEach(async () => {
        site = await open();
      });
      afterEach(() => site.pw.close());

      const audit = async (options: MongoAuditOptions = {}) => {
        const { pw, guard } = site;
        const { findings, unseen } = await pw.system({ reason: "a test" }, () =>
          guard.audit({ tenants: () => pw.tenants.all(), ...options }),
        );
        return {
          found: findings.filter(({ code }) => OF_MODELS.test(code)),
          unseen: unseen.filter(({ code }) => OF_MODELS.test(code)),
        };
      };
      const nothing = { found: [], unseen: [] };

      test("models over the guard are no finding, on connections of useDb() neither", async () => {
        const { mongoose, database } = site;
        const schema = new mongoose.Schema({ n: { type: Number, unique: true } });
        mongoose.model("Order", schema);
        mongoose.connection.useDb(database.databaseName).model("Bill", schema);
        expect(await audit()).toEqual(nothing);
      });

      test("a model of a connection that was opened beside the guard is found, until it is closed", async () => {
        const { mongoose, url } = site;
        const beside = mongoose.createConnection(url);
        beside.model("Order", new mongoose.Schema({ n: Number }));
        await beside.asPromise();
        const { found } = await audit();
        expect(found).toMatchObject([
          {
            code: "model-unguarded",
            severity: "critical",
            object: expect.stringMatching(/^Mongoose connection \d+ to pw_/),
            why: expect.stringContaining("(Order)"),
          },
        ]);
        await beside.close();
        const { found: left, unseen } = await audit();
        expect(left).toEqual([]);
        // It may be opened again.
        expect(unseen).toMatchObject([
          { code: "model-unguarded", object: expect.stringContaining("(Order)") },
        ]);
        await beside.destroy();
        expect(await audit()).toEqual(nothing);
      });

      test("a model of useDb() beside the guard is found", async () => {
        const { mongoose, url, database } = site;
        const beside = mongoose.createConnection(url);
        await beside.asPromise();
        beside.useDb(database.databaseName).model("Order", new mongoose.Schema({ n: Number }));
        const { found } = await audit();
        expect(found.map(({ code }) => code)).toEqual(["model-unguarded", "model-unguarded"]);
        await beside.close();
      });

      test("another instance of Mongoose is looked at where it is named", async () => {
        const other = new MongooseClass({ autoIndex: false, autoCreate: false });
        await other.connect(site.url);
        other.model("Order", new other.Schema({ n: Number }));
        expect(await audit()).toEqual(nothing);
        expect((await audit({ models: [mongooseModels(other)] })).found).toMatchObject([
          { code: "model-unguarded", why: expect.stringContaining("(Order)") },
        ]);
        await other.disconnect();
      });

      test("models that build by themselves, and tenant fields of another type, are told", async () => {
        const { mongoose } = site;
        const { Schema } = mongoose;
        mongoose.set("autoIndex", true);
        mongoose.model("Indexed", new Schema({ n: { type: Number, index: true } }));
        mongoose.model("Plain", new Schema({ n: Number }));
        mongoose.set("autoIndex", false);
        mongoose.model("Created", new Schema({ n: Number }, { autoCreate: true }));
        mongoose.model("Typed", new Schema({ tenantId: Schema.Types.ObjectId }));
        mongoose.model("Right", new Schema({ tenantId: String }));
        mongoose.model("Any", new Schema({ tenantId: {} }));
        expect((await audit()).found.map(({ code, object }) => `${code} ${object}`)).toEqual([
          "model-builds-by-itself Created",
          "model-tenant-type Typed",
        ]);
        mongoose.set("autoIndex", true);
        expect((await audit()).found.map(({ object }) => object)).toContain("Indexed");
      });

      test("references of schemas are followed, wherever they stand", async () => {
        const { mongoose, database, a, b } = site;
        const { Schema } = mongoose;
        const id = () => new ObjectId();
        const to = (ref: string) => ({ type: Schema.Types.ObjectId, ref });
        const line = new Schema({ thing: to("Thing") });
        const event = new Schema({ n: Number }, { discriminatorKey: "kind" });
        const base = new Schema(
          {
            one: to("Thing"),
            many: [to("Thing")],
            nested: { deep: to("Thing") },
            lines: [line],
            single: line,
            map: { type: Map, of: to("Thing") },
            maps: { type: Map, of: line },
            grid: [[to("Thing")]],
            events: [event],
            onModel: String,
            on: { type: Schema.Types.ObjectId, refPath: "onModel" },
            plan: to("Plan"),
          },
          { collection: "orders" },
        );
        // A schema may hold itself.
        base.add({ children: [base] });
        const events = base.path("events") as unknown as {
          discriminator(name: string, schema: object): void;
        };
        events.discriminator("Click", new Schema({ element: to("Thing") }));
        const Order = mongoose.model("Order", base);
        Order.discriminator("Special", new Schema({ special: to("Thing") }));
        mongoose.model("Thing", new Schema({}, { collection: "things" }));
        mongoose.model("Plan", new Schema({}, { collection: "plans" }));
        const author = new Schema({}, { collection: "authors" });
        author.virtual("posts", { ref: "Post", localField: "_id", foreignField: "author" });
        mongoose.model("Author", author);
        mongoose.model(
          "Post",
          new Schema({ author: Schema.Types.ObjectId }, { collection: "posts" }),
        );

        const [mine, theirs] = [id(), id()];
        await database.collection("things").insertMany([
          { _id: mine, tenantId: a },
          { _id: theirs, tenantId: b },
        ]);
        await database.collection("plans").insertOne({ _id: id(), tenantId: b });
        await database.collection("authors").insertOne({ _id: theirs, tenantId: b });
        await database.collection("orders").insertOne({ tenantId: a, one: mine, many: [mine] });
        await database.collection("posts").insertOne({ tenantId: b, author: theirs });
        expect(await audit()).toEqual(nothing);

        const holes: Record<string, object> = {
          one: { one: theirs },
          many: { many: [mine, theirs] },
          "nested.deep": { nested: { deep: theirs } },
          "lines.thing": { lines: [{ thing: mine }, { thing: theirs }] },
          "single.thing": { single: { thing: theirs } },
          "map.$*": { map: { x: mine, y: theirs } },
          "maps.$*.thing": { maps: { x: { thing: theirs } } },
          "events.element": { events: [{ kind: "Click", element: theirs }] },
          special: { __t: "Special", special: theirs },
          on: { onModel: "Thing", on: theirs },
        };
        for (const [path, fields] of Object.entries(holes)) {
          const { insertedId } = await database
            .collection("orders")
            .insertOne({ tenantId: a, ...fields });
          const { found } = await audit();
          expect(found.map(({ object }) => object)).toEqual([
            expect.stringContaining(`.orders.${path} to `),
          ]);
          await database.collection("orders").deleteOne({ _id: insertedId });
        }
        await database.collection("posts").insertOne({ tenantId: a, author: theirs });
        expect((await audit()).found.map(({ object }) => object)).toEqual([
          `${database.databaseName}.posts.author to authors._id`,
        ]);
      });

      test("a reference whose model the schema does not tell is no clean bill", async () => {
        const { mongoose } = site;
        const { Schema } = mongoose;
        const ref = () => "Thing";
        mongoose.model(
          "Order",
          new Schema(
            {
              one: { type: Schema.Types.ObjectId, ref },
              two: { type: Schema.Types.ObjectId, ref: "Missing" },
            },
            { collection: "orders" },
          ),
        );
        const { found, unseen } = await audit();
        expect(found).toEqual([]);
        expect(unseen.map(({ object }) => object)).toEqual(["orders.one", "orders.two"]);
      });
    });
  }
});
