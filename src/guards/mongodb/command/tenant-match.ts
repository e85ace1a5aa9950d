import type { Document, Ruling } from "./command-scope.js";
import { stampOf } from "./tenant-value.js";

const ASCII_SYMBOL = /[ -/:-@[-^`{-~]/g;

/**
 * What a document must have in the tenant field. `$eq` follows the collation, under which two tenants may be equal; `$regex`
 * follows none.
 * @see https://www.mongodb.com/docs/manual/reference/operator/query/regex/
 */
export function tenantPredicate(ruling: Ruling): Document {
  const { tenant } = stampOf(ruling.at);
  const pattern = bytePattern(ruling);
  return pattern === undefined ? { $eq: tenant } : { $eq: tenant, $regex: pattern };
}

/** The same as the members of a filter that holds `$text`: a compound text index takes nothing but an equality on its prefix. */
export function tenantBesideText(ruling: Ruling): Document {
  const { field, tenant } = stampOf(ruling.at);
  const pattern = bytePattern(ruling);
  const equality = { [field]: { $eq: tenant } };
  if (pattern === undefined) return equality;
  const value = `$${field}`;
  // Of what is no string, $regexMatch fails.
  const isText = { $eq: [{ $type: value }, "string"] };
  const matches = { $regexMatch: { input: value, regex: { $literal: pattern } } };
  return { ...equality, $expr: { $and: [isText, matches] } };
}

/** The tenant's filter by itself. */
export const tenantFilter = (ruling: Ruling): Document => ({
  [ruling.at.field]: tenantPredicate(ruling),
});

// Computed once for each tenant: each of its commands needs it.
const patterns = new Map<string, string>();
const MOST_PATTERNS = 10_000;

/** The pattern that only the tenant's very string matches; undefined where equality is enough. */
export function bytePattern({ at, binary }: Ruling): string | undefined {
  if (binary || typeof at.tenant !== "string") return undefined;
  const known = patterns.get(at.tenant);
  if (known !== undefined) return known;
  // `$` would also match before a line break at the end.
  const pattern = `^${at.tenant.replaceAll(ASCII_SYMBOL, String.raw`\$&`)}\\z`;
  if (patterns.size >= MOST_PATTERNS) patterns.clear();
  patterns.set(at.tenant, pattern);
  return pattern;
}
