import { describe, expect, test } from "vitest";
import { ACME, CENTRAL, expectRefused, MINE, OWN_DATABASE, sent } from "./issue.js";

const filterOf = (filter: object | undefined, at = ACME) =>
  sent({ find: "orders", ...(filter === undefined ? {} : { filter }) }, at)["filter"];

describe("a filter", () => {
  test("finds the tenant's documents where none is given", () => {
    expect(filterOf(undefined)).toEqual(MINE);
    expect(sent({ count: "orders" })["query"]).toEqual(MINE);
    expect(sent({ distinct: "orders", key: "state", query: {} })["query"]).toEqual(MINE);
  });

  test.each([
    { $or: [{ tenantId: "globex" }, {}] },
    { $nor: [{ tenantId: "acme" }] },
    { $expr: { $eq: [1, 1] } },
    { $text: { $search: "tea" } },
    { place: { $near: [0, 0] } },
    { $comment: "all" },
  ])("cannot leave the tenant by %j", (filter) => {
    expect(filterOf(filter)).toEqual({ ...MINE, ...filter });
  });

  test.each([
    "globex",
    { $ne: "acme" },
    { $exists: true },
    { $in: ["acme", "globex"] },
    null,
    ["acme"],
  ])("cannot read another tenant by asking for the field to be %j", (tenantId) => {
    expect(filterOf({ tenantId, state: "open" })).toEqual({
      $and: [MINE, { tenantId, state: "open" }],
    });
  });

  test("cannot replace the tenant's part by an undefined field", () => {
    expect(filterOf({ tenantId: undefined })).toEqual({ $and: [MINE, {}] });
  });

  test("says an equality with the own tenant once", () => {
    expect(filterOf({ tenantId: "acme", state: "open" })).toEqual({ ...MINE, state: "open" });
    expect(filterOf({ state: "open", tenantId: { $eq: "acme" } })).toEqual({
      ...MINE,
      state: "open",
    });
  });

  test.each([
    [{ $where: "true" }, "$where"],
    [{ $where: () => true }, "$where"],
    [{ $or: [{ $and: [{ $where: "true" }] }] }, "$where"],
    [{ $nor: [{ items: { $elemMatch: { $where: "true" } } }] }, "$where"],
    [{ a: { $not: { $elemMatch: { $where: "1" } } } }, "$where"],
    [{ a: { $all: [{ $elemMatch: { $where: "1" } }] } }, "$where"],
    [{ $expr: { $function: { body: "f", args: [], lang: "js" } } }, "$function"],
    [{ $expr: { $and: [{ $cond: { if: { $function: {} }, then: 1, else: 0 } }] } }, "$function"],
    [{ $or: [{ $expr: { $let: { vars: { f: { $function: {} } }, in: "$$f" } } }] }, "$function"],
    [{ $brandNew: 1 }, "$brandNew"],
    [{ a: { $brandNew: 1 } }, "$brandNew"],
    [{ $expr: { $brandNew: 1 } }, "$brandNew"],
    [{ $expr: "$$USER_ROLES" }, "USER_ROLES"],
    [{ $or: { 0: {} } }, "$or"],
  ])("is refused with the name of what it runs: %j", (filter, name) => {
    expectRefused({ find: "orders", filter }, "PW_STATEMENT_REFUSED", name.replace("$", "\\$"));
    expectRefused({ aggregate: "orders", pipeline: [{ $match: filter }] }, "PW_STATEMENT_REFUSED");
    expectRefused(
      { find: "orders", filter },
      "PW_STATEMENT_REFUSED",
      name.replace("$", "\\$"),
      OWN_DATABASE,
    );
    expectRefused({ find: "countries", filter }, "PW_STATEMENT_REFUSED", "", CENTRAL);
  });

  test("may hold values that look like operators, where the server takes them for values", () => {
    const filter = {
      a: { b: { $where: 1 } },
      c: { $in: [{ $function: 1 }] },
      d: { $eq: { $x: 1 } },
    };
    expect(filterOf(filter)).toEqual({ ...MINE, ...filter });
    const literal = { $expr: { $eq: ["$a", { $literal: { $function: 1 } }] } };
    expect(filterOf(literal)).toEqual({ ...MINE, ...literal });
  });

  test("that is no document is refused", () => {
    for (const filter of ["x", 1, [{}], new Date()])
      expectRefused({ find: "orders", filter }, "PW_STATEMENT_REFUSED");
  });
});

describe("a find", () => {
  test("cannot run a script in its projection or its variables", () => {
    for (const part of [
      { projection: { x: { $function: {} } } },
      { projection: { x: { $slice: [{ $function: {} }, 1] } } },
      { projection: { x: { $elemMatch: { $where: "1" } } } },
      { let: { x: { $function: {} } } },
    ])
      expectRefused({ find: "orders", ...part }, "PW_STATEMENT_REFUSED");
  });

  test("keeps its projection, order and hints", () => {
    const parts = {
      projection: { a: 1, items: { $elemMatch: { n: { $gt: 1 } } }, last: { $slice: 2 } },
      sort: { a: -1 },
      hint: "a_1",
      limit: 3,
      let: { x: 1 },
    };
    expect(sent({ find: "orders", filter: {}, ...parts })).toEqual({
      find: "orders",
      filter: MINE,
      ...parts,
    });
  });

  test("reads a shared collection whole, and a database of its own whole", () => {
    expect(sent({ find: "countries", filter: { code: "CH" } })["filter"]).toEqual({ code: "CH" });
    expect(sent({ find: "countries", filter: { code: "CH" } }, CENTRAL)["filter"]).toEqual({
      code: "CH",
    });
    expect(filterOf({ a: 1 }, OWN_DATABASE)).toEqual({ a: 1 });
  });

  test("is sent as it is in system scope", () => {
    expect(sent({ find: "orders", filter: { $where: "1" } }, { ...ACME, kind: "system" })).toEqual({
      find: "orders",
      filter: { $where: "1" },
    });
  });
});
