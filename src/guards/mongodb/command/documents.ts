import type { CommandScope, Document } from "./command-scope.js";
import { own, put, serialisable, shallow } from "./plain.js";
import { mismatched, named, refused } from "./refusal.js";
import { isTenants, stampOf, touchesTenant } from "./tenant-value.js";

/**
 * A document to be stored, with the tenant in it: `{ _id: 1, tenantId: "acme" }`. Where the caller set the tenant it stays in
 * its place. Throws `PW_WRITE_MISMATCH` where it is another's, a list, null, or a dotted path beneath the field.
 */
export function stamped(at: CommandScope, document: unknown): Document {
  const { field, tenant } = stampOf(at);
  const copy = shallow(document);
  if (copy === undefined) throw refused("What is to be stored is no document", "Store documents.");
  for (const key of Object.keys(copy)) {
    if (key !== field && touchesTenant(at, key))
      throw mismatched(`A document to be stored has a field beneath ${named(field)}`);
  }
  const given = own(copy, field);
  if (given !== undefined && !isTenants(at, given))
    throw mismatched(
      `A document to be stored has another value in ${named(field)} than the current tenant`,
    );
  put(copy, field, tenant);
  return copy;
}

/** The list of documents or statements that an option of a bulk holds. */
export function listOf(value: unknown, option: string): readonly unknown[] {
  const list = serialisable(value);
  if (!Array.isArray(list)) throw refused(`${named(option)} is no list`, "Give a list.");
  return list;
}
