import type { Access } from "./collections.js";
import { rulingFor, type CommandScope, type Document, type Ruling } from "./command-scope.js";
import { checkedFilter, scopedFilter, seedingFilter } from "./filter.js";
import { own, plain, shallow } from "./plain.js";
import { named, refused } from "./refusal.js";
import { checkedArrayFilters, checkedUpdate, seeding } from "./update.js";

/** One update or deletion among those of a command, as the command names its members. */
export interface StatementForm {
  readonly filter: string;
  readonly update?: string;
  readonly members: ReadonlySet<string>;
}

/** A statement that changes the tenant's documents alone, in the form it came in. */
export function scopedStatement(
  at: CommandScope,
  collection: string,
  how: Access,
  form: StatementForm,
  statement: unknown,
): Document {
  const copy = shallow(statement);
  if (copy === undefined) throw refused("A statement of a bulk is no document", "Give documents.");
  const collation = plain(own(copy, "collation"));
  const ruling = rulingFor(at, collection, collation);
  for (const key of Object.keys(copy)) {
    if (!form.members.has(key))
      throw refused(`The option ${named(key)} of a statement is not allowed`, "Leave it out.");
    if (key === form.update) copy[key] = checkedUpdate(at, how === "scoped", copy[key]);
    else if (key === "arrayFilters") copy[key] = checkedArrayFilters(copy[key]);
    else if (key !== form.filter) copy[key] = plain(copy[key]);
  }
  if (form.update !== undefined && how === "scoped" && Boolean(own(copy, "upsert")))
    copy[form.update] = seeding(at, copy[form.update]);
  copy[form.filter] = filterFor(ruling, how, own(copy, form.filter), own(copy, "upsert"));
  return copy;
}

/** The filter of a statement that changes documents. */
export function filterFor(ruling: Ruling, how: Access, filter: unknown, upsert: unknown): Document {
  if (how === "open") return checkedFilter(filter);
  // Whatever the server takes for true.
  return upsert ? seedingFilter(ruling, filter) : scopedFilter(ruling, filter);
}
