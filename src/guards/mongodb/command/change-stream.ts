import type { Access } from "./collections.js";
import type { Document, Ruling } from "./command-scope.js";
import { operandOf } from "./joins.js";
import { refused } from "./refusal.js";
import { tenantPredicate } from "./tenant-match.js";

const OPTIONS = new Set(
  "fullDocument fullDocumentBeforeChange resumeAfter startAfter startAtOperationTime showExpandedEvents".split(
    " ",
  ),
);

/**
 * `$changeStream` of a collection, or ("none") of a database: the events of the tenant's documents alone. An event without the
 * document, an update's by default, or a deletion's without its pre-image, cannot be told to be the tenant's and is dropped. What
 * `updateLookup` finds is the document of now, so the change itself, which may be that of an earlier one, is taken out.
 * @see https://www.mongodb.com/docs/manual/changeStreams/
 */
export function scopedChangeStream(
  ruling: Ruling,
  source: Access | "none",
  operand: unknown,
): Document[] {
  const options = operandOf("$changeStream", operand, OPTIONS);
  const stage = { $changeStream: options };
  const { at } = ruling;
  if (source === "none" && at.kind === "central")
    throw refused(
      "Changes of a whole database are watched in central scope",
      "Watch a shared collection.",
    );
  if (source === "open" || at.strategy === "database") return [stage];
  const stages: Document[] = [stage, { $match: { $or: [stored(ruling), removed(ruling)] } }];
  if (options["fullDocument"] === "updateLookup") stages.push({ $unset: "updateDescription" });
  return stages;
}

function stored(ruling: Ruling): Document {
  const is = tenantPredicate(ruling);
  return {
    operationType: { $in: ["insert", "update", "replace"] },
    [`fullDocument.${ruling.at.field}`]: is,
    // A document may come from another tenant, when one is moved.
    $or: [
      { fullDocumentBeforeChange: null },
      { [`fullDocumentBeforeChange.${ruling.at.field}`]: is },
    ],
  };
}

function removed(ruling: Ruling): Document {
  return {
    operationType: "delete",
    [`fullDocumentBeforeChange.${ruling.at.field}`]: tenantPredicate(ruling),
  };
}
