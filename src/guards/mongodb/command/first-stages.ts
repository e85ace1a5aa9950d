import type { Access } from "./collections.js";
import type { Document, Ruling } from "./command-scope.js";
import { checkExpression } from "./expression.js";
import { checkedFilter, scopedFilter, tenantStage } from "./filter.js";
import { operandOf } from "./joins.js";
import { own } from "./plain.js";
import { named, refused } from "./refusal.js";

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));
const GEO = words(
  "near distanceField spherical maxDistance minDistance query distanceMultiplier includeLocs key limit num uniqueDocs",
);
const VECTOR = words("index path queryVector query model numCandidates limit filter exact");
// `count` and `facet` count what all tenants have; `scoreDetails` tells of it.
const SEARCH =
  words(`index highlight concurrent returnStoredSource searchAfter searchBefore sort tracking
  autocomplete compound embeddedDocument equals exists geoShape geoWithin in moreLikeThis near phrase queryString range
  regex span text wildcard`);

/** `$geoNear`, which must be first and has a filter of its own. */
export function scopedGeoNear(ruling: Ruling, source: Access, operand: unknown): Document[] {
  const stage = operandOf("$geoNear", operand, GEO);
  const query = own(stage, "query");
  for (const [key, value] of Object.entries(stage)) if (key !== "query") checkExpression(value);
  if (source === "scoped") return [{ $geoNear: { ...stage, query: scopedFilter(ruling, query) } }];
  if (query !== undefined) checkedFilter(query);
  return [{ $geoNear: stage }];
}

/** `$search`, which must be first: what it finds of others is dropped right behind it. */
export function scopedSearch(ruling: Ruling, source: Access, operand: unknown): Document[] {
  const stage = { $search: operandOf("$search", operand, SEARCH) };
  return source === "scoped" ? [stage, tenantStage(ruling)] : [stage];
}

/** `$vectorSearch`, which must be first: filtered within, so that `limit` counts the tenant's, and once more behind it. */
export function scopedVectorSearch(ruling: Ruling, source: Access, operand: unknown): Document[] {
  const stage = operandOf("$vectorSearch", operand, VECTOR);
  const filter = own(stage, "filter");
  const checked = filter === undefined ? undefined : checkedFilter(filter);
  if (source === "open") return [{ $vectorSearch: stage }];
  // The search index knows equality and no pattern.
  const tenant = { [ruling.at.field]: { $eq: ruling.at.tenant } };
  return [
    {
      $vectorSearch: {
        ...stage,
        filter: checked === undefined ? tenant : { $and: [tenant, checked] },
      },
    },
    tenantStage(ruling),
  ];
}

/** `$documents`, which reads no collection. */
export function checkedDocuments(operand: unknown): Document[] {
  checkExpression(operand);
  return [{ $documents: operand }];
}

/** Throws where a stage that has to be first is not, or where nothing may be read. */
export function refuseElsewhere(name: string, isFirst: boolean): void {
  if (!isFirst) throw refused(`The stage ${named(name)} is not the first`, "Put it first.");
}
