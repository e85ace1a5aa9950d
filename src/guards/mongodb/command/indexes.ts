import { definitionAccess } from "./collections.js";
import type { CommandScope, Document } from "./command-scope.js";
import { listOf } from "./documents.js";
import { checkFilter } from "./filter.js";
import { isDocument, own, plain } from "./plain.js";
import { named, refused } from "./refusal.js";

const OPTIONS = new Set(
  `key name unique sparse background hidden expireAfterSeconds partialFilterExpression collation v prepareUnique weights
   default_language language_override textIndexVersion 2dsphereIndexVersion bits min max wildcardProjection`.split(
    /\s+/,
  ),
);
// Kinds of key that may stand behind another field, on every server that the guard supports.
const BEHIND = new Set<unknown>([1, -1, "1", "-1", "text", "2dsphere"]);

/**
 * The parts of `createIndexes` that change: `{ email: 1 }` of a tenant's collection becomes `{ tenantId: 1, email: 1 }`. Throws
 * `PW_STATEMENT_REFUSED` for a unique index that cannot begin with the tenant.
 */
export function createIndexesParts(at: CommandScope, command: Document): Document {
  const how = definitionAccess(at, command["createIndexes"], "write");
  const indexes = listOf(own(command, "indexes"), "indexes").map((index) => {
    const spec = plain(index);
    if (!isDocument(spec) || !isDocument(spec["key"]))
      throw refused("An index has no key", "Give { key, name }.");
    for (const option of Object.keys(spec)) {
      if (!OPTIONS.has(option))
        throw refused(`The option ${named(option)} of an index is not allowed`, "Leave it out.");
    }
    if (own(spec, "partialFilterExpression") !== undefined)
      checkFilter(spec["partialFilterExpression"]);
    return how === "open" ? spec : ledByTenant(at.field, spec, spec["key"]);
  });
  return { indexes };
}

/**
 * An index that begins with the tenant's field. Behind it a sparse index would hold every document, so that it becomes a partial
 * one. A key that holds the field already, `_id`
 * alone, and (unless unique) what cannot stand behind another field are left as they are.
 */
export function ledByTenant(field: string, spec: Document, key: Document): Document {
  const names = Object.keys(key);
  if (names.includes(field) || names.join() === "_id") return spec;
  const unique = Boolean(own(spec, "unique")) || Boolean(own(spec, "prepareUnique"));
  const sparse = Boolean(own(spec, "sparse"));
  const fits =
    names.every((name) => !name.includes("$**") && BEHIND.has(direction(key[name]))) &&
    own(spec, "expireAfterSeconds") === undefined &&
    !(sparse && names.length > 1);
  if (!fits) {
    if (!unique) return spec;
    throw refused(
      `The unique index ${named(own(spec, "name"))} cannot begin with the tenant`,
      "It would hold across tenants. Take a partial index in place of a sparse or expiring one, or create it in system scope.",
    );
  }
  const { sparse: _, ...rest } = spec;
  return {
    ...rest,
    key: { [field]: 1, ...key },
    ...(own(spec, "name") === defaultName(key) ? { name: `${field}_1_${defaultName(key)}` } : {}),
    ...(sparse ? { partialFilterExpression: { [names[0]!]: { $exists: true } } } : {}),
  };
}

const defaultName = (key: Document): string =>
  Object.entries(key)
    .map(([name, way]) => `${name}_${String(direction(way))}`)
    .join("_");

function direction(way: unknown): unknown {
  if (typeof way === "object" && way !== null) return Number(way);
  return typeof way === "number" ? Math.sign(way) : way;
}
