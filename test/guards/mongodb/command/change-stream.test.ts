import { describe, expect, test } from "vitest";
import {
  CENTRAL,
  expectPipelineRefused,
  expectRefused,
  OWN_DATABASE,
  sent,
  sentPipeline,
} from "./issue.js";

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
      expectPipelineRefused([{ $changeStream: { [option]: true } }], option);
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
