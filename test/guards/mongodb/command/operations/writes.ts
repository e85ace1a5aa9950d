import type { Document } from "mongodb";
import { expect } from "vitest";
import { ids, MONGODB, type Operation } from "./operation.js";

/** Writes, tried. */
export const WRITES: readonly Operation[] = [
  {
    name: "insert",
    run: async ({ as, database }) => {
      await as("globex", {
        insert: "orders",
        documents: [{ _id: 40 }, { _id: 41, tenantId: "globex" }],
      });
      expect(
        await database
          .collection("orders")
          .find({ _id: { $gte: 40 } } as Document, { sort: { _id: 1 } })
          .toArray(),
      ).toEqual([
        { _id: 40, tenantId: "globex" },
        { _id: 41, tenantId: "globex" },
      ]);
      await expect(
        as("acme", { insert: "orders", documents: [{ _id: 42, tenantId: "globex" }] }),
      ).rejects.toMatchObject({ code: "PW_WRITE_MISMATCH" });
      await expect(
        as("acme", { insert: "countries", documents: [{ _id: 42 }] }),
      ).rejects.toMatchObject({ code: "PW_STATEMENT_REFUSED" });
    },
  },
  {
    name: "update",
    run: async ({ as, database }) => {
      const many = await as("globex", {
        update: "orders",
        updates: [{ q: {}, u: { $set: { seen: true } }, multi: true }],
      });
      expect(many["n"]).toBe(2);
      const foreign = await as("globex", {
        update: "orders",
        updates: [
          { q: { _id: 1 }, u: { $set: { seen: true } } },
          { q: { _id: 1 }, u: { stolen: 1 } },
        ],
      });
      expect(foreign["n"]).toBe(0);
      await as("globex", { update: "orders", updates: [{ q: { _id: 11 }, u: { n: 5 } }] });
      expect(await database.collection("orders").findOne({ _id: 11 } as Document)).toEqual({
        _id: 11,
        n: 5,
        tenantId: "globex",
      });
      expect(await database.collection("orders").countDocuments({ seen: true })).toBe(1);
    },
  },
  {
    name: "update with upsert",
    run: async ({ as, database }) => {
      const upsert = (q: Document, u: Document) =>
        as("globex", { update: "orders", updates: [{ q, u, upsert: true }] });
      expect((await upsert({ key: "a" }, { $set: { n: 9 } }))["upserted"]).toHaveLength(1);
      expect((await upsert({ key: "a" }, { $inc: { n: 1 } }))["upserted"]).toBeUndefined();
      await upsert(
        { tenantId: "globex", key: "b" },
        { $setOnInsert: { tenantId: "globex" }, $set: { n: 9 } },
      );
      await upsert({ key: "c" }, { key: "c" });
      const made = await database
        .collection("orders")
        .find({ key: { $exists: true } })
        .project({ _id: 0 })
        .sort({ key: 1 })
        .toArray();
      expect(made).toEqual([
        { tenantId: "globex", key: "a", n: 10 },
        { tenantId: "globex", key: "b", n: 9 },
        { tenantId: "globex", key: "c" },
      ]);
      // An order of Acme's is not found, and its identifier is taken.
      const taken = await upsert({ _id: 1 }, { $set: { n: 0 } }).then(
        ({ writeErrors }) => writeErrors as unknown,
        (error: unknown) => error,
      );
      expect(JSON.stringify(taken)).toMatch(/E11000|[Dd]uplicate/);
    },
  },
  {
    name: "update by a pipeline",
    on: MONGODB,
    run: async ({ as, database }) => {
      const u = [{ $set: { n: { $add: ["$n", 10] } } }];
      await as("globex", { update: "orders", updates: [{ q: {}, u, multi: true }] });
      expect(
        ids(
          await database
            .collection("orders")
            .find({ n: { $gt: 10 } })
            .toArray(),
        ),
      ).toEqual([11, 12]);
    },
  },
  {
    name: "update by a pipeline that replaces",
    on: MONGODB,
    run: async ({ as, database }) => {
      await as("globex", {
        update: "orders",
        updates: [{ q: { _id: 11 }, u: [{ $replaceWith: { _id: "$_id", a: 1 } }] }],
      });
      expect(await database.collection("orders").findOne({ _id: 11 } as Document)).toEqual({
        _id: 11,
        a: 1,
        tenantId: "globex",
      });
    },
  },
  {
    name: "delete",
    run: async ({ as, database }) => {
      expect(
        (
          await as("globex", {
            delete: "orders",
            deletes: [
              { q: { _id: 1 }, limit: 1 },
              { q: { tenantId: "acme" }, limit: 0 },
            ],
          })
        )["n"],
      ).toBe(0);
      expect((await as("globex", { delete: "orders", deletes: [{ q: {}, limit: 0 }] }))["n"]).toBe(
        2,
      );
      expect(await database.collection("orders").countDocuments({ tenantId: "globex" })).toBe(0);
    },
  },
  {
    name: "findAndModify",
    run: async ({ as, database }) => {
      const found = await as("globex", {
        findAndModify: "orders",
        query: { _id: 11 },
        update: { $set: { n: 7 } },
        new: true,
      });
      expect(found["value"]).toMatchObject({ _id: 11, n: 7, tenantId: "globex" });
      for (const change of [
        { update: { $set: { n: 7 } } },
        { remove: true },
        { update: { stolen: 1 } },
      ])
        expect(
          (await as("globex", { findAndModify: "orders", query: { _id: 1 }, ...change }))[
            "value"
          ] ?? null,
        ).toBeNull();
      await as("globex", {
        findAndModify: "orders",
        query: { key: "f" },
        update: { $set: { n: 1 } },
        upsert: true,
      });
      expect(
        await database.collection("orders").countDocuments({ key: "f", tenantId: "globex" }),
      ).toBe(1);
      await as("globex", { findAndModify: "orders", query: {}, sort: { _id: 1 }, remove: true });
      expect(await database.collection("orders").countDocuments({ _id: 11 } as Document)).toBe(0);
    },
  },
];
