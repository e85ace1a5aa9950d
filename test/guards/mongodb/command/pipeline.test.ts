import { describe, expect, test } from "vitest";
import {
  ACME,
  expectPipelineRefused,
  expectRefused,
  MATCH,
  MINE,
  OWN_DATABASE,
  sent,
  sentPipeline,
} from "./issue.js";

describe("a pipeline", () => {
  test.each([
    [[]],
    [[{ $sample: { size: 3 } }]],
    [[{ $limit: 1 }, { $match: { a: 1 } }]],
    [[{ $sort: { a: 1 } }, { $limit: 1 }]],
    [[{ $group: { _id: null, n: { $sum: 1 } } }]],
    [[{ $unset: "tenantId" }]],
    [[{ $project: { tenantId: { $literal: "acme" } } }]],
    [[{ $count: "n" }]],
  ])("sees the tenant's documents before %j", (pipeline) => {
    expect(sentPipeline(pipeline)).toEqual([MATCH, ...pipeline]);
  });

  test("has one first match", () => {
    expect(sentPipeline([{ $match: { $text: { $search: "tea" } } }, { $limit: 1 }])).toEqual([
      { $match: { ...MINE, $text: { $search: "tea" } } },
      { $limit: 1 },
    ]);
    expect(sentPipeline([{ $match: { tenantId: "globex" } }])).toEqual([
      { $match: { $and: [MINE, { tenantId: "globex" }] } },
    ]);
  });

  test.each([
    "$out",
    "$merge",
    "$indexStats",
    "$collStats",
    "$currentOp",
    "$planCacheStats",
    "$listSessions",
    "$listLocalSessions",
    "$searchMeta",
    "$listSearchIndexes",
    "$rankFusion",
    "$scoreFusion",
    "$queryStats",
    "$shardedDataDistribution",
    "$_internalInhibitOptimization",
    "$brandNew",
  ])("cannot use %s, anywhere", (name) => {
    const says = name.replace("$", "\\$");
    const stage = { [name]: {} };
    for (const at of [ACME, OWN_DATABASE]) {
      expectPipelineRefused([stage], says, at);
      expectPipelineRefused([{ $match: {} }, stage], says, at);
      expectPipelineRefused([{ $facet: { x: [stage] } }], says, at);
      expectPipelineRefused([{ $lookup: { from: "items", pipeline: [stage], as: "x" } }], says, at);
      expectPipelineRefused(
        [{ $lookup: { from: "countries", pipeline: [stage], as: "x" } }],
        says,
        at,
      );
      expectPipelineRefused(
        [{ $unionWith: { coll: "items", pipeline: [{ $limit: 1 }, stage] } }],
        says,
        at,
      );
    }
  });

  test.each([
    [{ $project: { x: { $function: {} } } }],
    [{ $addFields: { x: { $ifNull: [{ $function: {} }, 1] } } }],
    [{ $group: { _id: null, x: { $accumulator: {} } } }],
    [{ $group: { _id: { $function: {} } } }],
    [{ $bucket: { groupBy: "$a", boundaries: [0, 1], output: { x: { $accumulator: {} } } } }],
    [{ $setWindowFields: { output: { x: { $accumulator: {} } } } }],
    [{ $redact: { $cond: [{ $function: {} }, "$$KEEP", "$$PRUNE"] } }],
    [{ $replaceWith: { $function: {} } }],
    [{ $sortByCount: { $function: {} } }],
    [{ $match: { $expr: { $function: {} } } }],
    [{ $lookup: { from: "items", let: { x: { $function: {} } }, pipeline: [], as: "x" } }],
    [
      {
        $graphLookup: {
          from: "items",
          startWith: { $function: {} },
          connectFromField: "a",
          connectToField: "b",
          as: "d",
        },
      },
    ],
    [
      {
        $graphLookup: {
          from: "countries",
          startWith: "$a",
          connectFromField: "a",
          connectToField: "b",
          as: "d",
          restrictSearchWithMatch: { $where: "1" },
        },
      },
    ],
    [{ $project: { x: "$$SEARCH_META.count" } }],
  ])("cannot run a script by %j", (stage) => {
    expectPipelineRefused([stage], "\\$");
    expectPipelineRefused([{ $facet: { x: [stage] } }], "\\$");
  });

  test("may read the document whole", () => {
    const pipeline = [
      {
        $replaceWith: {
          all: "$$ROOT",
          now: "$$NOW",
          gone: "$$REMOVE",
          x: { $getField: { field: { $literal: "a.b" }, input: "$$CURRENT" } },
        },
      },
    ];
    expect(sentPipeline(pipeline)).toEqual([MATCH, ...pipeline]);
  });

  test("of stages that are not one named operator each is refused", () => {
    for (const stage of [{}, { $match: {}, $out: "x" }, "x", null, [], { match: {} }])
      expectRefused({ aggregate: "orders", pipeline: [stage] }, "PW_STATEMENT_REFUSED");
    expectRefused({ aggregate: "orders", pipeline: { $match: {} } }, "PW_STATEMENT_REFUSED");
    expectRefused({ aggregate: "orders" }, "PW_STATEMENT_REFUSED");
  });
});

test("an aggregate of no collection reads no collection", () => {
  expect(sent({ aggregate: 1, pipeline: [{ $documents: [{ a: 1 }] }] })["pipeline"]).toEqual([
    { $documents: [{ a: 1 }] },
  ]);
  for (const pipeline of [
    [],
    [{ $match: {} }],
    [{ $currentOp: { allUsers: true } }],
    [{ $listLocalSessions: {} }],
  ])
    expectRefused({ aggregate: 1, pipeline }, "PW_STATEMENT_REFUSED");
});
