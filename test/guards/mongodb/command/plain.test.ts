import {
  Binary,
  BSON,
  Code,
  DBRef,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
} from "mongodb";
import { BSON as BSON6, ObjectId as ObjectId6 } from "mongodb-6";
import { describe, expect, test } from "vitest";
import { plain } from "../../../../src/guards/mongodb/command/plain.js";
import { scopeCommand } from "../../../../src/guards/mongodb/command/scope-command.js";
import { ACME, expectRefused, MINE, sent } from "./issue.js";

/** A value that is one thing when it is read first and another later. */
const turning = (first: unknown, later: unknown) => {
  let read = 0;
  return () => (read++ === 0 ? first : later);
};

describe("what is checked is what is sent", () => {
  test("where a getter answers differently the second time", () => {
    const filter = Object.defineProperty({}, "a", {
      enumerable: true,
      get: turning(1, { $where: "1" }),
    });
    expect(sent({ find: "orders", filter })["filter"]).toEqual({ ...MINE, a: 1 });
    const document = Object.defineProperty({}, "tenantId", {
      enumerable: true,
      get: turning("acme", "globex"),
    });
    expect(sent({ insert: "orders", documents: [document] })["documents"]).toEqual([
      { tenantId: "acme" },
    ]);
    const u = Object.defineProperty({}, "$set", {
      enumerable: true,
      get: turning({ a: 1 }, { tenantId: "globex" }),
    });
    expect(sent({ update: "orders", updates: [{ q: {}, u }] })["updates"]).toEqual([
      { q: MINE, u: { $set: { a: 1 } } },
    ]);
    const command = Object.defineProperty({ find: "orders" }, "filter", {
      enumerable: true,
      get: turning({ a: 1 }, {}),
    });
    expect(sent(command)["filter"]).toEqual({ ...MINE, a: 1 });
  });

  test("where toBSON() gives another document, or has one of its own", () => {
    const evil = { toBSON: () => ({ $where: "1" }) };
    expectRefused({ find: "orders", filter: evil }, "PW_STATEMENT_REFUSED", "where");
    expectRefused({ find: "orders", filter: { $or: [evil] } }, "PW_STATEMENT_REFUSED", "where");
    expectRefused(
      { insert: "orders", documents: [{ toBSON: () => ({ tenantId: "globex" }) }] },
      "PW_WRITE_MISMATCH",
    );
    const twice = { toBSON: () => ({ a: 1, toBSON: () => ({ tenantId: "globex", $where: "1" }) }) };
    expect(sent({ insert: "orders", documents: [twice] })["documents"]).toEqual([
      { a: 1, tenantId: "acme" },
    ]);
    expect(sent({ find: "orders", filter: twice })["filter"]).toEqual({ ...MINE, a: 1 });
    expect(sent({ find: "orders", filter: { b: twice } })["filter"]).toEqual({
      ...MINE,
      b: { a: 1 },
    });
    expectRefused(
      { aggregate: "orders", pipeline: [{ toBSON: () => ({ $out: "x" }) }] },
      "PW_STATEMENT_REFUSED",
      "out",
    );
    expectRefused(
      {
        update: "orders",
        updates: [{ q: {}, u: { toBSON: () => ({ $set: { tenantId: "globex" } }) } }],
      },
      "PW_WRITE_MISMATCH",
    );
    expectRefused(
      {
        update: "orders",
        updates: [{ q: {}, u: { $set: { toBSON: () => ({ tenantId: "globex" }) } } }],
      },
      "PW_WRITE_MISMATCH",
    );
  });

  test("where a Map is a document", () => {
    expectRefused(
      { find: "orders", filter: new Map([["$where", "1"]]) },
      "PW_STATEMENT_REFUSED",
      "where",
    );
    expectRefused(
      { insert: "orders", documents: [new Map([["tenantId", "globex"]])] },
      "PW_WRITE_MISMATCH",
    );
    expectRefused(
      {
        update: "orders",
        updates: [{ q: {}, u: new Map([["$unset", new Map([["tenantId", 1]])]]) }],
      },
      "PW_WRITE_MISMATCH",
    );
    expect(
      sent({
        find: "orders",
        filter: {},
        sort: new Map([
          ["b", 1],
          ["a", -1],
        ]),
      })["sort"],
    ).toEqual({ b: 1, a: -1 });
  });

  test("where keys of a Map would be one field twice on the wire", () => {
    const key = { toString: () => "tenantId" };
    for (const map of [
      new Map<unknown, unknown>([
        ["tenantId", "acme"],
        [key, "globex"],
      ]),
      new Map([[1, 1]]),
      new Map([["1", 1]]),
    ]) {
      expectRefused({ insert: "orders", documents: [map] }, "PW_STATEMENT_REFUSED", "Map");
      expectRefused({ find: "orders", filter: map }, "PW_STATEMENT_REFUSED", "Map");
    }
  });

  test("where a key is __proto__", () => {
    const filter = JSON.parse('{"__proto__": {"$where": "1"}}') as object;
    expectRefused({ find: "orders", filter }, "PW_STATEMENT_REFUSED", "where");
    const u = JSON.parse('{"__proto__": {"$set": {"tenantId": "globex"}}}') as object;
    const bytes = BSON.serialize(scopeCommand({ update: "orders", updates: [{ q: {}, u }] }, ACME));
    const [statement] = BSON.deserialize(bytes)["updates"] as { u: object }[];
    expect(Object.keys(statement!.u)).toEqual(["__proto__", "tenantId"]);
    const set = JSON.parse(
      '{"$set": {"__proto__": {"tenantId": 1}, "tenantId": "acme"}}',
    ) as object;
    const scoped = scopeCommand({ update: "orders", updates: [{ q: {}, u: set }] }, ACME) as {
      updates: { u: { $set: object } }[];
    };
    expect(Object.keys(scoped.updates[0]!.u.$set)).toEqual(["__proto__", "tenantId"]);
    expect(Object.getPrototypeOf(scoped.updates[0]!.u.$set)).toBe(Object.prototype);
  });

  test("where the tenant is inherited", () => {
    const document = Object.create(
      { tenantId: "globex" },
      { a: { value: 1, enumerable: true } },
    ) as object;
    expect(sent({ insert: "orders", documents: [document] })["documents"]).toEqual([
      { a: 1, tenantId: "acme" },
    ]);
    const filter = Object.create({ tenantId: "globex" }) as object;
    expect(sent({ find: "orders", filter })["filter"]).toEqual(MINE);
    expect(
      sent(Object.assign(Object.create({ filter: { $where: "1" } }) as object, { find: "orders" }))[
        "filter"
      ],
    ).toEqual(MINE);
  });

  test("where the tenant is a hidden property", () => {
    const document = Object.defineProperty({ a: 1 }, "tenantId", {
      value: "globex",
      enumerable: false,
    });
    expect(sent({ insert: "orders", documents: [document] })["documents"]).toEqual([
      { a: 1, tenantId: "acme" },
    ]);
  });

  test("where an object claims to be a BSON value", () => {
    for (const value of [
      { _bsontype: "ObjectId", $where: "1" },
      { _bsontype: "Nothing" },
      { _bsontype: 1 },
    ]) {
      expectRefused({ find: "orders", filter: value }, "PW_STATEMENT_REFUSED", "BSON");
      expectRefused({ find: "orders", filter: { a: value } }, "PW_STATEMENT_REFUSED", "BSON");
      expectRefused({ insert: "orders", documents: [value] }, "PW_STATEMENT_REFUSED", "BSON");
    }
    const sneaky = new DBRef("x", new ObjectId(), undefined, { $where: "1" });
    expectRefused({ find: "orders", filter: { $or: [sneaky] } }, "PW_STATEMENT_REFUSED");
  });

  test("where an object goes round in a circle", () => {
    const filter: Record<string, unknown> = {};
    filter["a"] = filter;
    expectRefused({ find: "orders", filter }, "PW_STATEMENT_REFUSED", "circle");
  });
});

describe("a value of BSON", () => {
  const id = new ObjectId();
  test("is sent as it would have been", () => {
    const values = {
      id,
      date: new Date(0),
      pattern: /a/i,
      bytes: Buffer.from("a"),
      binary: new Binary(Buffer.from("b")),
      long: Long.fromNumber(5),
      int: new Int32(5),
      double: new Double(5),
      decimal: Decimal128.fromString("1.5"),
      time: new Timestamp(5n),
      code: new Code("f"),
      least: new MinKey(),
      most: new MaxKey(),
      ref: new DBRef("c", id, "d", { x: 1 }),
      big: 5n,
      none: null,
      list: [1, [2, { a: undefined }]],
    };
    expect(BSON.serialize(plain(values) as object)).toEqual(BSON.serialize(values));
  });

  test("of the driver 6 is sent as it would have been", () => {
    const values = { id: new ObjectId6(), list: [new ObjectId6()] };
    expect(BSON6.serialize(plain(values) as object)).toEqual(BSON6.serialize(values));
  });
});
