import { access, type Access } from "./collections.js";
import type { Document, Ruling } from "./command-scope.js";
import { checkExpression } from "./expression.js";
import { checkedFilter, scopedFilter } from "./filter.js";
import { isDocument, own } from "./plain.js";
import { named, refused } from "./refusal.js";
import { bytePattern } from "./tenant-match.js";
import { stampOf } from "./tenant-value.js";

/** Scopes a pipeline inside another: over a collection met in a way, or over none ("none"). */
export type Nested = (source: Access | "none", pipeline: unknown) => Document[];

const LOOKUP = new Set("from localField foreignField let pipeline as".split(" "));
const GRAPH = new Set(
  "from startWith connectFromField connectToField as maxDepth depthField restrictSearchWithMatch".split(
    " ",
  ),
);
const UNION = new Set(["coll", "pipeline"]);

/** `$lookup`, whose foreign documents are the tenant's: `pipeline` begins with the tenant's `$match`. */
export function scopedLookup(ruling: Ruling, operand: unknown, nested: Nested): Document[] {
  const stage = operandOf("$lookup", operand, LOOKUP);
  const { from, pipeline } = stage;
  checkExpression(own(stage, "let"));
  if (from === undefined) return [{ $lookup: { ...stage, pipeline: nested("none", pipeline) } }];
  const source = foreign(ruling, "$lookup", from);
  if (pipeline === undefined && source === "open") return [{ $lookup: stage }];
  // Both forms in one need server 5.0.
  if (pipeline === undefined && (ruling.at.serverVersion?.[0] ?? 5) < 5)
    return [{ $lookup: stage }, foundOfTenant(ruling, stage["as"])];
  return [{ $lookup: { ...stage, pipeline: nested(source, pipeline ?? []) } }];
}

/** `$graphLookup`, each step of which finds the tenant's documents alone. */
export function scopedGraphLookup(ruling: Ruling, operand: unknown): Document[] {
  const stage = operandOf("$graphLookup", operand, GRAPH);
  const source = foreign(ruling, "$graphLookup", stage["from"]);
  checkExpression(stage["startWith"]);
  const filter = own(stage, "restrictSearchWithMatch");
  if (source === "scoped")
    return [{ $graphLookup: { ...stage, restrictSearchWithMatch: scopedFilter(ruling, filter) } }];
  if (filter !== undefined) checkedFilter(filter);
  return [{ $graphLookup: stage }];
}

/** `$unionWith`, which adds the tenant's documents alone. */
export function scopedUnion(ruling: Ruling, operand: unknown, nested: Nested): Document[] {
  const stage =
    typeof operand === "string" ? { coll: operand } : operandOf("$unionWith", operand, UNION);
  const coll = own(stage, "coll");
  const source = coll === undefined ? "none" : foreign(ruling, "$unionWith", coll);
  const pipeline = own(stage, "pipeline");
  if (source === "open" && pipeline === undefined) return [{ $unionWith: operand }];
  return [{ $unionWith: { ...stage, pipeline: nested(source, pipeline ?? []) } }];
}

function foreign(ruling: Ruling, name: string, collection: unknown): Access {
  if (typeof collection !== "string")
    throw refused(`${name} reads from another database`, "Name a collection of the same database.");
  return access(ruling.at, collection, "read");
}

/** Throws unless a stage's operand is a document of known members. */
export function operandOf(name: string, operand: unknown, members: ReadonlySet<string>): Document {
  if (!isDocument(operand))
    throw refused(`${name} has no document`, "Give its options in a document.");
  for (const key of Object.keys(operand)) {
    if (!members.has(key))
      throw refused(`The option ${named(key)} of ${name} is not allowed`, "Leave it out.");
  }
  return operand;
}

function foundOfTenant(ruling: Ruling, as: unknown): Document {
  if (typeof as !== "string" || as === "" || as.startsWith("$"))
    throw refused("$lookup names no field for what it finds", "Give `as`.");
  const { field, tenant } = stampOf(ruling.at);
  const pattern = bytePattern(ruling);
  const value = `$$found.${field}`;
  const equal = { $eq: [value, { $literal: tenant }] };
  const bytes = { $regexMatch: { input: value, regex: { $literal: pattern } } };
  const cond = pattern === undefined ? equal : { $and: [equal, bytes] };
  return { $addFields: { [as]: { $filter: { input: `$${as}`, as: "found", cond } } } };
}
