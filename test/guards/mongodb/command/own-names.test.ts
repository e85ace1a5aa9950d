import { describe, test } from "vitest";
import { ACME, CENTRAL, expectPipelineRefused, expectRefused, OWN_DATABASE } from "./issue.js";

const MARK = "partywall.home";

describe.each([
  ["by row", ACME],
  ["in a database of its own", OWN_DATABASE],
  ["in central scope", CENTRAL],
])("a collection of Partywall's own, %s", (_, at) => {
  test.each([
    ["read", { find: MARK, filter: {} }],
    ["counted", { count: MARK }],
    ["searched for values", { distinct: MARK, key: "tenantId" }],
    ["aggregated", { aggregate: MARK, pipeline: [], cursor: {} }],
    ["written", { insert: MARK, documents: [{ _id: "home" }] }],
    ["changed", { update: MARK, updates: [{ q: {}, u: { $set: { stage: "home" } } }] }],
    ["emptied", { delete: MARK, deletes: [{ q: {}, limit: 0 }] }],
    ["found and changed", { findAndModify: MARK, query: {}, remove: true }],
    [
      "written in a bulk",
      { bulkWrite: 1, ops: [{ insert: 0, document: {} }], nsInfo: [{ ns: `shop.${MARK}` }] },
    ],
  ])("is not %s", (__, command) => {
    const home = { ...at, isHome: () => true };
    expectRefused(command, "PW_STATEMENT_REFUSED", "Partywall's own", home);
  });

  // By row that is central scope's, which asks the same.
  test("is not created or indexed", () => {
    const owner = at === ACME ? CENTRAL : at;
    const indexes = [{ key: { n: 1 }, name: "n_1" }];
    expectRefused({ create: MARK }, "PW_STATEMENT_REFUSED", "Partywall's own", owner);
    const command = { createIndexes: MARK, indexes };
    expectRefused(command, "PW_STATEMENT_REFUSED", "Partywall's own", owner);
  });

  test("is not joined", () => {
    const inside = at === CENTRAL ? { ...at, isShared: (name: string) => name === "orders" } : at;
    for (const stage of [
      { $lookup: { from: MARK, localField: "a", foreignField: "b", as: "c" } },
      {
        $graphLookup: {
          from: MARK,
          startWith: "$a",
          connectFromField: "a",
          connectToField: "b",
          as: "c",
        },
      },
      { $unionWith: MARK },
    ])
      expectPipelineRefused([stage], "Partywall's own", inside);
  });
});
