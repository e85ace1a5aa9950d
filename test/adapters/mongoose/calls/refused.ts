import type { Call } from "./call.js";

/** Calls that a tenant's scope may not make, whatever server there is. */
export const REFUSED: readonly Call[] = [
  {
    name: "Model.aggregate() with $out",
    commands: [],
    run: ({ Order }) => Order.aggregate([{ $out: "elsewhere" }]).exec(),
  },
  {
    name: "Model.aggregate() with $merge",
    commands: [],
    run: ({ Order }) => Order.aggregate([{ $merge: { into: "elsewhere" } }]).exec(),
  },
  {
    name: "Model.find() with $where",
    commands: [],
    run: ({ Order }) => Order.find({ $where: "true" }).exec(),
  },
  {
    name: "Model.aggregate() with $function",
    commands: [],
    run: ({ Order }) =>
      Order.aggregate([
        { $set: { n: { $function: { body: "function () {}", args: [], lang: "js" } } } },
      ]).exec(),
  },
  {
    name: "db.command({ mapReduce })",
    commands: [],
    run: ({ database }) =>
      database.command({ mapReduce: "orders", map: "", reduce: "", out: { inline: 1 } }),
  },
  {
    name: "collection.drop()",
    commands: [],
    run: ({ Order }) => Order.collection.drop(),
  },
  {
    name: "connection.dropDatabase()",
    commands: [],
    run: ({ mongoose }) => mongoose.connection.dropDatabase(),
  },
  {
    name: "collection.rename()",
    commands: [],
    run: ({ Order }) => Order.collection.rename("mine"),
  },
  {
    name: "db.stats()",
    commands: [],
    run: ({ database }) => database.stats(),
  },
  {
    name: "db.command() that the guard does not know",
    commands: [],
    run: ({ database }) => database.command({ sometimes: 1 }),
  },
  {
    name: "db.createCollection() of a view",
    commands: [],
    run: ({ database }) => database.createCollection("v", { viewOn: "orders", pipeline: [] }),
  },
  {
    name: "client.watch()",
    commands: [],
    run: async ({ client }) => {
      const stream = client.watch();
      try {
        return await stream.next();
      } finally {
        await stream.close();
      }
    },
  },
  {
    name: "Model.updateMany() of the tenant",
    commands: [],
    run: ({ Order, b }) =>
      Order.updateMany({}, { $set: { tenantId: b } }, { strict: false }).exec(),
  },
  {
    name: "Model.updateMany() that renames the tenant away",
    commands: [],
    run: ({ Order }) =>
      Order.updateMany({}, { $rename: { tenantId: "t" } }, { strict: false }).exec(),
  },
  {
    name: "Model.collection.insertOne() for another tenant",
    commands: [],
    run: ({ Order, b }) => Order.collection.insertOne({ n: 4, tenantId: b }),
  },
];
