import type { Document } from "mongodb";
import { expect } from "vitest";
import type { Operation } from "./operation.js";

/** Definitions of collections, tried. */
export const DEFINITIONS: readonly Operation[] = [
  {
    name: "createIndexes",
    run: async ({ as, database }) => {
      const change = { kind: "central" as const, tenant: undefined };
      // Each tenant keeps one without a code.
      await database.collection("orders").deleteMany({ _id: { $in: [2, 3, 12] } } as Document);
      await as(
        "",
        { createIndexes: "orders", indexes: [{ key: { code: 1 }, name: "code_1", unique: true }] },
        change,
      );
      const keys = (await database.collection("orders").indexes()).map(({ key }) => key as unknown);
      expect(keys).toContainEqual({ tenantId: 1, code: 1 });
      for (const tenant of ["acme", "globex"])
        await as(tenant, { insert: "orders", documents: [{ code: "x" }] });
    },
  },
  {
    name: "listIndexes and listCollections",
    run: async ({ as }) => {
      expect((await as("acme", { listIndexes: "orders", cursor: {} }))["ok"]).toBe(1);
      expect((await as("acme", { listCollections: 1, nameOnly: true }))["ok"]).toBe(1);
    },
  },
];
