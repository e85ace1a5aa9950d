import type { Document, Ruling } from "./command-scope.js";
import { checkExpression } from "./expression.js";
import { FIELD_OPERATORS, FILTER_OPERATORS, LOGICAL_OPERATORS } from "./filter-operators.js";
import { isDocument, own, plain, put } from "./plain.js";
import { mismatched, named, refused } from "./refusal.js";
import { tenantBesideText, tenantFilter, tenantPredicate } from "./tenant-match.js";
import { isTenants, touchesTenant } from "./tenant-value.js";

const SERVER_SIDE = "Ask with the operators of the query language.";

/**
 * A filter of the caller's, checked: `{ state: "open" }`. Throws `PW_STATEMENT_REFUSED` for `$where` and every operator that is
 * not known.
 */
export function checkedFilter(filter: unknown): Document {
  const copy = plain(filter ?? {});
  checkFilter(copy);
  return copy as Document;
}

/** A checked filter that only the tenant's documents pass: `{ tenantId: { $eq: "acme" }, state: "open" }`. */
export function scopedFilter(ruling: Ruling, filter: unknown): Document {
  return joined(ruling, checkedFilter(filter));
}

/**
 * The same for an upsert, whose filter seeds a document where none is found. Throws `PW_WRITE_MISMATCH` where it names another
 * tenant.
 */
export function seedingFilter(ruling: Ruling, filter: unknown): Document {
  const checked = checkedFilter(filter);
  const { field } = ruling.at;
  if (
    Object.keys(checked).some((key) => touchesTenant(ruling.at, key)) &&
    !asksTenant(ruling, checked)
  )
    throw mismatched(`An upsert asks for another value in ${named(field)} than the current tenant`);
  // An upsert may not have the $expr that goes beside $text.
  return merged(ruling, checked, tenantFilter(ruling));
}

/** A filter that was checked, and the tenant. */
export function joined(ruling: Ruling, filter: Document): Document {
  const isText = Object.hasOwn(filter, "$text");
  return merged(ruling, filter, isText ? tenantBesideText(ruling) : tenantFilter(ruling));
}

function merged(ruling: Ruling, filter: Document, tenant: Document): Document {
  const { field } = ruling.at;
  // Said twice, an equality keeps an upsert from telling the field's value.
  const same = asksTenant(ruling, filter);
  const clashes = Object.keys(tenant).some(
    (key) => Object.hasOwn(filter, key) && !(key === field && same),
  );
  if (clashes) return { $and: [tenant, filter] };
  for (const [key, value] of Object.entries(filter)) if (key !== field) put(tenant, key, value);
  return tenant;
}

function asksTenant({ at }: Ruling, filter: Document): boolean {
  const asked = own(filter, at.field);
  const single = isDocument(asked) && Object.keys(asked).join() === "$eq";
  return isTenants(at, single ? asked["$eq"] : asked);
}

/** The tenant's part, to be matched after a stage that gives documents of all. */
export const tenantStage = (ruling: Ruling): Document => ({
  $match: { [ruling.at.field]: tenantPredicate(ruling) },
});

/** Throws unless every operator of a filter is known and runs no script. */
export function checkFilter(filter: unknown): void {
  if (!isDocument(filter)) throw refused("A filter is no document", "Give one filter document.");
  for (const [key, value] of Object.entries(filter)) checkMember(key, value);
}

function checkMember(key: string, value: unknown): void {
  if (!key.startsWith("$")) checkPredicate(value);
  else if (LOGICAL_OPERATORS.has(key)) {
    if (!Array.isArray(value)) throw refused(`${named(key)} has no list of filters`, SERVER_SIDE);
    value.forEach(checkFilter);
  } else if (key === "$expr") checkExpression(value);
  else if (!FILTER_OPERATORS.has(key))
    throw refused(`The filter operator ${named(key)} is not allowed`, SERVER_SIDE);
}

/** Throws unless every operator on a field is known; a document without operators is a value. */
function checkPredicate(predicate: unknown): void {
  if (!isDocument(predicate)) return;
  for (const [key, value] of Object.entries(predicate)) {
    if (!key.startsWith("$")) continue;
    if (!FIELD_OPERATORS.has(key))
      throw refused(`The filter operator ${named(key)} is not allowed`, SERVER_SIDE);
    if (key === "$not") checkPredicate(value);
    else if (key === "$elemMatch") checkElements(value);
    else if (key === "$all" && Array.isArray(value)) value.forEach(checkPredicate);
  }
}

/** The same for what elements of an array are asked: a predicate or a filter. */
export function checkElements(condition: unknown): void {
  if (!isDocument(condition)) return;
  for (const [key, value] of Object.entries(condition)) {
    if (FIELD_OPERATORS.has(key)) checkPredicate({ [key]: value });
    else checkMember(key, value);
  }
}
