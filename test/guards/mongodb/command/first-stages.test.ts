import { describe, expect, test } from "vitest";
import { expectPipelineRefused, MATCH, MINE, sentPipeline } from "./issue.js";

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
      expectPipelineRefused([{ $limit: 1 }, stage], "");
      expectPipelineRefused([{ $facet: { x: [stage] } }], "");
    }
    expectPipelineRefused(
      [{ $lookup: { from: "items", pipeline: [{ $changeStream: {} }], as: "x" } }],
      "changeStream",
    );
  });

  test("cannot count or facet what others have", () => {
    for (const part of ["count", "facet", "scoreDetails", "brandNew"])
      expectPipelineRefused([{ $search: { text: {}, [part]: {} } }], part);
  });
});
