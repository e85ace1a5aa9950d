// oxlint-disable typescript/no-explicit-any -- each is called on both majors, whose types differ

/** One call on a bound model, over the documents of {@link SEEDS}, and what the tenant's documents are then. */
export interface Operation {
  readonly name: string;
  readonly run: (model: any) => Promise<unknown>;
  /** What it gives; not looked at where undefined. */
  readonly gives?: unknown;
  /** The `n` of the tenant's documents afterwards; as they were unless told. */
  readonly leaves?: readonly number[];
}

/** The `n` of each tenant's documents. One of them is the same, and in bolt's place the other would be hit as well. */
export const SEEDS = { acme: [1, 2], bolt: [1, 3] } as const;

const numbers = (documents: any[]): number[] =>
  documents.map(({ n }) => n as number).toSorted((x, y) => x - y);
const one = async (model: any) => model.findOne({ n: 1 });

/** What mongo-tenant 1.8 kept to the tenant. */
export const KEPT: readonly Operation[] = [
  { name: "find", run: async (m) => numbers(await m.find()), gives: [1, 2] },
  { name: "findOne", run: async (m) => m.findOne({ n: 3 }), gives: null },
  { name: "exists", run: async (m) => m.exists({ n: 3 }), gives: null },
  { name: "countDocuments", run: async (m) => m.countDocuments(), gives: 2 },
  {
    name: "aggregate",
    run: async (m) => m.aggregate([{ $group: { _id: null, n: { $sum: "$n" } } }]),
    gives: [{ _id: null, n: 3 }],
  },
  { name: "create", run: (m) => m.create({ n: 4 }), leaves: [1, 2, 4] },
  { name: "save of a new document", run: (m) => new m({ n: 4 }).save(), leaves: [1, 2, 4] },
  { name: "updateMany", run: async (m) => m.updateMany({}, { $inc: { n: 10 } }), leaves: [11, 12] },
  {
    name: "findOneAndUpdate",
    run: async (m) => m.findOneAndUpdate({ n: 3 }, { n: 9 }),
    gives: null,
  },
  { name: "deleteMany", run: async (m) => m.deleteMany(), leaves: [] },
  { name: "deleteOne", run: async (m) => m.deleteOne({ n: 3 }) },
];

/** What it let out, or wrote without a tenant. */
export const LEAKED: readonly Operation[] = [
  { name: "updateOne", run: async (m) => m.updateOne({ n: 3 }, { n: 9 }) },
  {
    name: "updateOne of a shared value",
    run: async (m) => m.updateOne({ n: 1 }, { n: 9 }),
    leaves: [2, 9],
  },
  { name: "replaceOne", run: async (m) => m.replaceOne({ n: 3 }, { n: 9 }) },
  { name: "findOneAndDelete", run: async (m) => m.findOneAndDelete({ n: 3 }), gives: null },
  {
    name: "findOneAndReplace",
    run: async (m) => m.findOneAndReplace({ n: 3 }, { n: 9 }),
    gives: null,
  },
  {
    name: "distinct",
    run: async (m) => (await m.distinct("n")).toSorted((x: number, y: number) => x - y),
    gives: [1, 2],
  },
  { name: "estimatedDocumentCount", run: async (m) => m.estimatedDocumentCount(), gives: 2 },
  {
    name: "bulkWrite",
    run: (m) =>
      m.bulkWrite([
        { insertOne: { document: { n: 4 } } },
        { updateOne: { filter: { n: 3 }, update: { n: 9 } } },
        { updateMany: { filter: {}, update: { $inc: { n: 10 } } } },
        { deleteOne: { filter: { n: 13 } } },
      ]),
    leaves: [11, 12, 14],
  },
  {
    name: "insertMany",
    run: async (m) => numbers(await m.insertMany([{ n: 4 }, { n: 5 }])),
    gives: [4, 5],
    leaves: [1, 2, 4, 5],
  },
  {
    name: "bulkSave",
    run: async (m) => {
      const documents = await m.find();
      for (const document of documents) document.n += 10;
      await m.bulkSave([...documents, new m({ n: 4 })]);
    },
    leaves: [4, 11, 12],
  },
  {
    name: "save of a document that was read",
    run: async (m) => {
      const document = await one(m);
      document.n = 9;
      await document.save();
    },
    leaves: [2, 9],
  },
  { name: "deleteOne of a document", run: async (m) => (await one(m)).deleteOne(), leaves: [2] },
  {
    name: "updateOne of a document",
    run: async (m) => (await one(m)).updateOne({ n: 9 }),
    leaves: [2, 9],
  },
  { name: "cursor", run: async (m) => read(m.find().batchSize(1).cursor()), gives: [1, 2] },
  {
    name: "cursor of an aggregate",
    run: async (m) => read(m.aggregate([{ $match: {} }]).cursor()),
    gives: [1, 2],
  },
  {
    name: "stream",
    run: (m) =>
      new Promise((resolve, reject) => {
        const found: number[] = [];
        m.find()
          .cursor()
          .on("data", ({ n }: { n: number }) => found.push(n))
          .on("error", reject)
          .on("end", () => resolve(found.toSorted((x, y) => x - y)));
      }),
    gives: [1, 2],
  },
  {
    name: "collection.find",
    run: async (m) => numbers(await m.collection.find({}).toArray()),
    gives: [1, 2],
  },
  {
    name: "collection.find, step by step",
    run: async (m) => read(m.collection.find({}).batchSize(1)),
    gives: [1, 2],
  },
  {
    name: "a clone of collection.find",
    run: async (m) => read(m.collection.find({}).clone()),
    gives: [1, 2],
  },
  { name: "collection.find().count", run: async (m) => m.collection.find({}).count(), gives: 2 },
  {
    name: "collection.aggregate",
    run: async (m) => read(m.collection.aggregate([])),
    gives: [1, 2],
  },
  { name: "collection.countDocuments", run: async (m) => m.collection.countDocuments(), gives: 2 },
  {
    name: "collection.insertOne",
    run: async (m) => m.collection.insertOne({ n: 4 }),
    leaves: [1, 2, 4],
  },
  {
    name: "collection.updateMany",
    run: async (m) => m.collection.updateMany({}, { $inc: { n: 10 } }),
    leaves: [11, 12],
  },
  { name: "collection.deleteMany", run: async (m) => m.collection.deleteMany({}), leaves: [] },
  {
    name: "a bulk of the collection",
    run: (m) => {
      const bulk = m.collection.initializeOrderedBulkOp();
      bulk.insert({ n: 4 });
      bulk.find({}).update({ $inc: { n: 10 } });
      return bulk.execute();
    },
    leaves: [11, 12, 14],
  },
  {
    name: "the driver's collection",
    run: async (m) => (await driversOf(m)).countDocuments({}),
    gives: 2,
  },
  {
    name: "db.collection",
    run: async (m) => m.db.collection(m.collection.name).countDocuments({}),
    gives: 2,
  },
];

async function driversOf(model: any) {
  // Mongoose makes it when it is first used.
  await model.findOne();
  return model.collection.collection;
}

async function read(cursor: AsyncIterable<{ n: number }>): Promise<number[]> {
  const found: number[] = [];
  for await (const { n } of cursor) found.push(n);
  return found.toSorted((x, y) => x - y);
}
