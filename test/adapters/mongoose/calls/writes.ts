import { MONGODB, type Call } from "./call.js";
import { MINE, MY_ORDER, THEIR_ORDER, type CallSite, type Order } from "./site.js";

/** An order that is stored already, as Mongoose has one that it has read. */
const stored = ({ Order }: CallSite, _id: string) => Order.hydrate({ _id, n: 1, note: MINE });

// Another one each time: Mongoose casts it in place.
const theirs = () => ({ _id: THEIR_ORDER });

export const WRITES: readonly Call[] = [
  {
    name: "new Model().save()",
    commands: ["insert"],
    run: ({ Order }) => new Order({ n: 4, note: MINE }).save(),
  },
  {
    name: "Model.create()",
    commands: ["insert"],
    run: ({ Order }) => Order.create({ n: 4, note: MINE }),
  },
  {
    name: "Model.insertMany()",
    commands: ["insert"],
    run: ({ Order }) => Order.insertMany([{ n: 4 }, { n: 5 }]),
  },
  {
    name: "document.save()",
    commands: ["update"],
    run: (site) => stored(site, MY_ORDER).set("n", 7).save(),
  },
  {
    name: "document.updateOne()",
    commands: ["update"],
    run: (site) => stored(site, THEIR_ORDER).updateOne({ n: 7 }).exec(),
  },
  {
    name: "document.deleteOne()",
    commands: ["delete"],
    run: (site) => stored(site, THEIR_ORDER).deleteOne().exec(),
  },
  {
    name: "Model.updateOne()",
    commands: ["update"],
    run: ({ Order }) => Order.updateOne(theirs(), { n: 7 }).exec(),
  },
  {
    name: "Model.updateMany()",
    commands: ["update"],
    run: ({ Order }) => Order.updateMany({}, { $inc: { n: 10 } }).exec(),
  },
  {
    name: "Model.updateMany() by a pipeline",
    commands: ["update"],
    on: MONGODB,
    run: ({ Order }) =>
      Order.updateMany({}, [{ $set: { n: { $add: ["$n", 10] } } }], {
        updatePipeline: true,
      }).exec(),
  },
  {
    name: "Model.updateOne() with upsert",
    commands: ["update"],
    run: ({ Order }) => Order.updateOne({ n: 8 }, { note: MINE }, { upsert: true }).exec(),
  },
  {
    name: "Model.replaceOne()",
    commands: ["update"],
    run: ({ Order }) => Order.replaceOne({ n: 1 }, { n: 7, note: MINE }).exec(),
  },
  {
    name: "Model.findOneAndUpdate()",
    commands: ["findAndModify"],
    run: ({ Order }) =>
      Order.findOneAndUpdate({ n: 1 }, { n: 7 }, { returnDocument: "after" }).exec(),
  },
  {
    name: "Model.findByIdAndUpdate()",
    commands: ["findAndModify"],
    expect: null,
    run: ({ Order }) => Order.findByIdAndUpdate(THEIR_ORDER, { n: 7 }).exec(),
  },
  {
    name: "Model.findOneAndUpdate() with upsert",
    commands: ["findAndModify"],
    run: ({ Order }) =>
      Order.findOneAndUpdate(
        { n: 8 },
        { note: MINE },
        { upsert: true, returnDocument: "after" },
      ).exec(),
  },
  {
    name: "Model.findOneAndReplace()",
    commands: ["findAndModify"],
    run: ({ Order }) => Order.findOneAndReplace({ n: 1 }, { n: 7, note: MINE }).exec(),
  },
  {
    name: "Model.findOneAndDelete()",
    commands: ["findAndModify"],
    expect: null,
    run: ({ Order }) => Order.findOneAndDelete(theirs()).exec(),
  },
  {
    name: "Model.findByIdAndDelete()",
    commands: ["findAndModify"],
    expect: null,
    run: ({ Order }) => Order.findByIdAndDelete(THEIR_ORDER).exec(),
  },
  {
    name: "Model.deleteOne()",
    commands: ["delete"],
    run: ({ Order }) => Order.deleteOne(theirs()).exec(),
  },
  {
    name: "Model.deleteMany()",
    commands: ["delete"],
    run: ({ Order }) => Order.deleteMany({}).exec(),
  },
  {
    name: "Model.bulkWrite()",
    commands: ["insert", "update", "delete"],
    run: ({ Order }) =>
      Order.bulkWrite([
        { insertOne: { document: { n: 4, note: MINE } } },
        { updateOne: { filter: theirs(), update: { n: 7 } } },
        { deleteMany: { filter: { n: { $gte: 0 } } } },
      ]),
  },
  {
    name: "Model.bulkSave()",
    commands: ["insert", "update"],
    run: (site) =>
      site.Order.bulkSave([new site.Order({ n: 4 }), stored(site, MY_ORDER).set("n", 7)] as never),
  },
  {
    name: "connection.bulkWrite()",
    commands: ["bulkWrite"],
    on: MONGODB,
    run: ({ mongoose }) =>
      mongoose.connection.bulkWrite([
        { model: "Order", name: "insertOne", document: { n: 4, note: MINE } },
        { model: "Order", name: "deleteMany", filter: {} },
      ] as never),
  },
  {
    name: "connection.transaction()",
    commands: ["insert", "update", "commitTransaction"],
    on: MONGODB,
    run: async ({ mongoose, Order }) => {
      await mongoose.connection.transaction(async (session) => {
        await Order.create([{ n: 4 }], { session });
        await Order.updateMany({}, { $inc: { n: 10 } }, { session });
      });
    },
  },
];

/** A plain order, for the driver itself. */
export const PLAIN: Omit<Order, "customer"> = { n: 4, note: MINE };
