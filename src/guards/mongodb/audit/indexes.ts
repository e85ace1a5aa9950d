import type { MongoDocument } from "../driver.js";
import type { AuditedCollection } from "./collections.js";
import type { Look } from "./look.js";

/** An index as the server has it. */
export interface AuditedIndex {
  readonly name: string;
  readonly key: MongoDocument;
  readonly spec: MongoDocument;
  readonly unique: boolean;
}

/** The indexes of a collection, without that of `_id`. */
export function indexesOf(look: Look, collection: AuditedCollection): Promise<AuditedIndex[]> {
  const { database, name, namespace } = collection;
  return look.once(`indexes of ${namespace}`, async () => {
    const listed = await look.database(database).collection(name).listIndexes().toArray();
    return listed
      .map((spec) => ({
        name: String(spec["name"]),
        key: spec["key"] as MongoDocument,
        spec,
        unique: spec["unique"] === true || spec["prepareUnique"] === true,
      }))
      .filter(({ key }) => Object.keys(key).join() !== "_id");
  });
}

/** About how many documents a collection has, without reading any. */
export function sizeOf(
  look: Look,
  { database, name, namespace }: AuditedCollection,
): Promise<number> {
  return look.once(`size of ${namespace}`, async () => {
    const { n } = await look.database(database).command({ count: name });
    return Number(n);
  });
}
