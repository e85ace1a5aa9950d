import { tenantPredicate } from "../../guards/mongodb/command/tenant-match.js";
import { isTenants } from "../../guards/mongodb/command/tenant-value.js";
import type { MongoDocument } from "../../guards/mongodb/driver.js";
import { RowSum, type TableSum } from "../checksum.js";
import { refused } from "../refusal.js";
import type { WatchOptions } from "../progress.js";
import { elementsOf, withoutElement } from "./bson-elements.js";
import { collectionOf } from "./collections.js";
import { lineOf, valueOf } from "./document-line.js";
import { rawDocuments } from "./raw-documents.js";
import { scopeOf, type Premises } from "./premises.js";

// Of what is told of the tenant's field no collation may make one of two tenants; a list may hold several tenants.
const NO_LIST = { $not: { $type: "array" } };

/** What the tenant's documents have, as the guard has it. */
export function isTheirs(premises: Premises): MongoDocument {
  const at = scopeOf(premises);
  if (at.strategy === "database") return {};
  return { [at.field]: tenantPredicate({ at, binary: false }) };
}

/** The same, for what is deleted: what a list of several tenants is in stays. */
export function isTheirsAlone(premises: Premises): MongoDocument {
  const at = scopeOf(premises);
  if (at.strategy === "database") return {};
  return { [at.field]: { ...tenantPredicate({ at, binary: false }), ...NO_LIST } };
}

/** The tenant's documents of one collection, each as its bytes. */
export const bytesOf = (premises: Premises, collection: string): AsyncIterable<Uint8Array> =>
  rawDocuments(collectionOf(premises, collection), isTheirs(premises));

/** A document's bytes without the tenant. Throws `PW_TENANT_DATA_REFUSED` unless it is this tenant's, and nobody else's. */
export function withoutTenant(
  premises: Premises,
  collection: string,
  bytes: Uint8Array,
): Uint8Array {
  if (premises.strategy === "database") return bytes;
  const at = scopeOf(premises);
  const [stamp, second] = elementsOf(bytes).filter(({ name }) => name === at.field);
  if (
    stamp === undefined ||
    second !== undefined ||
    !isTenants(at, valueOf(premises.bson, bytes, stamp))
  ) {
    throw notTheirsAlone(premises, collection);
  }
  return withoutElement(bytes, stamp);
}

/** The line of a document of the tenant's, without the tenant. Throws `PW_TENANT_DATA_REFUSED` for what cannot be kept as it is. */
export function ownLine(premises: Premises, collection: string, bytes: Uint8Array): string {
  const line = lineOf(premises.bson, withoutTenant(premises, collection, bytes));
  if (line !== undefined) return line;
  throw refused(
    `A document of ${collection} cannot be kept as it is: it has two members of one name, a value of a type that drivers no longer write (undefined, DBPointer), a date beyond what JavaScript knows, or text that is no UTF-8. Mend it; what was read so far is of no use.`,
  );
}

/** Throws `PW_TENANT_DATA_REFUSED` where the field of a document holds a list in which the tenant is. */
export async function assertNobodyElses(premises: Premises, collection: string): Promise<void> {
  const at = scopeOf(premises);
  if (at.strategy === "database") return;
  const list = { ...isTheirs(premises), [`${at.field}.0`]: { $exists: true } };
  if ((await collectionOf(premises, collection).findOne(list)) === null) return;
  throw notTheirsAlone(premises, collection);
}

/** Counts and sums the tenant's documents of one collection, of which one after the other is read. */
export async function sumRows(
  premises: Premises,
  collection: string,
  { signal }: WatchOptions = {},
): Promise<TableSum> {
  const sum = new RowSum();
  for await (const bytes of bytesOf(premises, collection)) {
    signal?.throwIfAborted();
    sum.add(ownLine(premises, collection, bytes));
  }
  return sum.result();
}

/** How many documents the tenant has in one collection. */
export const countRows = (premises: Premises, collection: string): Promise<number> =>
  collectionOf(premises, collection).countDocuments(isTheirs(premises));

/** Whether the tenant has any document in one collection. */
export const hasRows = async (premises: Premises, collection: string): Promise<boolean> =>
  (await collectionOf(premises, collection).findOne(isTheirs(premises))) !== null;

function notTheirsAlone(premises: Premises, collection: string) {
  return refused(
    `A document of ${collection} does not belong to this tenant alone: its ${scopeOf(premises).field} is a list, or is there twice. Nothing was done with it. Give it one tenant.`,
  );
}
