import { EXPLAINING, MONGODB, type Call } from "./call.js";
import type { CallSite } from "./site.js";
import { firstCommandOf } from "./watching.js";
import { PLAIN } from "./writes.js";

const orders = ({ database }: CallSite) => database.collection<{ n: number }>("orders");

export const NATIVE: readonly Call[] = [
  {
    name: "collection.find()",
    commands: ["find"],
    expect: 3,
    run: async (site) => (await orders(site).find().toArray()).length,
  },
  {
    name: "Model.collection.insertOne()",
    commands: ["insert"],
    run: ({ Order }) => Order.collection.insertOne({ ...PLAIN }),
  },
  {
    name: "collection.updateMany()",
    commands: ["update"],
    run: (site) => orders(site).updateMany({}, { $inc: { n: 10 } }),
  },
  {
    name: "collection.deleteMany()",
    commands: ["delete"],
    run: (site) => orders(site).deleteMany(),
  },
  {
    name: "collection.initializeOrderedBulkOp()",
    commands: ["insert", "update", "delete"],
    run: async (site) => {
      const bulk = orders(site).initializeOrderedBulkOp();
      bulk.insert({ ...PLAIN });
      bulk.find({ n: 1 }).updateOne({ $set: { n: 7 } });
      bulk.find({}).delete();
      return bulk.execute();
    },
  },
  {
    name: "collection.watch()",
    commands: ["aggregate"],
    on: MONGODB,
    run: (site) => firstCommandOf(site.client, orders(site).watch()),
  },
  {
    name: "db.watch()",
    commands: ["aggregate"],
    on: MONGODB,
    run: ({ client, database }) => firstCommandOf(client, database.watch()),
  },
  {
    name: "db.command()",
    commands: ["find"],
    run: ({ database }) => database.command({ find: "orders", filter: {} }),
  },
  {
    name: "db.command() that explains",
    commands: ["explain"],
    on: EXPLAINING,
    run: ({ database }) => database.command({ explain: { count: "orders" } }),
  },
  {
    name: "db.runCursorCommand()",
    commands: ["aggregate"],
    run: ({ database }) =>
      database.runCursorCommand({ aggregate: "orders", pipeline: [], cursor: {} }).toArray(),
  },
  {
    name: "client.bulkWrite()",
    commands: ["bulkWrite"],
    on: MONGODB,
    run: ({ client, database }) =>
      client.bulkWrite([
        { name: "insertOne", namespace: `${database.databaseName}.orders`, document: { ...PLAIN } },
        { name: "deleteMany", namespace: `${database.databaseName}.orders`, filter: {} },
      ] as never),
  },
  {
    name: "client.withSession() and withTransaction()",
    commands: ["insert", "commitTransaction"],
    on: MONGODB,
    run: (site) =>
      site.client.withSession((session) =>
        session.withTransaction(async () => {
          await orders(site).insertOne({ ...PLAIN }, { session });
        }),
      ),
  },
];
