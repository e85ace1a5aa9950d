import { Long, type Document } from "mongodb";
import { expect } from "vitest";
import { ids, MONGODB, type Operation } from "./operation.js";

/** Reads, tried. */
export const READS: readonly Operation[] = [
  {
    name: "find",
    run: async ({ read }) => {
      expect(ids(await read("acme", { find: "orders" }))).toEqual([1, 2, 3]);
      expect(ids(await read("globex", { find: "orders", filter: { n: 1 } }))).toEqual([11]);
      expect(ids(await read("ACME", { find: "orders", filter: {} }))).toEqual([21]);
      expect(
        ids(
          await read("acme", {
            find: "orders",
            filter: { $or: [{ n: 1 }, { tenantId: "globex" }] },
          }),
        ),
      ).toEqual([1]);
      expect(ids(await read("acme", { find: "orders", filter: { tenantId: "globex" } }))).toEqual(
        [],
      );
      expect(
        ids(await read("acme", { find: "orders", filter: { tenantId: { $ne: "acme" } } })),
      ).toEqual([]);
      expect(ids(await read("acme", { find: "countries", filter: {} }))).toEqual([1, 2]);
    },
  },
  {
    name: "count",
    run: async ({ as }) => {
      expect((await as("acme", { count: "orders" }))["n"]).toBe(3);
      expect((await as("globex", { count: "orders", query: { n: { $gte: 1 } } }))["n"]).toBe(2);
    },
  },
  {
    name: "distinct",
    run: async ({ as }) => {
      const { values } = await as("globex", { distinct: "orders", key: "tenantId" });
      expect(values).toEqual(["globex"]);
      expect((await as("globex", { distinct: "orders", key: "n", query: {} }))["values"]).toEqual([
        1, 2,
      ]);
    },
  },
  {
    name: "aggregate",
    run: async ({ read }) => {
      const total = [{ $group: { _id: null, n: { $sum: "$n" } } }];
      expect(await read("acme", { aggregate: "orders", pipeline: total, cursor: {} })).toEqual([
        { _id: null, n: 6 },
      ]);
      const pipeline = [{ $match: { n: 1 } }, { $count: "n" }];
      expect(await read("globex", { aggregate: "orders", pipeline, cursor: {} })).toEqual([
        { n: 1 },
      ]);
    },
  },
  {
    name: "getMore",
    run: async ({ as }) => {
      const { cursor } = await as("acme", { find: "orders", batchSize: 1, sort: { _id: 1 } });
      const more = await as("acme", {
        getMore: Long.fromNumber(Number((cursor as Document)["id"])),
        collection: "orders",
        batchSize: 9,
      });
      expect(ids((more["cursor"] as Document)["nextBatch"] as Document[])).toEqual([2, 3]);
    },
  },
  {
    name: "explain",
    on: ["ferretdb", "mongod"],
    run: async ({ as }) => {
      expect(
        (await as("acme", { explain: { find: "orders", filter: {} }, verbosity: "queryPlanner" }))[
          "ok"
        ],
      ).toBe(1);
    },
  },
  {
    name: "a collation",
    on: MONGODB,
    run: async ({ read, as, database }) => {
      const collation = { locale: "en", strength: 1 };
      const alike = await database
        .collection("orders")
        .find({ tenantId: "acme" }, { collation })
        .toArray();
      expect(ids(alike), "the server knows collations").toEqual([1, 2, 3, 21]);
      expect(ids(await read("acme", { find: "orders", filter: {}, collation }))).toEqual([1, 2, 3]);
      expect(
        ids(await read("ACME", { aggregate: "orders", pipeline: [], cursor: {}, collation })),
      ).toEqual([21]);
      expect(
        (await as("ACME", { delete: "orders", deletes: [{ q: {}, limit: 0, collation }] }))["n"],
      ).toBe(1);
    },
  },
];
