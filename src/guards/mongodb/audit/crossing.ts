import { identityOf } from "../command/tenant-value.js";
import type { MongoDocument } from "../driver.js";
import type { Look } from "./look.js";
import type { ReferenceEnd } from "./reference.js";

/** How many values are looked up at once, which bounds what is held in memory. */
const BATCH = 1000;

/** In a path, every key of a map. */
const ANY_KEY = "$*";

// As much of a path as a filter can name.
const named = (path: string): string => path.split(`.${ANY_KEY}`)[0]!;

/** Who points to a value: by tenant, how many documents. */
type Pointing = Map<string, number>;

/** The values of a batch, by what tells them apart. */
type Batch = Map<string, { readonly value: unknown; readonly by: Pointing }>;

/**
 * Counts the references of a path that lead to a document of another tenant, and to none of their own. Reads the path once and
 * looks its values up a thousand at a time, for want of a join that every server has.
 *
 * @param to where they may lead; a value that is the tenant's own in one of them does not cross
 */
export async function countCrossing(
  look: Look,
  database: string,
  from: ReferenceEnd,
  to: readonly ReferenceEnd[],
): Promise<number> {
  const { field } = look.subject;
  const documents = read(look, database, from, {
    // Not `$ne: null`, which a list fails of which one element lacks the path.
    [named(from.path)]: { $exists: true },
  });
  let batch: Batch = new Map();
  let crossing = 0;
  for await (const document of documents) {
    const tenant = identityOf(document[field]);
    if (tenant === undefined) continue;
    const values = valuesAt(document, from.path.split("."));
    for (const [key, value] of new Map(values.map((one) => [keyOf(look, one), one]))) {
      add(batch, key, value, tenant);
      if (batch.size < BATCH) continue;
      crossing += await crossingIn(look, database, to, batch);
      batch = new Map();
    }
  }
  return batch.size === 0 ? crossing : crossing + (await crossingIn(look, database, to, batch));
}

function read(
  look: Look,
  database: string,
  { collection, path: whole }: ReferenceEnd,
  filter: MongoDocument,
): AsyncIterable<MongoDocument> {
  const { field, maxTimeMs } = look.subject;
  const path = named(whole);
  const ofId = path === "_id" || path.startsWith("_id.");
  const projection = { ...(ofId ? {} : { _id: 0 }), [field]: 1, [path]: 1 };
  const options = { projection, maxTimeMS: maxTimeMs };
  return look.database(database).collection(collection).find(filter, options);
}

function add(batch: Batch, key: string, value: unknown, tenant: string): void {
  const entry = batch.get(key) ?? { value, by: new Map<string, number>() };
  entry.by.set(tenant, (entry.by.get(tenant) ?? 0) + 1);
  batch.set(key, entry);
}

async function crossingIn(
  look: Look,
  database: string,
  ends: readonly ReferenceEnd[],
  batch: Batch,
): Promise<number> {
  const foreign = new Set<string>();
  const own = new Set<string>();
  const values = [...batch.values()].map(({ value }) => value);
  for (const end of ends) {
    for await (const target of read(look, database, end, { [end.path]: { $in: values } })) {
      const tenant = identityOf(target[look.subject.field]);
      for (const value of valuesAt(target, end.path.split("."))) {
        const key = keyOf(look, value);
        if (!batch.has(key)) continue;
        foreign.add(key);
        if (tenant !== undefined) own.add(`${key} ${tenant}`);
      }
    }
  }
  let crossing = 0;
  for (const key of foreign) {
    for (const [tenant, count] of batch.get(key)!.by) {
      if (!own.has(`${key} ${tenant}`)) crossing += count;
    }
  }
  return crossing;
}

// As a filter goes: lists on the way, and at the end, are gone through.
function valuesAt(value: unknown, path: readonly string[]): unknown[] {
  if (Array.isArray(value)) return value.flatMap((item) => valuesAt(item, path));
  if (value === null || value === undefined) return [];
  const [name, ...rest] = path;
  if (name === undefined) return [value];
  if (typeof value !== "object") return [];
  if (name === ANY_KEY) return valuesAt(Object.values(value), rest);
  return valuesAt((value as MongoDocument)[name], rest);
}

// Numbers are equal whatever their type; of what is no scalar, the bytes are compared.
function keyOf({ subject }: Look, value: unknown): string {
  return identityOf(value) ?? Buffer.from(subject.serialize({ value })).toString("base64");
}
