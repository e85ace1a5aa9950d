import { scopedChangeStream } from "./change-stream.js";
import type { Access } from "./collections.js";
import type { Document, Ruling } from "./command-scope.js";
import { checkExpression } from "./expression.js";
import { checkFilter, joined, tenantStage } from "./filter.js";
import {
  checkedDocuments,
  refuseElsewhere,
  scopedGeoNear,
  scopedSearch,
  scopedVectorSearch,
} from "./first-stages.js";
import { scopedGraphLookup, scopedLookup, scopedUnion } from "./joins.js";
import { isDocument, plain } from "./plain.js";
import { refused } from "./refusal.js";
import { LOCAL_STAGES, refusedStage, stageOf } from "./stages.js";

/** What a pipeline begins with: a collection, no collection, or ("derived") documents that a stage before gives. */
export type Source = Access | "none" | "derived";

const FIRST_OF_COLLECTION = {
  $geoNear: scopedGeoNear,
  $search: scopedSearch,
  $vectorSearch: scopedVectorSearch,
};

/**
 * A pipeline that reads the tenant's documents alone: `[{ $match: { tenantId: { $eq: "acme" } } }, …]`. A first `$match` and the
 * tenant's become one. Throws `PW_STATEMENT_REFUSED` for a stage or operator that is not known.
 */
export function scopedPipeline(ruling: Ruling, source: Source, pipeline: unknown): Document[] {
  const stages = plain(pipeline);
  if (!Array.isArray(stages)) throw refused("A pipeline is no list of stages", "Give a list.");
  return scopedStages(ruling, source, stages, false);
}

function scopedStages(
  ruling: Ruling,
  source: Source,
  stages: readonly unknown[],
  inside: boolean,
): Document[] {
  const [first, ...others] = stages.map(stageOf);
  const rest = others.flatMap((stage) => laterStage(ruling, stage));
  return [...beginning(ruling, source, first, inside), ...rest];
}

function beginning(
  ruling: Ruling,
  source: Source,
  stage: readonly [string, unknown] | undefined,
  inside: boolean,
): Document[] {
  const [name, operand] = stage ?? [];
  if (name === "$changeStream" && !inside && source !== "derived")
    return scopedChangeStream(ruling, source, operand);
  if (source === "none") {
    if (name === "$documents") return checkedDocuments(operand);
    throw refused(
      "A pipeline over no collection does not begin with $documents",
      "Begin so, or name a collection.",
    );
  }
  if (source !== "derived" && name !== undefined && Object.hasOwn(FIRST_OF_COLLECTION, name))
    return FIRST_OF_COLLECTION[name as keyof typeof FIRST_OF_COLLECTION](ruling, source, operand);
  if (source !== "scoped") return stage === undefined ? [] : laterStage(ruling, stage);
  if (name === "$match") {
    checkFilter(operand);
    return [{ $match: joined(ruling, operand as Document) }];
  }
  return [tenantStage(ruling), ...(stage === undefined ? [] : laterStage(ruling, stage))];
}

function laterStage(ruling: Ruling, [name, operand]: readonly [string, unknown]): Document[] {
  const nested = (source: Source, pipeline: unknown): Document[] => {
    if (!Array.isArray(pipeline)) throw refused(`${name} has no list of stages`, "Give a list.");
    return scopedStages(ruling, source, pipeline, true);
  };
  switch (name) {
    case "$match":
      checkFilter(operand);
      break;
    case "$lookup":
      return scopedLookup(ruling, operand, nested);
    case "$graphLookup":
      return scopedGraphLookup(ruling, operand);
    case "$unionWith":
      return scopedUnion(ruling, operand, nested);
    case "$facet":
      return [{ $facet: facets(operand, nested) }];
    default:
      if (Object.hasOwn(FIRST_OF_COLLECTION, name)) refuseElsewhere(name, false);
      if (!LOCAL_STAGES.has(name)) throw refusedStage(name);
      checkExpression(operand);
  }
  return [{ [name]: operand }];
}

function facets(
  operand: unknown,
  nested: (source: Source, pipeline: unknown) => Document[],
): Document {
  if (!isDocument(operand)) throw refused("$facet has no document", "Name pipelines in it.");
  return Object.fromEntries(
    Object.entries(operand).map(([name, pipeline]) => [name, nested("derived", pipeline)]),
  );
}
