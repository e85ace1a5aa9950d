import { describe, expect, test } from "vitest";
import { ACME, CENTRAL, expectRefused, MINE, OWN_DATABASE, sent, sentPipeline } from "./issue.js";

const MATCH = { $match: MINE };
const expectRefusedPipeline = (pipeline: readonly object[], says: string, at = ACME) =>
  expectRefused({ aggregate: "orders", pipeline, cursor: {} }, "PW_STATEMENT_REFUSED", says, at);

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
      expectRefusedPipeline([stage], says, at);
      expectRefusedPipeline([{ $match: {} }, stage], says, at);
      expectRefusedPipeline([{ $facet: { x: [stage] } }], says, at);
      expectRefusedPipeline([{ $lookup: { from: "items", pipeline: [stage], as: "x" } }], says, at);
      expectRefusedPipeline(
        [{ $lookup: { from: "countries", pipeline: [stage], as: "x" } }],
        says,
        at,
      );
      expectRefusedPipeline(
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
    expectRefusedPipeline([stage], "\\$");
    expectRefusedPipeline([{ $facet: { x: [stage] } }], "\\$");
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
        expectRefusedPipeline([{ $lookup: { from, pipeline: [], as: "x" } }], "lookup", at);
    }
    for (const from of ["system.views", "system.buckets.orders", "$cmd"])
      expectRefusedPipeline(
        [{ $lookup: { from, localField: "a", foreignField: "b", as: "x" } }],
        "server's own",
      );
    expectRefusedPipeline([{ $lookup: { from: "totals", pipeline: [], as: "x" } }], "view", {
      ...ACME,
      isView: (collection) => collection === "totals",
    });
    expectRefusedPipeline(
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
    expectRefusedPipeline([{ $lookup: { pipeline: [{ $limit: 1 }], as: "x" } }], "documents");
    expectRefusedPipeline([{ $lookup: { as: "x" } }], "");
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
      expectRefusedPipeline([{ $unionWith: operand }], "unionWith");
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

describe("a stage that has to be first", () => {
  test("is filtered within or behind", () => {
    const geo = { near: [0, 0], distanceField: "d", query: { a: 1 } };
    expect(sentPipeline([{ $geoNear: geo }, { $limit: 1 }])).toEqual([
      { $geoNear: { ...geo, query: { ...MINE, a: 1 } } },
      { $limit: 1 },
    ]);
    expect(sentPipeline([{ $search: { text: { query: "tea", path: "name" } } }])).toEqual([
      { $search: { text: { query: "tea", path: "name" } } },
      MATCH,
    ]);
    const vector = { index: "v", path: "e", queryVector: [1], limit: 3, numCandidates: 9 };
    expect(sentPipeline([{ $vectorSearch: vector }])).toEqual([
      { $vectorSearch: { ...vector, filter: MINE } },
      MATCH,
    ]);
    expect(sentPipeline([{ $vectorSearch: { ...vector, filter: { a: 1 } } }])).toEqual([
      { $vectorSearch: { ...vector, filter: { $and: [MINE, { a: 1 }] } } },
      MATCH,
    ]);
  });

  test("is refused later, and in a facet", () => {
    for (const stage of [
      { $geoNear: {} },
      { $search: {} },
      { $vectorSearch: {} },
      { $changeStream: {} },
      { $documents: [] },
    ]) {
      expectRefusedPipeline([{ $limit: 1 }, stage], "");
      expectRefusedPipeline([{ $facet: { x: [stage] } }], "");
    }
    expectRefusedPipeline(
      [{ $lookup: { from: "items", pipeline: [{ $changeStream: {} }], as: "x" } }],
      "changeStream",
    );
  });

  test("cannot count or facet what others have", () => {
    for (const part of ["count", "facet", "scoreDetails", "brandNew"])
      expectRefusedPipeline([{ $search: { text: {}, [part]: {} } }], part);
  });
});

describe("a change stream", () => {
  const own = {
    $match: {
      $or: [
        {
          operationType: { $in: ["insert", "update", "replace"] },
          "fullDocument.tenantId": { $eq: "acme" },
          $or: [
            { fullDocumentBeforeChange: null },
            { "fullDocumentBeforeChange.tenantId": { $eq: "acme" } },
          ],
        },
        { operationType: "delete", "fullDocumentBeforeChange.tenantId": { $eq: "acme" } },
      ],
    },
  };

  test("tells of the tenant's documents alone, wherever it is resumed", () => {
    const stage = { $changeStream: { fullDocument: "required", resumeAfter: { _data: "8263" } } };
    expect(sentPipeline([stage, { $project: { a: 1 } }])).toEqual([
      stage,
      own,
      { $project: { a: 1 } },
    ]);
    expect(sent({ aggregate: 1, pipeline: [stage], cursor: {} })["pipeline"]).toEqual([stage, own]);
  });

  test("does not tell what was changed where the document is looked up later", () => {
    const stage = { $changeStream: { fullDocument: "updateLookup" } };
    expect(sentPipeline([stage])).toEqual([stage, own, { $unset: "updateDescription" }]);
  });

  test("of the cluster is refused, and of a database in central scope", () => {
    for (const option of ["allChangesForCluster", "showMigrationEvents", "showSystemEvents"])
      expectRefusedPipeline([{ $changeStream: { [option]: true } }], option);
    expectRefused(
      { aggregate: 1, pipeline: [{ $changeStream: {} }] },
      "PW_STATEMENT_REFUSED",
      "database",
      CENTRAL,
    );
    expectRefused(
      { aggregate: "orders", pipeline: [{ $changeStream: {} }] },
      "PW_CENTRAL_SCOPE",
      "",
      CENTRAL,
    );
  });

  test("of a database of its own is as it is", () => {
    const stage = { $changeStream: {} };
    expect(sent({ aggregate: 1, pipeline: [stage] }, OWN_DATABASE)["pipeline"]).toEqual([stage]);
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
