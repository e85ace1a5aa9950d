import { describe, expect, test } from "vitest";
import { CENTRAL, expectRefused, OWN_DATABASE, sent } from "./issue.js";

const created = (index: object, at = CENTRAL) =>
  (sent({ createIndexes: "orders", indexes: [index] }, at)["indexes"] as object[])[0]!;

describe("an index of a tenant's collection", () => {
  test("begins with the tenant", () => {
    const index = created({ key: { email: 1, at: -1 }, name: "email_1_at_-1", unique: true });
    expect(index).toEqual({
      key: { tenantId: 1, email: 1, at: -1 },
      name: "tenantId_1_email_1_at_-1",
      unique: true,
    });
    expect(Object.keys((index as { key: object }).key)).toEqual(["tenantId", "email", "at"]);
    expect(
      created({
        key: new Map([
          ["b", 1],
          ["a", -1],
        ]),
        name: "own",
      }),
    ).toEqual({ key: { tenantId: 1, b: 1, a: -1 }, name: "own" });
  });

  test.each([
    [{ key: { _id: 1 }, name: "_id_" }],
    [{ key: { tenantId: 1, a: 1 }, name: "x", unique: true }],
    [{ key: { a: 1, tenantId: 1 }, name: "x", unique: true }],
    [{ key: { at: 1 }, name: "at_1", expireAfterSeconds: 60 }],
    [{ key: { a: "hashed" }, name: "a_hashed" }],
    [{ key: { "$**": 1 }, name: "all" }],
    [{ key: { place: "2d" }, name: "place_2d" }],
    [{ key: { a: 1, b: 1 }, name: "x", sparse: true }],
  ])("is left as it is where nothing crosses tenants by it: %j", (index) => {
    expect(created(index)).toEqual(index);
  });

  test("of text or places begins with the tenant", () => {
    expect(created({ key: { name: "text" }, name: "name_text" })).toEqual({
      key: { tenantId: 1, name: "text" },
      name: "tenantId_1_name_text",
    });
    expect(created({ key: { at: "2dsphere" }, name: "x" })).toEqual({
      key: { tenantId: 1, at: "2dsphere" },
      name: "x",
    });
  });

  test("that is sparse still leaves out what has no such field", () => {
    expect(created({ key: { email: 1 }, name: "email_1", unique: true, sparse: true })).toEqual({
      key: { tenantId: 1, email: 1 },
      name: "tenantId_1_email_1",
      unique: true,
      partialFilterExpression: { email: { $exists: true } },
    });
  });

  test.each([
    [{ key: { at: 1 }, unique: true, expireAfterSeconds: 60 }],
    [{ key: { a: "hashed" }, unique: true }],
    [{ key: { a: 1, b: 1 }, unique: true, sparse: true }],
    [{ key: { a: "2d" }, prepareUnique: true }],
  ])("cannot be unique across tenants: %j", (index) => {
    expectRefused(
      { createIndexes: "orders", indexes: [{ name: "x", ...index }] },
      "PW_STATEMENT_REFUSED",
      "unique",
      CENTRAL,
    );
  });

  test("with an option or a filter that is not known is refused", () => {
    for (const index of [
      { clustered: true },
      { storageEngine: {} },
      { partialFilterExpression: { $where: "1" } },
    ])
      expectRefused(
        { createIndexes: "orders", indexes: [{ key: { a: 1 }, name: "x", ...index }] },
        "PW_STATEMENT_REFUSED",
        "",
        CENTRAL,
      );
    expectRefused(
      { createIndexes: "orders", indexes: [{ name: "x" }] },
      "PW_STATEMENT_REFUSED",
      "",
      CENTRAL,
    );
  });

  test("is not created in a tenant's scope, whose error would tell of others", () => {
    expectRefused(
      { createIndexes: "orders", indexes: [] },
      "PW_STATEMENT_REFUSED",
      "createIndexes",
    );
  });
});

test("an index in a database of the tenant's own is as it is", () => {
  const index = { key: { a: 1 }, name: "a_1", unique: true };
  expect(created(index, OWN_DATABASE)).toEqual(index);
});

test("an index of a shared collection is created in system scope only", () => {
  expectRefused(
    { createIndexes: "countries", indexes: [] },
    "PW_STATEMENT_REFUSED",
    "countries",
    CENTRAL,
  );
});
