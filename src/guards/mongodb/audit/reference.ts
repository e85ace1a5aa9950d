import { PartywallError } from "../../../errors.js";

/** A path of a collection. */
export interface ReferenceEnd {
  readonly collection: string;
  /** With dots; lists on the way are gone through. */
  readonly path: string;
}

/**
 * A path whose values name documents of another collection. As a text, the collection and the path with a dot between:
 * `"orders.customer"`; a collection whose own name has a dot is given apart.
 *
 * @example
 * ```ts
 * import type { DocumentReference } from "partywall/guards/mongodb";
 *
 * const references: DocumentReference[] = [
 *   { from: "orders.lines.product", to: "products._id" },
 *   { from: { collection: "fs.chunks", path: "files_id" }, to: { collection: "fs.files", path: "_id" } },
 * ];
 * ```
 */
export interface DocumentReference {
  readonly from: string | ReferenceEnd;
  readonly to: string | ReferenceEnd;
}

/** Takes a reference apart. Throws `PW_CONFIG` for what is none. */
export function referenceOf({ from, to }: DocumentReference): {
  readonly from: ReferenceEnd;
  readonly to: ReferenceEnd;
} {
  return { from: end(from), to: end(to) };
}

function end(given: unknown): ReferenceEnd {
  if (typeof given === "string") {
    const dot = given.indexOf(".");
    return end({ collection: given.slice(0, Math.max(dot, 0)), path: given.slice(dot + 1) });
  }
  const { collection, path } = Object(given) as Partial<Record<"collection" | "path", unknown>>;
  if (typeof collection === "string" && collection !== "" && isPath(path)) {
    return { collection, path };
  }
  throw new PartywallError(
    "PW_CONFIG",
    'The audit got a reference that is no { from: "orders.customer", to: "customers._id" }. Write each end as a collection, a dot and a path, or as { collection, path }.',
  );
}

const isPath = (path: unknown): path is string =>
  typeof path === "string" && path.split(".").every((name) => name !== "" && !name.startsWith("$"));
