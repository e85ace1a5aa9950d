import type { CommandScope, Document } from "./command-scope.js";
import { stamped } from "./documents.js";
import { checkElements, checkFilter } from "./filter.js";
import { isDocument, plain, put, serialisable, shallow } from "./plain.js";
import { mismatched, named, refused } from "./refusal.js";
import { isTenants, stampOf, touchesTenant } from "./tenant-value.js";
import { updatePipeline } from "./update-pipeline.js";

/** Update operators, each of which names the fields that it changes. */
export const UPDATE_OPERATORS: ReadonlySet<string> = new Set(
  "$set $setOnInsert $unset $rename $inc $mul $min $max $currentDate $addToSet $pop $pull $push $pullAll $bit".split(
    " ",
  ),
);

/**
 * What a document is changed by: operators, a pipeline or a whole document. Throws `PW_WRITE_MISMATCH` where the tenant field
 * would change, `PW_STATEMENT_REFUSED` for an operator or stage that is not known. Where documents are not the tenant's own
 * by a field (`scoped` false), only the operators are checked.
 */
export function checkedUpdate(at: CommandScope, scoped: boolean, update: unknown): unknown {
  const raw = serialisable(update);
  if (Array.isArray(raw)) return updatePipeline(at, scoped, plain(raw) as unknown[]);
  const copy = shallow(raw);
  if (copy === undefined)
    throw refused("An update is no document and no pipeline", "Give one of them.");
  const names = Object.keys(copy);
  const operators = names.filter((name) => name.startsWith("$"));
  if (operators.length === 0) return scoped ? stamped(at, copy) : copy;
  if (operators.length < names.length)
    throw refused("An update mixes operators and fields", "Put the fields into $set.");
  for (const name of names) copy[name] = checkedOperator(at, scoped, name, copy[name]);
  return copy;
}

/**
 * An update by operators that sets the tenant where it inserts: an upsert does not rely on what the server takes from the filter.
 * One by a pipeline or a whole document sets it anyway.
 */
export function seeding(at: CommandScope, update: unknown): unknown {
  if (!isDocument(update) || !Object.keys(update).some((name) => name.startsWith("$")))
    return update;
  const { field, tenant } = stampOf(at);
  if (isDocument(update["$set"]) && Object.hasOwn(update["$set"], field)) return update;
  const set = (update["$setOnInsert"] ?? {}) as Document;
  return { ...update, $setOnInsert: { ...set, [field]: tenant } };
}

/** Filters of array elements, checked. */
export function checkedArrayFilters(filters: unknown): unknown {
  const list = plain(filters);
  if (!Array.isArray(list)) throw refused('"arrayFilters" is no list', "Give a list of filters.");
  list.forEach(checkFilter);
  return list;
}

function checkedOperator(
  at: CommandScope,
  scoped: boolean,
  name: string,
  operand: unknown,
): Document {
  if (!UPDATE_OPERATORS.has(name))
    throw refused(
      `The update operator ${named(name)} is not allowed`,
      "Use one that the guard knows.",
    );
  const fields = shallow(name === "$pull" || name === "$rename" ? plain(operand) : operand);
  if (fields === undefined) throw refused(`${named(name)} has no document`, "Name fields in it.");
  for (const [path, value] of Object.entries(fields)) {
    if (name === "$pull") checkElements(value);
    if (name === "$rename" && typeof value !== "string")
      throw refused("$rename names no field", "Name fields by strings.");
    if (scoped) put(fields, path, keptTenant(at, name, path, value));
  }
  return fields;
}

function keptTenant(at: CommandScope, name: string, path: string, value: unknown): unknown {
  const { field, tenant } = stampOf(at);
  const target = name === "$rename" && touchesTenant(at, value as string);
  if (!target && !touchesTenant(at, path)) return value;
  const sets = name === "$set" || name === "$setOnInsert";
  if (sets && path === field && isTenants(at, value)) return tenant;
  throw mismatched(`${named(name)} would change ${named(field)}, which says whose document it is`);
}
