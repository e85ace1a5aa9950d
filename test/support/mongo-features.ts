import type { Db, Document, MongoClient } from "mongodb";
import type { MongoEngine } from "./mongo-servers.js";

/** Which servers have a feature, and a probe that rejects where it is missing. */
interface Feature {
  readonly on: readonly MongoEngine[];
  readonly probe: (database: Db, client: MongoClient) => Promise<void>;
}

const ALL: readonly MongoEngine[] = ["ferretdb", "mongo-java-server", "mongod"];

/** One pipeline over two documents of a collection `c`, whose answer has to be this. */
const pipeline =
  (stages: Document[], answer: Document[]): Feature["probe"] =>
  async (database) => {
    const documents = database.collection("c");
    await documents.insertMany([
      { _id: 1, n: 1, list: [1, 2] },
      { _id: 2, n: 1, list: [3] },
    ] as Document[]);
    same(await documents.aggregate(stages).toArray(), answer);
  };

/** What the servers can do beyond the plain reads and writes that all have; the test beside it measures every line. */
export const MONGO_FEATURES = {
  transactions: {
    on: ["mongod"],
    probe: async (database, client) => {
      const documents = database.collection("c");
      await documents.insertOne({ n: 1 });
      await client.withSession(async (session) => {
        session.startTransaction();
        await documents.insertOne({ n: 2 }, { session });
        await session.abortTransaction();
      });
      same(await documents.countDocuments(), 1);
    },
  },
  sessions: {
    on: ["ferretdb", "mongod"],
    probe: (database, client) =>
      client.withSession(async (session) => {
        await database.collection("c").insertOne({ n: 1 }, { session });
      }),
  },
  changeStreams: {
    on: ["mongod"],
    probe: async (database) => {
      const stream = database.collection("c").watch();
      try {
        await stream.tryNext();
      } finally {
        await stream.close();
      }
    },
  },
  lookup: {
    on: ["mongo-java-server", "mongod"],
    probe: pipeline(
      [
        { $match: { _id: 2 } },
        { $lookup: { from: "c", localField: "n", foreignField: "_id", as: "found" } },
        { $project: { found: "$found._id" } },
      ],
      [{ _id: 2, found: [1] }],
    ),
  },
  lookupPipeline: {
    on: ["mongo-java-server", "mongod"],
    probe: pipeline(
      [
        { $match: { _id: 2 } },
        { $lookup: { from: "c", pipeline: [{ $match: { _id: 1 } }], as: "found" } },
        { $project: { found: "$found._id" } },
      ],
      [{ _id: 2, found: [1] }],
    ),
  },
  graphLookup: {
    on: ["mongod"],
    probe: pipeline(
      [
        { $match: { _id: 2 } },
        {
          $graphLookup: {
            from: "c",
            startWith: "$n",
            connectFromField: "n",
            connectToField: "_id",
            as: "found",
          },
        },
        { $project: { found: "$found._id" } },
      ],
      [{ _id: 2, found: [1] }],
    ),
  },
  unionWith: {
    on: ["mongod"],
    probe: pipeline([{ $unionWith: "c" }, { $count: "n" }], [{ n: 4 }]),
  },
  facet: {
    on: ["mongo-java-server", "mongod"],
    probe: pipeline([{ $facet: { all: [{ $count: "n" }] } }], [{ all: [{ n: 2 }] }]),
  },
  out: {
    on: ["mongo-java-server", "mongod"],
    probe: async (database, client) => {
      await pipeline([{ $out: "o" }], [])(database, client);
      same(await database.collection("o").countDocuments(), 2);
    },
  },
  merge: {
    on: ["mongo-java-server", "mongod"],
    probe: async (database, client) => {
      await pipeline([{ $merge: { into: "m" } }], [])(database, client);
      same(await database.collection("m").countDocuments(), 2);
    },
  },
  addFields: {
    on: ALL,
    probe: pipeline(
      [{ $match: { _id: 2 } }, { $addFields: { n: 7 } }, { $project: { n: 1 } }],
      [{ _id: 2, n: 7 }],
    ),
  },
  groupSum: {
    on: ALL,
    probe: pipeline([{ $group: { _id: "$n", n: { $sum: 1 } } }], [{ _id: 1, n: 2 }]),
  },
  exprFilter: {
    on: ["mongo-java-server", "mongod"],
    probe: pipeline([{ $match: { $expr: { $eq: ["$_id", 2] } } }, { $count: "n" }], [{ n: 1 }]),
  },
  regexMatch: {
    on: ["mongod"],
    probe: pipeline(
      [{ $limit: 1 }, { $project: { _id: 0, is: { $regexMatch: { input: "a", regex: "^a" } } } }],
      [{ is: true }],
    ),
  },
  replaceRoot: {
    on: ["mongo-java-server", "mongod"],
    probe: pipeline([{ $limit: 1 }, { $replaceRoot: { newRoot: { a: 1 } } }], [{ a: 1 }]),
  },
  geoNear: {
    on: ["mongod"],
    probe: async (database) => {
      const places = database.collection("places");
      await places.createIndex({ at: "2dsphere" });
      const near = { type: "Point" as const, coordinates: [0, 0] as [number, number] };
      await places.insertOne({ at: near });
      const found = await places.aggregate([{ $geoNear: { near, distanceField: "d" } }]).toArray();
      same(found.length, 1);
    },
  },
  updatePipeline: {
    on: ["mongod"],
    probe: async (database) => {
      const documents = database.collection("c");
      await documents.insertOne({ n: 1 });
      await documents.updateOne({}, [{ $set: { m: "$n" } }]);
      same(await documents.countDocuments({ m: 1 }), 1);
    },
  },
  arrayFilters: {
    on: ["mongo-java-server", "mongod"],
    probe: async (database) => {
      const documents = database.collection<{ list: number[] }>("c");
      await documents.insertOne({ list: [1, 2] });
      await documents.updateOne({}, { $set: { "list.$[one]": 9 } }, { arrayFilters: [{ one: 2 }] });
      same((await documents.findOne())?.list, [1, 9]);
    },
  },
  upsertFromAnd: {
    on: ["mongo-java-server", "mongod"],
    probe: async (database) => {
      const documents = database.collection("c");
      const filter = { $and: [{ tenantId: "a" }, { n: 1 }] };
      await documents.updateOne(filter, { $set: { m: 2 } }, { upsert: true });
      same(await documents.countDocuments({ tenantId: "a", n: 1, m: 2 }), 1);
    },
  },
  atomicUpdate: {
    on: ["mongo-java-server", "mongod"],
    probe: async (database) => {
      const documents = database.collection<{ _id: number; n: number }>("c");
      for (let _id = 0; _id < 100; _id += 1) {
        // oxlint-disable-next-line no-await-in-loop -- a race for one document after the other
        await documents.insertOne({ _id, n: 0 });
        const claim = () => documents.findOneAndUpdate({ _id, n: 0 }, { $set: { n: 1 } });
        // oxlint-disable-next-line no-await-in-loop -- see above
        const found = await Promise.all(Array.from({ length: 6 }, claim));
        same(found.filter((one) => one !== null).length, 1);
      }
    },
  },
  concurrentIndexes: {
    on: ["mongo-java-server", "mongod"],
    probe: async (database) => {
      await database.collection("warm").insertMany([{}, {}]);
      for (let round = 0; round < 20; round += 1) {
        const create = () =>
          database.collection(`c${round}`).createIndexes([{ key: { n: 1 } }, { key: { m: 1 } }]);
        // oxlint-disable-next-line no-await-in-loop -- one collection after the other
        await Promise.all(Array.from({ length: 6 }, create));
      }
    },
  },
  uniqueIndex: {
    on: ALL,
    probe: async (database) => {
      const documents = database.collection("c");
      await documents.createIndex({ slug: 1 }, { unique: true });
      await documents.insertOne({ slug: "a" });
      await duplicate(documents.insertOne({ slug: "a" }));
    },
  },
  uniqueMultikeyIndex: {
    on: ["mongo-java-server", "mongod"],
    probe: async (database) => {
      const documents = database.collection("c");
      await documents.createIndex({ domains: 1 }, { unique: true });
      await documents.insertOne({ domains: ["a", "b"] });
      await duplicate(documents.insertOne({ domains: ["c", "b"] }));
    },
  },
  uniquePartialIndex: {
    on: ["mongod"],
    probe: async (database) => {
      const documents = database.collection("c");
      await documents.createIndex(
        { slug: 1 },
        { unique: true, partialFilterExpression: { slug: { $exists: true } } },
      );
      await documents.insertMany([{ n: 1 }, { n: 2 }]);
      await documents.insertOne({ slug: "a" });
      await duplicate(documents.insertOne({ slug: "a" }));
    },
  },
  collation: {
    on: ["mongod"],
    probe: async (database) => {
      const documents = database.collection("c");
      await documents.insertOne({ name: "A" });
      const collation = { locale: "en", strength: 2 };
      same((await documents.find({ name: "a" }, { collation }).toArray()).length, 1);
    },
  },
  textSearch: {
    on: ["mongod"],
    probe: async (database) => {
      const documents = database.collection("c");
      await documents.createIndex({ name: "text" });
      await documents.insertOne({ name: "a wall" });
      same(await documents.countDocuments({ $text: { $search: "wall" } }), 1);
    },
  },
  mapReduce: {
    on: ["mongod"],
    probe: async (database) => {
      await database.collection("c").insertOne({ n: 1 });
      await database.command({
        mapReduce: "c",
        map: "function () { emit(1, this.n); }",
        reduce: "function (key, values) { return Array.sum(values); }",
        out: { inline: 1 },
      });
    },
  },
  views: {
    on: ["mongod"],
    probe: async (database) => {
      await database.collection("c").insertOne({ n: 1 });
      await database.createCollection("v", { viewOn: "c", pipeline: [{ $match: { n: 1 } }] });
      same(await database.collection("v").countDocuments(), 1);
    },
  },
  validators: {
    on: ["mongod"],
    probe: async (database) => {
      const documents = await database.createCollection("c", {
        validator: { n: { $type: "int" } },
      });
      const inserted = await documents.insertOne({ n: "one" }).then(
        () => true,
        () => false,
      );
      same(inserted, false);
    },
  },
  indexOptions: {
    on: ["mongo-java-server", "mongod"],
    probe: async (database) => {
      const documents = database.collection("c");
      await documents.createIndex({ at: 1 }, { expireAfterSeconds: 60 });
      await documents.createIndex({ n: 1 }, { sparse: true });
      const [, expiring, sparse] = await documents.listIndexes().toArray();
      same([expiring?.expireAfterSeconds, sparse?.sparse], [60, true]);
    },
  },
  cappedCollections: {
    on: ["ferretdb", "mongod"],
    probe: async (database) => {
      await database.createCollection("c", { capped: true, size: 100_000 });
    },
  },
  timeSeries: {
    on: ["mongod"],
    probe: async (database) => {
      await database.createCollection("c", { timeseries: { timeField: "at" } });
      const [found] = await database.listCollections({ name: "c" }).toArray();
      same(found?.type, "timeseries");
    },
  },
  quotedNames: {
    on: ["mongo-java-server", "mongod"],
    probe: async (database) => {
      const documents = database.collection(`a") \n`);
      await documents.createIndex({ n: 1 }, { name: `a") \n` });
      await documents.insertOne({ n: 1 });
    },
  },
  getMore: {
    on: ALL,
    probe: async (database) => {
      const documents = database.collection("c");
      await documents.insertMany(Array.from({ length: 7 }, (_, n) => ({ n })));
      same((await documents.find({}, { batchSize: 2 }).toArray()).length, 7);
    },
  },
  explain: {
    on: ["ferretdb", "mongod"],
    probe: async (database) => {
      await database.collection("c").insertOne({ n: 1 });
      await database.collection("c").find({ n: 1 }).explain();
    },
  },
  clientBulkWrite: {
    on: ["mongod"],
    probe: async (database, client) => {
      await client.bulkWrite([
        {
          name: "insertOne",
          namespace: `${database.databaseName}.c`,
          document: { n: 1 } as Document,
        },
      ]);
      same(await database.collection("c").countDocuments(), 1);
    },
  },
} satisfies Record<string, Feature>;

/** The name of a feature that not every server has to have. */
export type MongoFeature = keyof typeof MONGO_FEATURES;

/** Whether a server has a feature, by the table. */
export function hasFeature(engine: MongoEngine, feature: MongoFeature): boolean {
  const { on }: Feature = MONGO_FEATURES[feature];
  return on.includes(engine);
}

function same(found: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  if (left !== right) throw new Error(`found ${left}, not ${right}`);
}

async function duplicate(insertion: Promise<unknown>): Promise<void> {
  const code = await insertion.then(
    () => "inserted",
    (error: { code?: unknown }) => error.code,
  );
  same(code, 11000);
}
