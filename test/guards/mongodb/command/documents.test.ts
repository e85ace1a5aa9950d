import { Binary, BSON, Decimal128, Int32, Long, ObjectId, UUID } from "mongodb";
import mongoose from "mongoose";
import { describe, expect, test } from "vitest";
import { scopeCommand } from "../../../../src/guards/mongodb/command/scope-command.js";
import { ACME, CENTRAL, expectRefused, OWN_DATABASE, sent } from "./issue.js";

const insert = (...documents: readonly unknown[]) => ({ insert: "orders", documents });

describe("a document to be stored", () => {
  test("carries the tenant, and keeps its fields in their order", () => {
    const { documents } = sent(
      insert({ _id: 1, a: 2 }, { tenantId: "acme", _id: 2 }, { tenantId: undefined, b: 1 }),
    ) as {
      documents: object[];
    };
    expect(documents).toEqual([
      { _id: 1, a: 2, tenantId: "acme" },
      { tenantId: "acme", _id: 2 },
      { tenantId: "acme", b: 1 },
    ]);
    expect(documents.map((one) => Object.keys(one).join())).toEqual([
      "_id,a,tenantId",
      "tenantId,_id",
      "tenantId,b",
    ]);
  });

  test.each([
    ["another tenant", "globex"],
    ["nobody", null],
    ["a list with the tenant", ["acme"]],
    ["several tenants", ["acme", "globex"]],
    ["a document", { $eq: "acme" }],
    ["a pattern", /acme/],
    ["a number", 0],
    ["empty text", ""],
    ["another case", "ACME"],
    ["a value that turns into another", { toBSON: () => "globex" }],
    ["a boxed string", Object("acme")],
  ])("cannot be given to %s", (_name, tenantId) => {
    expectRefused(insert({ a: 1 }, { tenantId }), "PW_WRITE_MISMATCH", "tenantId");
    expectRefused({ update: "orders", updates: [{ q: {}, u: { tenantId } }] }, "PW_WRITE_MISMATCH");
    expectRefused(
      { findAndModify: "orders", query: {}, update: { tenantId } },
      "PW_WRITE_MISMATCH",
    );
  });

  test("has no field beneath the tenant's", () => {
    expectRefused(insert({ "tenantId.x": 1 }), "PW_WRITE_MISMATCH", "tenantId");
  });

  test("says nothing of its values when it is refused", () => {
    try {
      scopeCommand(insert({ tenantId: "globex-secret" }), ACME);
      expect.unreachable();
    } catch (error) {
      expect(String(error)).not.toContain("globex-secret");
      expect(String(error)).not.toContain("acme");
    }
  });

  test("that is none is refused", () => {
    for (const one of [null, 1, "x", [], new ObjectId()])
      expectRefused(insert(one), "PW_STATEMENT_REFUSED");
    expectRefused({ insert: "orders" }, "PW_STATEMENT_REFUSED", "documents");
    expectRefused({ insert: "orders", documents: { 0: {} } }, "PW_STATEMENT_REFUSED", "documents");
  });

  test("of the caller's is not changed", () => {
    const document = Object.freeze({ a: 1 });
    const command = Object.freeze({ insert: "orders", documents: Object.freeze([document]) });
    expect(scopeCommand(command, ACME)).toEqual({
      insert: "orders",
      documents: [{ a: 1, tenantId: "acme" }],
    });
    expect(document).toEqual({ a: 1 });
  });

  test("of Mongoose is stored as Mongoose would store it", () => {
    const schema = new mongoose.Schema({
      name: String,
      tags: [String],
      box: { n: Number },
      at: Map,
    });
    const Order = mongoose.models["CommandOrder"] ?? mongoose.model("CommandOrder", schema);
    const order = new Order({ name: "x", tags: ["a"], box: { n: 1 }, at: new Map([["k", 1]]) });
    const raw = BSON.deserialize(BSON.serialize(order.toBSON() as object));
    expect((sent(insert(order))["documents"] as object[])[0]).toEqual({ ...raw, tenantId: "acme" });
  });

  test("is stored as it is in a database of the tenant's own, and in system scope", () => {
    expect(sent(insert({ a: 1 }), OWN_DATABASE)["documents"]).toEqual([{ a: 1 }]);
    expect(sent(insert({ tenantId: "globex" }), { ...ACME, kind: "system" })["documents"]).toEqual([
      { tenantId: "globex" },
    ]);
  });

  test("of a shared collection is written in system scope only", () => {
    for (const at of [ACME, CENTRAL, OWN_DATABASE]) {
      expectRefused(
        { insert: "countries", documents: [{}] },
        "PW_STATEMENT_REFUSED",
        "countries",
        at,
      );
      expectRefused({ update: "countries", updates: [] }, "PW_STATEMENT_REFUSED", "countries", at);
      expectRefused({ delete: "countries", deletes: [] }, "PW_STATEMENT_REFUSED", "countries", at);
      expectRefused(
        { findAndModify: "countries", query: {}, remove: true },
        "PW_STATEMENT_REFUSED",
        "countries",
        at,
      );
    }
    expectRefused(insert({}), "PW_CENTRAL_SCOPE", "orders", CENTRAL);
  });
});

describe("a tenant", () => {
  const id = new ObjectId();
  const uuid = new UUID();
  test.each([
    ["an ObjectId", id, new ObjectId(id.toHexString()), new ObjectId()],
    ["a UUID", uuid, new UUID(uuid.toHexString()), new UUID()],
    [
      "a binary",
      new Binary(Buffer.from("a")),
      new Binary(Buffer.from("a")),
      new Binary(Buffer.from("b")),
    ],
    ["bytes", Buffer.from("a"), new Binary(Buffer.from("a")), Buffer.from("b")],
    ["a Long", Long.fromNumber(7), 7, 8],
    ["a bigint", 7n, new Int32(7), 8n],
    ["a number", 7, Long.fromNumber(7), 8],
    [
      "a decimal",
      Decimal128.fromString("7"),
      Decimal128.fromString("7"),
      Decimal128.fromString("8"),
    ],
  ])("that is %s is told from another, and written in one form", (_name, tenant, same, other) => {
    const at = { ...ACME, tenant };
    const [document] = sent(insert({ tenantId: same }), at)["documents"] as object[];
    expect(document).toEqual(BSON.deserialize(BSON.serialize({ tenantId: tenant })));
    expectRefused(insert({ tenantId: other }), "PW_WRITE_MISMATCH", "", at);
    expectRefused(insert({ tenantId: String(tenant) }), "PW_WRITE_MISMATCH", "", at);
  });

  test.each([undefined, null, "", NaN, {}, [], ["acme"], /a/, { $ne: null }, true])(
    "cannot be %j",
    (tenant) => {
      expectRefused({ find: "orders" }, "PW_CONFIG", "tenant", { ...ACME, tenant });
      expectRefused({ find: "countries" }, "PW_CONFIG", "tenant", { ...ACME, tenant });
    },
  );

  test.each(["", "a.b", "$x", "_id", "__proto__", "a\0b"])(
    "cannot be kept in the field %j",
    (field) => {
      expectRefused({ find: "orders" }, "PW_CONFIG", "field", { ...ACME, field });
    },
  );
});
