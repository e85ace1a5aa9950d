import type { Document } from "mongodb";
import { expect } from "vitest";
import { ids, MONGODB, WIDER, type Operation } from "./operation.js";

/** Stages that reach beyond the documents before them, tried. */
export const JOINS: readonly Operation[] = [
  {
    name: "$lookup",
    on: WIDER,
    run: async ({ read }) => {
      const stage = { from: "items", localField: "n", foreignField: "n", as: "found" };
      // As for a server before 5.0, which cannot do both forms in one.
      const found = await read(
        "acme",
        { aggregate: "orders", pipeline: [{ $lookup: stage }], cursor: {} },
        { serverVersion: [4, 4, 0], isBinary: () => true },
      );
      expect(found.map(({ _id, found: items }) => [_id, ids(items as Document[])])).toEqual([
        [1, [1]],
        [2, [3]],
        [3, []],
      ]);
      const shared = { from: "countries", localField: "n", foreignField: "n", as: "found" };
      const countries = await read("acme", {
        aggregate: "orders",
        pipeline: [{ $lookup: shared }],
        cursor: {},
      });
      expect(countries.map(({ found: of }) => ids(of as Document[]))).toEqual([[1], [2], []]);
    },
  },
  {
    name: "$lookup with a pipeline",
    on: WIDER,
    run: async ({ read }) => {
      const pipeline = [
        { $match: { _id: 12 } },
        { $lookup: { from: "items", pipeline: [{ $match: {} }], as: "found" } },
      ];
      const [order] = await read("globex", { aggregate: "orders", pipeline, cursor: {} });
      expect(ids(order?.["found"] as Document[])).toEqual([2]);
    },
  },
  {
    name: "$lookup with both",
    on: MONGODB,
    run: async ({ read }) => {
      const stage = { from: "items", localField: "n", foreignField: "n", as: "found" };
      const found = await read("acme", {
        aggregate: "orders",
        pipeline: [{ $lookup: stage }],
        cursor: {},
      });
      expect(found.map(({ found: items }) => ids(items as Document[]))).toEqual([[1], [3], []]);
    },
  },
  {
    name: "$graphLookup",
    on: MONGODB,
    run: async ({ read }) => {
      const graph = {
        from: "items",
        startWith: "$n",
        connectFromField: "next",
        connectToField: "_id",
        as: "found",
      };
      const pipeline = [{ $match: { _id: 1 } }, { $graphLookup: graph }];
      const [order] = await read("acme", { aggregate: "orders", pipeline, cursor: {} });
      // The second item is Globex's: the way to the third ends there.
      expect(ids(order?.["found"] as Document[])).toEqual([1]);
    },
  },
  {
    name: "$unionWith",
    on: MONGODB,
    run: async ({ read }) => {
      for (const operand of ["items", { coll: "items", pipeline: [] }]) {
        const all = await read("acme", {
          aggregate: "orders",
          pipeline: [{ $unionWith: operand }],
          cursor: {},
        });
        expect(all).toHaveLength(5);
      }
    },
  },
  {
    name: "$facet",
    on: WIDER,
    run: async ({ read }) => {
      const pipeline = [
        { $facet: { n: [{ $count: "n" }], one: [{ $match: { tenantId: "globex" } }] } },
      ];
      expect(await read("acme", { aggregate: "orders", pipeline, cursor: {} })).toEqual([
        { n: [{ n: 3 }], one: [] },
      ]);
    },
  },
  {
    name: "$geoNear",
    on: MONGODB,
    run: async ({ read, database }) => {
      const at = { type: "Point", coordinates: [0, 0] };
      await database.collection("items").createIndex({ at: "2dsphere" });
      await database.collection("items").updateMany({}, { $set: { at } });
      const pipeline = [{ $geoNear: { near: at, distanceField: "d" } }];
      expect(ids(await read("globex", { aggregate: "items", pipeline, cursor: {} }))).toEqual([2]);
    },
  },
];
