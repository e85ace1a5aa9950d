import { describe, expect, test } from "vitest";
import {
  ACME,
  CENTRAL,
  expectPipelineRefused,
  expectRefused,
  MATCH,
  MINE,
  OWN_DATABASE,
  sent,
  sentPipeline,
} from "./issue.js";

describe("a lookup", () => {
  test("by fields finds the tenant's documents alone", () => {
    expect(
      sentPipeline([{ $lookup: { from: "items", localField: "a", foreignField: "b", as: "c" } }]),
    ).toEqual([
      MATCH,
      {
        $lookup: { from: "items", localField: "a", foreignField: "b", as: "c", pipeline: [MATCH] },
      },
    ]);
  });

  test("by fields drops what it found of others where the server is older than 5.0", () => {
    const stage = { $lookup: { from: "items", localField: "a", foreignField: "b", as: "x.c" } };
    expect(sentPipeline([stage], { ...ACME, serverVersion: [4, 4, 29] })).toEqual([
      MATCH,
      stage,
      {
        $addFields: {
          "x.c": {
            $filter: {
              input: "$x.c",
              as: "found",
              cond: { $eq: ["$$found.tenantId", { $literal: "acme" }] },
            },
          },
        },
      },
    ]);
  });

  test("by a pipeline, by both and in others finds the tenant's documents alone", () => {
    const inner = { $lookup: { from: "parts", pipeline: [{ $match: { n: 1 } }], as: "p" } };
    expect(
      sentPipeline([
        {
          $lookup: {
            from: "items",
            localField: "a",
            foreignField: "b",
            let: { x: "$x" },
            pipeline: [{ $limit: 1 }, inner],
            as: "c",
          },
        },
        { $facet: { one: [{ $lookup: { from: "items", pipeline: [], as: "d" } }] } },
      ]),
    ).toEqual([
      MATCH,
      {
        $lookup: {
          from: "items",
          localField: "a",
          foreignField: "b",
          let: { x: "$x" },
          pipeline: [
            MATCH,
            { $limit: 1 },
            { $lookup: { from: "parts", pipeline: [{ $match: { ...MINE, n: 1 } }], as: "p" } },
          ],
          as: "c",
        },
      },
      { $facet: { one: [{ $lookup: { from: "items", pipeline: [MATCH], as: "d" } }] } },
    ]);
  });

  test("reads a shared collection as it is, and from there no tenant's but the own", () => {
    const stage = { $lookup: { from: "countries", localField: "a", foreignField: "b", as: "c" } };
    expect(sentPipeline([stage])).toEqual([MATCH, stage]);
    expect(
      sent({
        aggregate: "countries",
        pipeline: [{ $lookup: { from: "orders", pipeline: [], as: "o" } }],
      })["pipeline"],
    ).toEqual([{ $lookup: { from: "orders", pipeline: [MATCH], as: "o" } }]);
  });

  test("cannot read another database, the server's collections or a view", () => {
    for (const from of [
      { db: "other", coll: "orders" },
      { db: "shop", coll: "orders" },
      ["orders"],
      1,
      null,
    ]) {
      for (const at of [ACME, OWN_DATABASE])
        expectPipelineRefused([{ $lookup: { from, pipeline: [], as: "x" } }], "lookup", at);
    }
    for (const from of ["system.views", "system.buckets.orders", "$cmd"])
      expectPipelineRefused(
        [{ $lookup: { from, localField: "a", foreignField: "b", as: "x" } }],
        "server's own",
      );
    expectPipelineRefused([{ $lookup: { from: "totals", pipeline: [], as: "x" } }], "view", {
      ...ACME,
      isView: (collection) => collection === "totals",
    });
    expectPipelineRefused(
      [{ $lookup: { from: "items", pipeline: [], as: "x", _internal: 1 } }],
      "_internal",
    );
  });

  test("reads no tenant's collection in central scope", () => {
    const at = CENTRAL;
    for (const stage of [
      { $lookup: { from: "orders", pipeline: [], as: "x" } },
      { $unionWith: "orders" },
      {
        $graphLookup: {
          from: "orders",
          startWith: "$a",
          connectFromField: "a",
          connectToField: "b",
          as: "d",
        },
      },
      {
        $facet: {
          x: [{ $lookup: { from: "orders", localField: "a", foreignField: "b", as: "x" } }],
        },
      },
    ])
      expectRefused(
        { aggregate: "countries", pipeline: [stage] },
        "PW_CENTRAL_SCOPE",
        "orders",
        at,
      );
  });

  test("over no collection begins with $documents", () => {
    const lookup = { $lookup: { pipeline: [{ $documents: [{ a: 1 }] }, { $limit: 1 }], as: "x" } };
    expect(sentPipeline([lookup])).toEqual([MATCH, lookup]);
    expectPipelineRefused([{ $lookup: { pipeline: [{ $limit: 1 }], as: "x" } }], "documents");
    expectPipelineRefused([{ $lookup: { as: "x" } }], "");
  });
});

describe("a union or a graph", () => {
  test("adds the tenant's documents alone", () => {
    expect(
      sentPipeline([
        { $unionWith: "items" },
        { $unionWith: { coll: "items", pipeline: [{ $match: { a: 1 } }] } },
      ]),
    ).toEqual([
      MATCH,
      { $unionWith: { coll: "items", pipeline: [MATCH] } },
      { $unionWith: { coll: "items", pipeline: [{ $match: { ...MINE, a: 1 } }] } },
    ]);
    expect(sentPipeline([{ $unionWith: "countries" }])).toEqual([
      MATCH,
      { $unionWith: "countries" },
    ]);
    for (const operand of [{ coll: "orders", db: "other" }, { coll: 1 }, 1, null])
      expectPipelineRefused([{ $unionWith: operand }], "unionWith");
  });

  test("walks the tenant's documents alone", () => {
    const graph = {
      from: "staff",
      startWith: "$boss",
      connectFromField: "boss",
      connectToField: "_id",
      as: "bosses",
    };
    expect(
      sentPipeline([
        { $graphLookup: graph },
        { $graphLookup: { ...graph, restrictSearchWithMatch: { tenantId: { $exists: true } } } },
      ]),
    ).toEqual([
      MATCH,
      { $graphLookup: { ...graph, restrictSearchWithMatch: MINE } },
      {
        $graphLookup: {
          ...graph,
          restrictSearchWithMatch: { $and: [MINE, { tenantId: { $exists: true } }] },
        },
      },
    ]);
  });
});
