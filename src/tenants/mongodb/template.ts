import { PartywallError } from "../../errors.js";
import type { MongoDocument } from "../../guards/mongodb/driver.js";
import { isApart } from "../../guards/mongodb/home-mark.js";
import type { AdminDatabase } from "./admin.js";
import { definitionsOf } from "./mark.js";

/** A database whose collections new ones get. */
export interface DatabaseTemplate {
  /** Name of the database; it may be the one that tenants share by row. */
  readonly database: string;
  /** The server it is on; the default one unless told. */
  readonly server?: string;
  /** Collections that no tenant has. Default none. */
  readonly except?: readonly string[];
  /** Collections whose documents come along: lists that the application looks up. Default none. */
  readonly documents?: readonly string[];
}

/** A collection that every tenant has, without the tenant's field. */
export interface CollectionTemplate {
  readonly name: string;
  /** As `db.createCollection()` takes them: a validator and the like. Default none. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** As `collection.createIndexes()` takes them. Default none but that of `_id`. */
  readonly indexes?: readonly IndexTemplate[];
}

/** An index as `collection.createIndexes()` takes it, with its options beside the key. */
export type IndexTemplate = Readonly<Record<string, unknown>> & {
  readonly key: Readonly<Record<string, unknown>>;
};

const NOT_FOUND = 26;
const THERE_ALREADY = 48;

/** Reads the collections of a template as a database of a tenant's own has them. Throws `PW_PROVISION_FAILED` for what cannot be so. */
export async function readTemplate(
  database: AdminDatabase,
  { except = [] }: DatabaseTemplate,
  tenantField: string,
): Promise<CollectionTemplate[]> {
  const found = (await definitionsOf(database)).filter(
    ({ name }) => !except.includes(String(name)) && !isApart(String(name)),
  );
  if (found.length === 0) {
    throw new PartywallError(
      "PW_PROVISION_FAILED",
      `The template database ${JSON.stringify(database.databaseName)} has no collections, so nothing was made. Name one that has.`,
    );
  }
  const templates = await Promise.all(
    found.map(async ({ name, options }) => ({
      name: String(name),
      options: options as MongoDocument,
      indexes: await indexesOf(database, String(name)),
    })),
  );
  // What reads others comes after them.
  return templates
    .map((one) => withoutField(one, tenantField))
    .toSorted((one, other) => Number(isView(one)) - Number(isView(other)));
}

const isView = ({ options }: CollectionTemplate): boolean => options?.["viewOn"] !== undefined;

async function indexesOf(database: AdminDatabase, name: string): Promise<IndexTemplate[]> {
  const found = await database
    .collection(name)
    .listIndexes()
    .toArray()
    .catch((error: unknown) => {
      // A view has none.
      if (codeOf(error) === NOT_FOUND || codeOf(error) === 166) return [];
      throw error;
    });
  return found
    .filter((index) => Object.keys(Object(index["key"]) as object).join() !== "_id")
    .map(({ v: _, ns: __, ...index }) => index as IndexTemplate);
}

/** A collection as it is where documents carry no tenant. Throws `PW_PROVISION_FAILED` where its options or an index need one. */
export function withoutField(template: CollectionTemplate, field: string): CollectionTemplate {
  const { name, options = {}, indexes = [] } = template;
  const byKey = new Map<string, IndexTemplate>();
  for (const index of indexes) {
    const { key, name: title, ...rest } = index;
    if (mentions(rest, field)) throw needsField(`an index of ${name}`, field);
    const { [field]: led, ...own } = key;
    const names = Object.keys(own);
    if (names.length === 0 || (led !== undefined && names.join() === "_id")) continue;
    const text = JSON.stringify(own);
    // The one that says more, of two that were told apart by the tenant.
    if (byKey.has(text) && index["unique"] !== true) continue;
    byKey.set(text, {
      ...rest,
      key: own,
      ...(led === undefined && title !== undefined && { name: title }),
    });
  }
  if (mentions(options, field)) throw needsField(`the options of ${name}`, field);
  return { name, options, indexes: [...byKey.values()] };
}

// Also as a path in an expression, or in a list of members that are required.
function mentions(value: unknown, field: string): boolean {
  if (typeof value === "string") return value === field || value === `$${field}`;
  if (Array.isArray(value)) return value.some((one) => mentions(one, field));
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([name, one]) => name === field || mentions(one, field));
}

function needsField(what: string, field: string): PartywallError {
  return new PartywallError(
    "PW_PROVISION_FAILED",
    `The template cannot be followed: ${what} names ${JSON.stringify(field)}, which documents in a database of a tenant's own do not carry. Nothing was made. Give \`collections\`, or a template database without it.`,
  );
}

/** Makes what is missing of collections and their indexes; what is there stays as it is. */
export async function makeCollections(
  database: AdminDatabase,
  templates: readonly CollectionTemplate[],
): Promise<void> {
  for (const { name, options = {}, indexes = [] } of templates) {
    await database.createCollection(name, { ...options }).catch((error: unknown) => {
      if (codeOf(error) !== THERE_ALREADY) throw error;
    });
    if (indexes.length === 0) continue;
    const collection = database.collection(name);
    const there = new Set((await collection.listIndexes().toArray()).map(shapeOf));
    const missing = indexes.filter((one) => !there.has(shapeOf(one))).map((one) => ({ ...one }));
    if (missing.length > 0) await collection.createIndexes(missing as never[]);
  }
}

/** What of an index tells whether it is there: its key in order, and whether it is unique. */
export const shapeOf = ({ key, unique }: MongoDocument): string =>
  JSON.stringify([Object.entries(key as MongoDocument), unique === true]);

const BATCH = 500;

/** Copies the documents of collections; those that are there already are replaced. */
export async function copyDocuments(
  from: AdminDatabase,
  to: AdminDatabase,
  collections: readonly string[],
): Promise<void> {
  for (const name of collections) {
    let batch: MongoDocument[] = [];
    const write = async (): Promise<void> => {
      if (batch.length > 0) await to.collection(name).bulkWrite(batch as never[]);
      batch = [];
    };
    for await (const document of from.collection(name).find({})) {
      const { _id } = document;
      batch.push({ replaceOne: { filter: { _id }, replacement: document, upsert: true } });
      if (batch.length === BATCH) await write();
    }
    await write();
  }
}

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown } | null)?.code;
