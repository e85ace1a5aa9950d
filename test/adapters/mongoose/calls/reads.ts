import { firstCommandOf } from "./watching.js";
import { EXPLAINING, JOINING, MONGODB, type Call } from "./call.js";
import { THEIR_ORDER } from "./site.js";

const found = (documents: readonly unknown[]) => documents.length;

export const READS: readonly Call[] = [
  {
    name: "Model.find()",
    commands: ["find"],
    expect: 3,
    run: async ({ Order }) => found(await Order.find()),
  },
  {
    name: "Model.findOne()",
    commands: ["find"],
    run: ({ Order }) => Order.findOne({ n: 2 }).exec(),
  },
  {
    name: "Model.findById()",
    commands: ["find"],
    expect: null,
    run: ({ Order }) => Order.findById(THEIR_ORDER).exec(),
  },
  {
    name: "Model.exists()",
    commands: ["find"],
    expect: null,
    run: ({ Order }) => Order.exists({ _id: THEIR_ORDER }).exec(),
  },
  {
    name: "Model.countDocuments()",
    commands: ["aggregate"],
    expect: 3,
    run: ({ Order }) => Order.countDocuments().exec(),
  },
  {
    name: "Model.estimatedDocumentCount()",
    commands: ["count"],
    expect: 3,
    run: ({ Order }) => Order.estimatedDocumentCount().exec(),
  },
  {
    name: "Model.distinct()",
    commands: ["distinct"],
    run: ({ Order }) => Order.distinct("note").exec(),
  },
  {
    name: "Model.find().cursor()",
    commands: ["find", "getMore"],
    expect: 3,
    run: async ({ Order }) => {
      let count = 0;
      for await (const { n } of Order.find().batchSize(2).cursor()) count += n > 0 ? 1 : 0;
      return count;
    },
  },
  {
    name: "Model.find().populate()",
    commands: ["find", "find"],
    run: ({ Order }) => Order.find().populate("customer").exec(),
  },
  {
    name: "Model.find().populate() of a virtual",
    commands: ["find", "find"],
    run: ({ Customer }) => Customer.find().populate("orders").exec(),
  },
  {
    name: "Model.find().explain()",
    commands: ["explain"],
    on: EXPLAINING,
    run: ({ Order }) => Order.find({ n: 1 }).explain().exec(),
  },
  {
    name: "Model.aggregate()",
    commands: ["aggregate"],
    expect: [{ _id: null, n: 6 }],
    run: ({ Order }) => Order.aggregate([{ $group: { _id: null, n: { $sum: "$n" } } }]).exec(),
  },
  {
    name: "Model.aggregate().cursor()",
    commands: ["aggregate", "getMore"],
    expect: 3,
    run: async ({ Order }) => {
      let count = 0;
      for await (const { n } of Order.aggregate<{ n: number }>([]).cursor({ batchSize: 2 }))
        count += n > 0 ? 1 : 0;
      return count;
    },
  },
  {
    name: "Model.aggregate() with $lookup",
    commands: ["aggregate"],
    on: JOINING,
    run: ({ Customer }) =>
      Customer.aggregate([{ $lookup: { from: "orders", pipeline: [], as: "orders" } }]).exec(),
  },
  {
    name: "Model.aggregate() with $lookup into a shared collection",
    commands: ["aggregate"],
    on: JOINING,
    run: ({ Order }) =>
      Order.aggregate([
        { $lookup: { from: "plans", localField: "n", foreignField: "n", as: "plan" } },
      ]).exec(),
  },
  {
    name: "Model.aggregate() with $graphLookup",
    commands: ["aggregate"],
    on: MONGODB,
    run: ({ Order }) =>
      Order.aggregate([
        {
          $graphLookup: {
            from: "orders",
            startWith: "$next",
            connectFromField: "next",
            connectToField: "n",
            as: "later",
          },
        },
      ]).exec(),
  },
  {
    name: "Model.aggregate() with $unionWith",
    commands: ["aggregate"],
    on: MONGODB,
    run: ({ Order }) => Order.aggregate([{ $unionWith: { coll: "customers" } }]).exec(),
  },
  {
    name: "Model.aggregate() with $facet",
    commands: ["aggregate"],
    on: JOINING,
    run: ({ Order }) => Order.aggregate([{ $facet: { all: [{ $match: {} }] } }]).exec(),
  },
  {
    name: "Model.aggregate() with $geoNear",
    commands: ["aggregate"],
    on: [],
    run: ({ Order }) =>
      Order.aggregate([
        { $geoNear: { near: { type: "Point", coordinates: [0, 0] }, distanceField: "d" } },
      ]).exec(),
  },
  {
    name: "Model.aggregate() with $search",
    commands: ["aggregate"],
    on: [],
    run: ({ Order }) =>
      Order.aggregate([{ $search: { text: { query: "wall", path: "note" } } }]).exec(),
  },
  {
    name: "Model.aggregate() with $vectorSearch",
    commands: ["aggregate"],
    on: [],
    run: ({ Order }) =>
      Order.aggregate([
        {
          $vectorSearch: {
            index: "v",
            path: "v",
            queryVector: [1],
            numCandidates: 9,
            limit: 3,
          },
        },
      ]).exec(),
  },
  {
    name: "Model.watch()",
    commands: ["aggregate"],
    on: MONGODB,
    run: ({ Order, client }) => firstCommandOf(client, Order.watch()),
  },
];
