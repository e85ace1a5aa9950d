import { describe, expect, test } from "vitest";
import { ACME, CENTRAL, expectRefused, MINE, OWN_DATABASE, sent } from "./issue.js";

const nsInfo = [{ ns: "shop.orders" }, { ns: "shop.countries" }];
const bulk = (...ops: readonly object[]) => ({ bulkWrite: 1, ops, nsInfo });
const AT = { ...ACME, database: "admin" };

describe("a bulk of the client's", () => {
  test("is scoped operation by operation", () => {
    const { ops } = sent(
      bulk(
        { insert: 0, document: { a: 1 } },
        { update: 0, filter: { a: 1 }, updateMods: { $set: { a: 2 } }, multi: false },
        { update: 0, filter: { a: 1 }, updateMods: [{ $unset: "a" }], upsert: true },
        { update: 0, filter: {}, updateMods: { b: 1 } },
        { delete: 0, filter: {}, multi: true },
      ),
      AT,
    );
    expect(ops).toEqual([
      { insert: 0, document: { a: 1, tenantId: "acme" } },
      { update: 0, filter: { ...MINE, a: 1 }, updateMods: { $set: { a: 2 } }, multi: false },
      {
        update: 0,
        filter: { ...MINE, a: 1 },
        updateMods: [{ $unset: "a" }, { $set: { tenantId: { $literal: "acme" } } }],
        upsert: true,
      },
      { update: 0, filter: MINE, updateMods: { b: 1, tenantId: "acme" } },
      { delete: 0, filter: MINE, multi: true },
    ]);
  });

  test("cannot write another tenant's, by any of its operations", () => {
    for (const op of [
      { insert: 0, document: { tenantId: "globex" } },
      { update: 0, filter: {}, updateMods: { $set: { tenantId: "globex" } } },
      { update: 0, filter: {}, updateMods: { tenantId: "globex" } },
      { update: 0, filter: { tenantId: "globex" }, updateMods: { $set: { a: 1 } }, upsert: true },
    ])
      expectRefused(bulk({ insert: 0, document: {} }, op), "PW_WRITE_MISMATCH", "", AT);
    expectRefused(bulk({ insert: 1, document: {} }), "PW_STATEMENT_REFUSED", "countries", AT);
    expectRefused(
      bulk({ delete: 0, filter: { $where: "1" } }),
      "PW_STATEMENT_REFUSED",
      "where",
      AT,
    );
    expectRefused(bulk({ insert: 0, document: {} }), "PW_CENTRAL_SCOPE", "orders", {
      ...CENTRAL,
      database: "admin",
    });
  });

  test("cannot reach a collection by another number or another database", () => {
    for (const op of [
      { insert: 2, document: {} },
      { insert: "0", document: {} },
      { insert: -1, document: {} },
      { document: {}, insert: 0 },
      {},
      { insert: 0, document: {}, x: 1 },
    ])
      expectRefused(bulk(op), "PW_STATEMENT_REFUSED", "", AT);
    for (const ns of [
      "admin.system.users",
      "config.x",
      "shop",
      ".x",
      "shop.system.views",
      1,
      "shop.",
    ])
      expectRefused(
        { bulkWrite: 1, ops: [{ insert: 0, document: {} }], nsInfo: [{ ns }] },
        "PW_STATEMENT_REFUSED",
        "",
        AT,
      );
    expectRefused(
      { bulkWrite: 1, ops: [], nsInfo: [{ ns: "other.orders" }] },
      "PW_STATEMENT_REFUSED",
      "other",
      {
        ...AT,
        isHome: (database) => database === "shop",
      },
    );
    expectRefused(
      { bulkWrite: 1, ops: [], nsInfo: [{ ns: "shop.orders", encryptionInformation: {} }] },
      "PW_STATEMENT_REFUSED",
      "",
      AT,
    );
  });

  test("leaves no database of the tenant's own", () => {
    const command = bulk({ insert: 0, document: { a: 1 } });
    expectRefused(command, "PW_STATEMENT_REFUSED", "bulkWrite", {
      ...OWN_DATABASE,
      database: "admin",
    });
    const at = {
      ...OWN_DATABASE,
      database: "admin",
      isHome: (database: string) => database === "shop",
    };
    expect(sent(command, at)["ops"]).toEqual([{ insert: 0, document: { a: 1 } }]);
    expectRefused(
      { ...command, nsInfo: [{ ns: "other.orders" }] },
      "PW_STATEMENT_REFUSED",
      "other",
      at,
    );
  });
});

describe("what is no list", () => {
  // The driver's side takes document sequences apart, and puts them together once they were scoped.
  const sequence = { field: "documents", documents: [{ _id: 1 }], toBin: () => new Uint8Array() };
  test.each([
    { insert: "orders", documents: sequence },
    { update: "orders", updates: sequence },
    { delete: "orders", deletes: sequence },
    { bulkWrite: 1, ops: sequence, nsInfo: [{ ns: "shop.orders" }] },
    { bulkWrite: 1, ops: [], nsInfo: sequence },
  ])("is refused in %j", (command) => {
    expectRefused(command, "PW_STATEMENT_REFUSED");
  });
});
