import type * as mongodb from "mongodb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { describeMongo } from "../../support/mongo.js";
import type { MongoFeature } from "../../support/mongo-features.js";
import { DRIVERS } from "./drivers.js";
import { openSite, type Order, type Site } from "./site.js";

/** What a tenant has at hand: its scope, and everything that there is to know of the other tenant. */
interface Attacker {
  readonly orders: mongodb.Collection<Order>;
  readonly database: mongodb.Db;
  /** The attacker's tenant, and the other one. */
  readonly mine: string;
  readonly theirs: string;
  /** The `_id` of an order of the other tenant. */
  readonly target: mongodb.ObjectId;
}

interface Attack {
  readonly name: string;
  /** What a server must have for it to reach anything; where it has not, it proves nothing there. */
  readonly needs?: MongoFeature;
  readonly run: (attacker: Attacker) => Promise<unknown>;
}

const aggregate = ({ orders }: Attacker, ...stages: mongodb.Document[]) =>
  orders.aggregate(stages).toArray();
const find = ({ orders }: Attacker, filter: mongodb.Document) => orders.find(filter).toArray();
const updateAll = ({ orders }: Attacker, update: mongodb.Document | mongodb.Document[]) =>
  orders.updateMany({}, update);

const FUNCTION = { $function: { body: "function () { return 1; }", args: [], lang: "js" } };
const ACCUMULATOR = {
  $accumulator: { init: "f", accumulate: "f", accumulateArgs: [], merge: "f", lang: "js" },
};

/** Answered, with the attacker's own documents or none. */
const FRUITLESS: readonly Attack[] = [
  { name: "the other's _id", run: (at) => find(at, { _id: at.target }) },
  { name: "the other's tenant in the filter", run: (at) => find(at, { tenantId: at.theirs }) },
  { name: "either tenant", run: (at) => find(at, { tenantId: { $in: [at.mine, at.theirs] } }) },
  { name: "any tenant but one's own", run: (at) => find(at, { tenantId: { $ne: at.mine } }) },
  { name: "$or with the other's", run: (at) => find(at, { $or: [{}, { tenantId: at.theirs }] }) },
  { name: "$nor of nothing", run: (at) => find(at, { $nor: [{ n: "none" }] }) },
  {
    name: "$expr on the tenant",
    needs: "exprFilter",
    run: (at) => find(at, { $expr: { $eq: ["$tenantId", at.theirs] } }),
  },
  {
    name: "$expr that is always true",
    needs: "exprFilter",
    run: (at) => find(at, { $expr: { $ne: ["$_id", 1] } }),
  },
  {
    name: "the same in an aggregation, behind the first stage",
    run: (at) => aggregate(at, { $match: {} }, { $match: { tenantId: at.theirs } }),
  },
  { name: "a dotted path of the tenant", run: (at) => find(at, { "tenantId.0": at.theirs }) },
  {
    name: "$lookup of a tenant's collection by a field",
    // Before MongoDB 5.0 what it finds is sifted behind it, by an expression.
    needs: "regexMatch",
    run: (at) =>
      aggregate(at, {
        $lookup: { from: "orders", localField: "kind", foreignField: "kind", as: "found" },
      }),
  },
  {
    name: "$lookup of a tenant's collection by a pipeline",
    needs: "lookupPipeline",
    run: (at) => aggregate(at, { $lookup: { from: "orders", pipeline: [], as: "found" } }),
  },
  {
    name: "$lookup of a tenant's collection through a shared one",
    needs: "lookupPipeline",
    run: ({ database }) =>
      database
        .collection("plans")
        .aggregate([{ $lookup: { from: "orders", pipeline: [], as: "found" } }])
        .toArray(),
  },
  {
    name: "$facet",
    needs: "facet",
    run: (at) => aggregate(at, { $facet: { all: [{ $match: {} }] } }),
  },
  { name: "$unionWith", needs: "unionWith", run: (at) => aggregate(at, { $unionWith: "orders" }) },
  {
    name: "$graphLookup",
    needs: "graphLookup",
    run: (at) =>
      aggregate(at, {
        $graphLookup: {
          from: "orders",
          startWith: "$kind",
          connectFromField: "kind",
          connectToField: "kind",
          as: "found",
        },
      }),
  },
  { name: "distinct", run: ({ orders }) => orders.distinct("note") },
  {
    name: "a command by hand",
    run: ({ database, theirs }) =>
      database.command({ find: "orders", filter: { tenantId: theirs } }),
  },
  {
    name: "a cursor's command by hand",
    run: ({ database }) =>
      database.runCursorCommand({ aggregate: "orders", pipeline: [], cursor: {} }).toArray(),
  },
  {
    name: "an update by the other's _id",
    run: ({ orders, target }) => orders.updateOne({ _id: target }, { $set: { note: "taken" } }),
  },
  {
    name: "a replacement by the other's _id",
    run: ({ orders, target }) => orders.replaceOne({ _id: target }, { n: 9, note: "taken" }),
  },
  {
    name: "findOneAndUpdate of the other's _id",
    run: ({ orders, target }) => orders.findOneAndUpdate({ _id: target }, { $set: { n: 9 } }),
  },
  {
    name: "findOneAndDelete of the other's _id",
    run: ({ orders, target }) => orders.findOneAndDelete({ _id: target }),
  },
  { name: "a deletion of everything", run: ({ orders }) => orders.deleteMany({}) },
  {
    name: "bulk writes by the other's _id",
    run: ({ orders, target }) =>
      orders.bulkWrite([
        { updateOne: { filter: { _id: target }, update: { $set: { n: 9 } } } },
        { deleteMany: { filter: { tenantId: { $exists: true } } } },
      ]),
  },
  {
    name: "a bulk of upserts",
    run: ({ orders }) =>
      orders.bulkWrite([
        {
          updateOne: { filter: { n: 70 }, update: { $set: { note: "mine" } }, upsert: true },
        },
        { replaceOne: { filter: { n: 71 }, replacement: { n: 71, note: "mine" }, upsert: true } },
        {
          updateMany: { filter: { n: 72 }, update: { $setOnInsert: { kind: 1 } }, upsert: true },
        },
      ]),
  },
  {
    name: "a pipeline that removes the tenant",
    needs: "updatePipeline",
    run: (at) => updateAll(at, [{ $unset: "tenantId" }]),
  },
  {
    name: "a pipeline that replaces the document",
    needs: "updatePipeline",
    run: (at) => updateAll(at, [{ $replaceWith: { n: 9 } }]),
  },
];

/** Refused by name, before anything is sent. */
const REFUSED: readonly Attack[] = [
  { name: "$where in a filter", run: (at) => find(at, { $where: "true" }) },
  { name: "$where in a deletion", run: ({ orders }) => orders.deleteMany({ $where: "true" }) },
  { name: "$where within $or", run: (at) => find(at, { $or: [{ $where: "true" }] }) },
  { name: "$function in a stage", run: (at) => aggregate(at, { $set: { n: FUNCTION } }) },
  { name: "$function in $expr", run: (at) => find(at, { $expr: FUNCTION }) },
  {
    name: "$function in a projection",
    run: ({ orders }) => orders.find({}, { projection: { n: FUNCTION } }).toArray(),
  },
  {
    name: "$accumulator",
    run: (at) => aggregate(at, { $group: { _id: null, n: ACCUMULATOR } }),
  },
  { name: "$out", run: (at) => aggregate(at, { $out: "plans" }) },
  {
    name: "$out into another database",
    run: (at) => aggregate(at, { $out: { db: "x", coll: "y" } }),
  },
  { name: "$merge", run: (at) => aggregate(at, { $merge: { into: "orders" } }) },
  {
    name: "$merge within $facet",
    run: (at) => aggregate(at, { $facet: { all: [{ $merge: { into: "orders" } }] } }),
  },
  {
    name: "mapReduce",
    run: ({ database }) =>
      database.command({ mapReduce: "orders", map: "f", reduce: "f", out: { inline: 1 } }),
  },
  {
    name: "$lookup of another database",
    run: (at) =>
      aggregate(at, { $lookup: { from: { db: "x", coll: "orders" }, pipeline: [], as: "found" } }),
  },
  {
    name: "$lookup of the server's own collections",
    run: (at) => aggregate(at, { $lookup: { from: "system.views", pipeline: [], as: "found" } }),
  },
  { name: "$set of the tenant", run: (at) => updateAll(at, { $set: { tenantId: at.theirs } }) },
  { name: "$unset of the tenant", run: (at) => updateAll(at, { $unset: { tenantId: "" } }) },
  { name: "$rename of the tenant", run: (at) => updateAll(at, { $rename: { tenantId: "t" } }) },
  { name: "$rename to the tenant", run: (at) => updateAll(at, { $rename: { note: "tenantId" } }) },
  { name: "$push to the tenant", run: (at) => updateAll(at, { $push: { tenantId: at.theirs } }) },
  { name: "a path below the tenant", run: (at) => updateAll(at, { $set: { "tenantId.a": 1 } }) },
  {
    name: "$setOnInsert of the tenant",
    run: ({ orders, theirs }) =>
      orders.updateOne({ n: 80 }, { $setOnInsert: { tenantId: theirs } }, { upsert: true }),
  },
  {
    name: "an upsert whose filter names the other",
    run: ({ orders, theirs }) =>
      orders.updateOne({ n: 80, tenantId: theirs }, { $set: { kind: 1 } }, { upsert: true }),
  },
  {
    name: "a bulk upsert of the other's document",
    run: ({ orders, theirs }) =>
      orders.bulkWrite([
        {
          replaceOne: { filter: { n: 80 }, replacement: { n: 80, tenantId: theirs }, upsert: true },
        },
      ]),
  },
  {
    name: "an insert of the other's",
    run: ({ orders, theirs }) => orders.insertOne({ n: 80, tenantId: theirs }),
  },
  {
    name: "a list as the tenant",
    run: ({ orders, mine, theirs }) =>
      orders.insertOne({ n: 80, tenantId: [mine, theirs] as never }),
  },
  {
    name: "null as the tenant",
    run: ({ orders }) => orders.insertOne({ n: 80, tenantId: null as never }),
  },
  {
    name: "a field below the tenant",
    run: ({ orders }) => orders.insertOne({ n: 80, "tenantId.a": 1 }),
  },
  {
    name: "a command that is not known",
    run: ({ database }) => database.command({ sometimes: 1 }),
  },
  { name: "currentOp", run: ({ database }) => database.command({ currentOp: 1 }) },
  {
    name: "another database",
    run: ({ database }) => database.command({ find: "orders", $db: "x" }),
  },
  {
    name: "the mark that says whose a database is",
    run: ({ database, theirs }) =>
      database
        .collection<{ _id: string }>("partywall.home")
        .insertOne({ _id: "home", tenantId: theirs } as never),
  },
  {
    name: "what is noted of a tenant's import",
    run: ({ database }) => database.collection("partywall.tenant-data").find().toArray(),
  },
  {
    name: "a view",
    run: ({ database }) => database.createCollection("v", { viewOn: "orders", pipeline: [] }),
  },
];

describeMongo("a tenant attacks another", (mongo) => {
  for (const [name, driver] of DRIVERS) {
    describe(`through ${name}`, () => {
      let site: Site;
      let attacker: Attacker;
      const stored = () =>
        mongo.client.db(site.guard.client.options.dbName).collection<Order>("orders");
      const theirs = () => stored().find({ tenantId: site.b }).sort({ n: 1 }).toArray();

      beforeEach(async () => {
        site = await openSite(driver, mongo.url + mongo.database().databaseName);
        const { orders, inA, inB, inSystem, guard, a, b } = site;
        const database = guard.client.db();
        await inSystem(() => database.collection("plans").insertOne({ name: "free" }));
        for (const [run, note] of [
          [inA, "mine"],
          [inB, "a secret"],
        ] as const)
          await run(() => orders.insertMany([1, 2, 3].map((n) => ({ n, note, kind: 1 }))));
        const [{ _id: target }] = (await theirs()) as [mongodb.WithId<Order>];
        // Of the attacker's own driver, as it would have read it somewhere.
        const own = driver.ObjectId.createFromHexString(target.toHexString());
        attacker = { orders, database, mine: a, theirs: b, target: own };
      });
      afterEach(() => site.pw.close());

      /** That the other tenant's are as they were, and nobody's were made. */
      const unharmed = async (attack: () => Promise<void>): Promise<void> => {
        const before = await theirs();
        await attack();
        expect(await theirs()).toEqual(before);
        const known = [site.a, site.b];
        const all = await stored().find().toArray();
        expect(all.filter(({ tenantId }) => !known.includes(tenantId!))).toEqual([]);
      };
      /** What of the other tenant an answer tells; nothing, where it was in vain. */
      const leakOf = async (run: Attack["run"]): Promise<string | undefined> => {
        const answer = JSON.stringify(await site.inA(() => run(attacker)));
        return ["a secret", site.b].find((one) => answer.includes(one));
      };

      const inVain = (run: Attack["run"]) =>
        unharmed(async () => expect(await leakOf(run)).toBeUndefined());

      test.each(FRUITLESS.filter(({ needs }) => needs === undefined))(
        "in vain by $name",
        ({ run }) => unharmed(async () => expect(await leakOf(run)).toBeUndefined()),
      );
      for (const { name: what, needs, run } of FRUITLESS) {
        if (needs === undefined) continue;
        mongo.testNeeding(needs, `in vain by ${what}`, () => inVain(run));
      }

      test.each(REFUSED)("and is refused: $name", ({ run }) =>
        unharmed(async () => {
          await expect(site.inA(() => run(attacker))).rejects.toMatchObject({
            code: expect.stringMatching(/^PW_(STATEMENT_REFUSED|WRITE_MISMATCH)$/) as string,
          });
        }),
      );
    });
  }
});
