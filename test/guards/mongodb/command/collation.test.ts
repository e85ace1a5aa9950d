import { expect, test } from "vitest";
import { ACME, MINE, sent, sentPipeline } from "./issue.js";

const BYTES = { tenantId: { $eq: "acme", $regex: "^acme\\z" } };
const caseless = { locale: "en", strength: 2 };
const unknown = { ...ACME, isBinary: () => false };

test("a collation on the command cannot make ACME the tenant acme", () => {
  expect(sent({ find: "orders", filter: {}, collation: caseless })["filter"]).toEqual(BYTES);
  expect(sent({ count: "orders", collation: caseless })["query"]).toEqual(BYTES);
  expect(
    sent({ findAndModify: "orders", query: {}, remove: true, collation: caseless })["query"],
  ).toEqual(BYTES);
});

test("a collation on one statement cannot make ACME the tenant acme", () => {
  const { updates } = sent({
    update: "orders",
    updates: [
      { q: {}, u: { $set: { a: 1 } }, collation: caseless },
      { q: {}, u: { $set: { a: 1 } } },
    ],
  }) as { updates: { q: object }[] };
  expect(updates.map(({ q }) => q)).toEqual([BYTES, MINE]);
  expect(
    sent({ delete: "orders", deletes: [{ q: {}, limit: 0, collation: caseless }] })["deletes"],
  ).toMatchObject([{ q: BYTES }]);
});

test("a collation cannot make ACME the tenant acme in what a pipeline joins", () => {
  const { pipeline } = sent({
    aggregate: "orders",
    pipeline: [
      { $lookup: { from: "items", localField: "a", foreignField: "b", as: "c" } },
      {
        $graphLookup: {
          from: "items",
          startWith: "$a",
          connectFromField: "a",
          connectToField: "b",
          as: "d",
        },
      },
      { $unionWith: "items" },
    ],
    cursor: {},
    collation: caseless,
  });
  expect(pipeline).toMatchObject([
    { $match: BYTES },
    { $lookup: { pipeline: [{ $match: BYTES }] } },
    { $graphLookup: { restrictSearchWithMatch: BYTES } },
    { $unionWith: { pipeline: [{ $match: BYTES }] } },
  ]);
});

test("a collection that may have a collation of its own is compared by bytes, and by simple collation is not", () => {
  expect(sent({ find: "orders", filter: {} }, unknown)["filter"]).toEqual(BYTES);
  expect(sentPipeline([], unknown)).toEqual([{ $match: BYTES }]);
  expect(
    sent({ find: "orders", filter: {}, collation: { locale: "simple" } }, unknown)["filter"],
  ).toEqual(MINE);
});

test("the pattern means the tenant's very characters", () => {
  const at = { ...unknown, tenant: "a.c$^(x) é-1" };
  expect(sent({ find: "orders", filter: {} }, at)["filter"]).toEqual({
    tenantId: { $eq: "a.c$^(x) é-1", $regex: "^a\\.c\\$\\^\\(x\\)\\ é\\-1\\z" },
  });
});

test("a tenant that is no string needs no pattern", () => {
  expect(sent({ find: "orders", filter: {} }, { ...unknown, tenant: 7 })["filter"]).toEqual({
    tenantId: { $eq: 7 },
  });
});

test("beside $text the pattern is no second predicate on the prefix of a text index", () => {
  expect(
    sent({ find: "orders", filter: { $text: { $search: "tea" } } }, unknown)["filter"],
  ).toEqual({
    tenantId: { $eq: "acme" },
    $expr: {
      $and: [
        { $eq: [{ $type: "$tenantId" }, "string"] },
        { $regexMatch: { input: "$tenantId", regex: { $literal: "^acme\\z" } } },
      ],
    },
    $text: { $search: "tea" },
  });
});

test("an upsert, which may have no $expr, is compared by bytes beside $text too", () => {
  const filter = { $text: { $search: "tea" } };
  const u = { $set: { a: 1 } };
  const { updates } = sent(
    { update: "orders", updates: [{ q: filter, u, upsert: true }] },
    unknown,
  );
  expect(updates).toMatchObject([{ q: { ...BYTES, ...filter } }]);
});
