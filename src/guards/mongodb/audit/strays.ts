import type { MongoDocument } from "../driver.js";
import { identityOf } from "../command/tenant-value.js";
import type { AuditedCollection } from "./collections.js";
import type { Look } from "./look.js";
import type { Stray, TenantValues } from "./tenant-values.js";

/** How many are counted of a collection: what is beyond needs no number. */
const MOST_COUNTED = 10_000;
/** How many tenants are named in one command; where there are more, every document's tenant field is read. */
const MOST_NAMED = 50_000;

/** How many documents of a collection are no known tenant's, by why not. */
export type Strays = ReadonlyMap<Stray, number>;

/**
 * Counts the documents of a collection whose tenant field is no known tenant's. One command, which an index on the field
 * serves; of each document that it finds the field alone is read.
 */
export async function countStrays(
  look: Look,
  { database, name, options }: AuditedCollection,
): Promise<Strays> {
  const { field, maxTimeMs, sample } = look.subject;
  const values = await look.values();
  const projection = { _id: 0, [field]: 1 };
  const filter = strayFilter(field, values);
  const how = {
    maxTimeMS: maxTimeMs,
    // Under a collation of its own the collection would take ACME for the tenant acme.
    ...(options["collation"] === undefined ? {} : { collation: { locale: "simple" } }),
  };
  const collection = look.database(database).collection(name);
  const cursor =
    sample === undefined
      ? collection.find(filter, { ...how, projection })
      : collection.aggregate(
          [{ $sample: { size: sample } }, { $match: filter }, { $project: projection }],
          how,
        );
  return tally(cursor, look, values);
}

function strayFilter(field: string, { known, types }: TenantValues): MongoDocument {
  if (known !== undefined) {
    if (known.size > MOST_NAMED) return {};
    // A list that holds a tenant passes for that tenant.
    return { $or: [{ [field]: { $nin: [...known.values()] } }, { [field]: { $type: "array" } }] };
  }
  if (types.length > 0) {
    return { $or: [{ [field]: { $not: { $type: types } } }, { [field]: { $type: "array" } }] };
  }
  return {
    $or: [{ [field]: null }, { [field]: { $type: "array" } }, { [field]: { $type: "object" } }],
  };
}

async function tally(
  documents: AsyncIterable<MongoDocument>,
  { subject }: Look,
  values: TenantValues,
): Promise<Strays> {
  const counts = new Map<Stray, number>();
  const unknown = new Map<string, number>();
  let total = 0;
  for await (const document of documents) {
    const value = document[subject.field];
    const stray = values.strayOf(value);
    if (stray === undefined) continue;
    counts.set(stray, (counts.get(stray) ?? 0) + 1);
    if (stray === "unknown") {
      const identity = identityOf(value)!;
      unknown.set(identity, (unknown.get(identity) ?? 0) + 1);
    }
    if ((total += 1) >= MOST_COUNTED) break;
  }
  if (unknown.size > 0) {
    // Who was created meanwhile is known by now.
    const { known } = await subject.values();
    for (const [identity, count] of unknown) {
      if (known?.has(identity) === true) counts.set("unknown", counts.get("unknown")! - count);
    }
  }
  return counts;
}

/** A number of documents, in words. */
export function documentsOf(count: number, sample?: number): string {
  const many = count >= MOST_COUNTED ? `${MOST_COUNTED} documents or more` : plural(count);
  return sample === undefined ? many : `${many} of a sample of ${sample}`;
}

const plural = (count: number) => (count === 1 ? "1 document" : `${count} documents`);
