import { PartywallError } from "../errors.js";
import { codeOf, type MongoClient, type MongoCollection } from "./mongodb-driver.js";

/** Database and collection of the registry, as checked plain names. */
export interface CollectionNames {
  readonly database: string;
  readonly collection: string;
}

/** Where the registry keeps what. */
export interface RegistryCollections {
  /** One document for each tenant. */
  readonly tenants: MongoCollection;
  /** One document for each domain that is claimed; see `DomainClaims`. */
  readonly domains: MongoCollection;
}

interface Index {
  readonly key: Readonly<Record<string, 1>>;
  readonly unique?: true;
}

// The slug's is what keeps slugs unique; the others only make answers quick.
const INDEXES: readonly Index[] = [
  { key: { slug: 1 }, unique: true },
  { key: { order: 1 } },
  { key: { domains: 1 } },
];

const NAMESPACE_NOT_FOUND = 26;

/** The registry's collections through a client. */
export function collectionsOf(client: MongoClient, names: CollectionNames): RegistryCollections {
  const database = client.db(names.database);
  return {
    tenants: database.collection(names.collection),
    domains: database.collection(`${names.collection}_domains`),
  };
}

/**
 * Creates the indexes that are missing, and with them the collection. They are looked for first, since creating one asks
 * for a right even where there is nothing to create.
 */
export async function createIndexes({ tenants }: RegistryCollections): Promise<void> {
  const there = await indexesOf(tenants);
  const missing = INDEXES.filter((wanted) => !there.some((one) => isSame(one, wanted)));
  // Servers differ in what they make of it, and one leaves it as it is and says nothing.
  for (const { key } of missing)
    if (there.some((one) => keyOf(one) === JSON.stringify(key))) throw unfit(key);
  if (missing.length > 0) await tenants.createIndexes(missing.map((index) => ({ ...index })));
}

async function indexesOf(tenants: MongoCollection): Promise<readonly object[]> {
  try {
    return await tenants.indexes();
  } catch (error) {
    if (codeOf(error) === NAMESPACE_NOT_FOUND) return [];
    throw error;
  }
}

/** Whether an index is the one wanted. One over some documents only does not keep all apart. */
function isSame(index: object, { key, unique }: Index): boolean {
  const found = index as Record<string, unknown>;
  return (
    keyOf(index) === JSON.stringify(key) &&
    (unique !== true || found["unique"] === true) &&
    found["partialFilterExpression"] === undefined &&
    found["sparse"] !== true
  );
}

function keyOf(index: object): string {
  return JSON.stringify((index as Record<string, unknown>)["key"]);
}

function unfit(key: Index["key"]): PartywallError {
  return new PartywallError(
    "PW_CONFIG",
    `The registry's collection has an index over ${Object.keys(key).join()} that does not do: mongoStore() needs it over all documents, and the slug's unique. Drop that index; mongoStore() creates its own.`,
  );
}
