import { describe, expect, test } from "vitest";
import { UPDATE_OPERATORS } from "../../../../src/guards/mongodb/command/update.js";
import { ACME, expectRefused, MINE, OWN_DATABASE, sent } from "./issue.js";

const update = (u: unknown, more: object = {}) => ({
  update: "orders",
  updates: [{ q: { _id: 1 }, u, ...more }],
});
const statement = (u: unknown, more: object = {}, at = ACME) =>
  (sent(update(u, more), at)["updates"] as Record<string, unknown>[])[0]!;

describe("an update", () => {
  test("changes the tenant's documents alone", () => {
    expect(statement({ $set: { a: 1 } }, { multi: true })).toEqual({
      q: { ...MINE, _id: 1 },
      u: { $set: { a: 1 } },
      multi: true,
    });
    expect(
      sent({ delete: "orders", deletes: [{ q: { $or: [{}] }, limit: 0 }] })["deletes"],
    ).toEqual([{ q: { ...MINE, $or: [{}] }, limit: 0 }]);
    expect(sent({ findAndModify: "orders", remove: true })["query"]).toEqual(MINE);
    expect(sent({ findandmodify: "orders", query: { a: 1 }, update: { $inc: { n: 1 } } })).toEqual({
      findandmodify: "orders",
      query: { ...MINE, a: 1 },
      update: { $inc: { n: 1 } },
    });
  });

  test.each([...UPDATE_OPERATORS])("cannot change the tenant by %s", (name) => {
    const value = name === "$rename" ? "b" : 1;
    for (const path of ["tenantId", "tenantId.x", "tenantId.0", "tenantId.$[]"]) {
      expectRefused(
        update({ [name]: { a: value, [path]: value } }),
        "PW_WRITE_MISMATCH",
        "tenantId",
      );
      expectRefused(
        {
          findAndModify: "orders",
          query: {},
          update: { $set: { a: 1 }, [name]: { [path]: value } },
        },
        "PW_WRITE_MISMATCH",
      );
    }
    expectRefused(update({ [name]: 1 }), "PW_STATEMENT_REFUSED");
  });

  test("cannot rename a field to the tenant's", () => {
    expectRefused(update({ $rename: { a: "tenantId" } }), "PW_WRITE_MISMATCH", "rename");
    expectRefused(update({ $rename: { a: "tenantId.b" } }), "PW_WRITE_MISMATCH", "rename");
    expectRefused(update({ $rename: { a: { toBSON: () => "tenantId" } } }), "PW_WRITE_MISMATCH");
    expectRefused(update({ $rename: { a: 1 } }), "PW_STATEMENT_REFUSED");
  });

  test("sets the tenant, whatever the server takes from the filter", () => {
    const u = (change: unknown) => statement(change, { upsert: true })["u"];
    const tenantId = "acme";
    expect(u({ $set: { a: 1 } })).toEqual({ $set: { a: 1 }, $setOnInsert: { tenantId } });
    expect(u({ $setOnInsert: { a: 1 } })).toEqual({ $setOnInsert: { a: 1, tenantId } });
    // Set twice, it would be a conflict.
    expect(u({ $set: { tenantId } })).toEqual({ $set: { tenantId } });
    expect(u({ a: 1 })).toEqual({ a: 1, tenantId });
    expect(
      sent({ findAndModify: "orders", query: {}, update: { $inc: { n: 1 } }, upsert: true })[
        "update"
      ],
    ).toEqual({ $inc: { n: 1 }, $setOnInsert: { tenantId } });
    expect(statement({ $set: { a: 1 } }, { upsert: true }, OWN_DATABASE)["u"]).toEqual({
      $set: { a: 1 },
    });
  });

  test.each(["globex", null, ["acme"], { $eq: "acme" }, undefined])(
    "cannot set the tenant to %j",
    (tenantId) => {
      for (const name of ["$set", "$setOnInsert"])
        expectRefused(update({ [name]: { tenantId } }), "PW_WRITE_MISMATCH");
    },
  );

  test("may set the tenant that the document has", () => {
    for (const name of ["$set", "$setOnInsert"])
      expect(statement({ [name]: { tenantId: "acme", a: 1 } })["u"]).toEqual({
        [name]: { tenantId: "acme", a: 1 },
      });
  });

  test("may change a field whose name begins like the tenant's", () => {
    expect(statement({ $set: { tenantIdentity: 1, "a.tenantId": 2 } })["u"]).toEqual({
      $set: { tenantIdentity: 1, "a.tenantId": 2 },
    });
  });

  test("that is a whole document carries the tenant", () => {
    expect(statement({ a: 1 })["u"]).toEqual({ a: 1, tenantId: "acme" });
    expect(statement({})["u"]).toEqual({ tenantId: "acme" });
  });

  test("with an operator that is not known, or with fields beside, is refused", () => {
    for (const u of [
      { $brandNew: { a: 1 } },
      { a: 1, $set: { a: 1 } },
      { $set: { a: 1 }, a: 1 },
      "x",
      null,
      undefined,
    ])
      expectRefused(update(u), "PW_STATEMENT_REFUSED");
  });

  test("cannot run a script on elements of an array", () => {
    expectRefused(update({ $pull: { items: { $where: "1" } } }), "PW_STATEMENT_REFUSED", "where");
    expectRefused(
      update({ $set: { "a.$[x]": 1 } }, { arrayFilters: [{ $where: "1" }] }),
      "PW_STATEMENT_REFUSED",
      "where",
    );
    expectRefused(update({ $set: { a: 1 } }, { arrayFilters: { x: 1 } }), "PW_STATEMENT_REFUSED");
    expect(
      statement(
        { $pull: { items: { n: { $gt: 1 } }, tags: { $in: ["a"] } } },
        { arrayFilters: [{ "x.n": { $gt: 1 } }] },
      ),
    ).toMatchObject({
      u: { $pull: { items: { n: { $gt: 1 } }, tags: { $in: ["a"] } } },
      arrayFilters: [{ "x.n": { $gt: 1 } }],
    });
  });

  test("with an option that is not known is refused", () => {
    expectRefused(
      update({ $set: { a: 1 } }, { upsertSupplied: true }),
      "PW_STATEMENT_REFUSED",
      "upsertSupplied",
    );
    expectRefused(
      { delete: "orders", deletes: [{ q: {}, limit: 0, sampleId: 1 }] },
      "PW_STATEMENT_REFUSED",
      "sampleId",
    );
  });

  test("in a database of the tenant's own is checked and not scoped", () => {
    expect(statement({ $set: { tenantId: "x" } }, {}, OWN_DATABASE)).toEqual({
      q: { _id: 1 },
      u: { $set: { tenantId: "x" } },
    });
    expectRefused(
      update([{ $set: { a: { $function: {} } } }]),
      "PW_STATEMENT_REFUSED",
      "",
      OWN_DATABASE,
    );
  });
});

describe("an upsert", () => {
  test("seeds the tenant by one equality", () => {
    const q = { tenantId: "acme", _id: 1 };
    expect(statement({ $set: { a: 1 } }, { q, upsert: true })["q"]).toEqual({ ...MINE, _id: 1 });
  });

  test.each(["globex", null, { $ne: "acme" }, { $in: ["globex"] }, ["acme"]])(
    "cannot seed the tenant by %j",
    (tenantId) => {
      const q = { tenantId };
      expectRefused(update({ $set: { a: 1 } }, { q, upsert: true }), "PW_WRITE_MISMATCH", "upsert");
      expectRefused(
        { findAndModify: "orders", query: q, update: { $set: { a: 1 } }, upsert: true },
        "PW_WRITE_MISMATCH",
      );
      expectRefused(
        update({ $set: { a: 1 } }, { q: { "tenantId.x": 1 }, upsert: 1 }),
        "PW_WRITE_MISMATCH",
      );
    },
  );
});

describe("an update by a pipeline", () => {
  const last = { $set: { tenantId: { $literal: "acme" } } };

  test.each([
    [[]],
    [[{ $set: { a: "$b" } }]],
    [[{ $project: { a: 1 } }]],
    [[{ $replaceWith: { a: 1 } }]],
    [[{ $replaceRoot: { newRoot: "$evil" } }]],
    [[{ $replaceWith: { $mergeObjects: ["$$ROOT", { tenantId: "globex" }] } }]],
    [[{ $replaceWith: { $setField: { field: "tenantId", input: "$$ROOT", value: "globex" } } }]],
    [[{ $set: { tenantId: "acme" } }]],
    [[{ $project: { tenantId: 0 } }]],
  ])("ends in the tenant after %j", (u) => {
    expect(statement(u)["u"]).toEqual([...u, last]);
    expect(sent({ findAndModify: "orders", query: {}, update: u })["update"]).toEqual([...u, last]);
  });

  test.each([
    [{ $set: { tenantId: "globex" } }],
    [{ $addFields: { "tenantId.x": 1 } }],
    [{ $set: { tenantId: "$other" } }],
    [{ $unset: "tenantId" }],
    [{ $unset: ["a", "tenantId"] }],
  ])("cannot plainly change the tenant: %j", (stage) => {
    expectRefused(update([{ $set: { a: 1 } }, stage]), "PW_WRITE_MISMATCH", "tenantId");
  });

  test.each([
    [{ $lookup: { from: "orders", pipeline: [], as: "x" } }],
    [{ $match: {} }],
    [{ $out: "x" }],
    [{ $set: { a: { $function: {} } } }],
    [{ $replaceWith: { $accumulator: {} } }],
    [{ $set: { a: 1 }, $unset: "b" }],
    ["x"],
    [{}],
  ])("cannot do more than change the document: %j", (stage) => {
    expectRefused(update([stage]), "PW_STATEMENT_REFUSED");
  });

  test("takes the tenant for a value, whatever it looks like", () => {
    expect(statement([], {}, { ...ACME, tenant: "$a" })["u"]).toEqual([
      { $set: { tenantId: { $literal: "$a" } } },
    ]);
  });

  test("cannot run a script in its variables", () => {
    expectRefused(
      { ...update([{ $set: { a: "$$x" } }]), let: { x: { $function: {} } } },
      "PW_STATEMENT_REFUSED",
    );
  });
});
