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
    JSON.stringify(found["key"]) === JSON.stringify(key) &&
    (unique !== true || found["unique"] === true) &&
    found["partialFilterExpression"] === undefined &&
    found["sparse"] !== true
  );
}
