import { PartywallError } from "../../../../errors.js";
import { ledByTenant } from "../../command/indexes.js";
import type { Check, Found, NotSeen } from "../check.js";
import type { AuditedCollection } from "../collections.js";
import { indexesOf, sizeOf, type AuditedIndex } from "../indexes.js";
import { asked, type Look } from "../look.js";
import { collectionMethod } from "../mongosh.js";

/** From how many documents on an index that begins with something else is told. */
const BIG = 10_000;

type Look1 = (
  look: Look,
  collection: AuditedCollection,
  indexes: readonly AuditedIndex[],
) => Promise<readonly (Found | NotSeen)[]>;

const overIndexes =
  (find: Look1): Check["find"] =>
  async (look) => {
    const found = [];
    for (const collection of await look.shared()) {
      if (collection.type === "view") continue;
      found.push(
        ...(await asked(collection.namespace, async () =>
          find(look, collection, await indexesOf(look, collection)),
        )),
      );
    }
    return found;
  };

/** Indexes that span tenants, or that a tenant's query cannot use. */
export const indexChecks: readonly Check[] = [
  {
    code: "unique-index-without-tenant",
    severity: "high",
    why: "The unique index {object} spans every tenant: an error tells a tenant which values others have, and takes them from it.",
    fix: "Let it begin with the tenant field, as indexes do that are made through the guard.",
    find: overIndexes(async ({ subject }, collection, indexes) =>
      indexes
        .filter(({ unique, key }) => unique && !(subject.field in key))
        .filter((index) => !isOfGridFs(collection, index))
        .map((index) => spanning(subject.field, collection, index)),
    ),
  },
  {
    code: "index-collation-folds",
    severity: "medium",
    why: "The unique index {object} has a collation under which tenants whose values differ in case or accents are one: what the one has stored is taken from the other.",
    fix: "Make it anew without the collation, or give tenants values that are not text.",
    find: overIndexes(async ({ subject }, { namespace }, indexes) =>
      indexes
        .filter(({ unique, key, spec }) => unique && subject.field in key && folds(spec))
        .map(({ name }) => ({ object: `${namespace}.${name}` })),
    ),
  },
  {
    code: "index-missing-tenant",
    severity: "low",
    why: "No index of {object} begins with the tenant field, so every query of a tenant reads every tenant's documents.",
    fix: "Make one.",
    find: overIndexes(async (look, collection, indexes) => {
      const { field } = look.subject;
      if (indexes.some(({ key }) => Object.keys(key)[0] === field)) return [];
      if ((await sizeOf(look, collection)) < BIG) return [];
      const mongosh = collectionMethod(collection, "createIndex", [{ [field]: 1 }]);
      return [{ object: collection.namespace, ...(mongosh === undefined ? {} : { mongosh }) }];
    }),
  },
  {
    code: "index-without-tenant",
    severity: "low",
    why: "The index {object} does not begin with the tenant field: a query of a tenant that uses it reads every tenant's entries.",
    fix: "Let it begin with the tenant field.",
    find: overIndexes(async (look, collection, indexes) => {
      const { field } = look.subject;
      const behind = indexes.filter(
        ({ key, unique, spec }) => !unique && Object.keys(key)[0] !== field && mayBeLed(key, spec),
      );
      if (behind.length === 0 || (await sizeOf(look, collection)) < BIG) return [];
      return behind.map((index) => spanning(field, collection, index));
    }),
  },
];

// The driver of GridFS wants it exactly so, and its first key is of the files' own ids.
const isOfGridFs = ({ name }: AuditedCollection, { key }: AuditedIndex) =>
  name.endsWith(".chunks") && Object.keys(key).join() === "files_id,n";

// What cannot stand behind another field is as good as it gets: hashed, 2d, a wildcard, one that expires.
function mayBeLed(key: AuditedIndex["key"], { expireAfterSeconds }: AuditedIndex["spec"]): boolean {
  if (expireAfterSeconds !== undefined) return false;
  return Object.entries(key).every(
    ([name, way]) =>
      !name.includes("$**") && (typeof way === "number" || way === "text" || way === "2dsphere"),
  );
}

function folds({ collation }: AuditedIndex["spec"]): boolean {
  if (typeof collation !== "object" || collation === null) return false;
  const { locale, strength = 3, caseLevel = false } = collation as Record<string, unknown>;
  return (
    locale !== "simple" && Number(strength) < 3 && !(Number(strength) === 2 && caseLevel === true)
  );
}

function spanning(field: string, collection: AuditedCollection, index: AuditedIndex): Found {
  const object = `${collection.namespace}.${index.name}`;
  const mongosh = remade(field, collection, index);
  return mongosh === undefined ? { object } : { object, mongosh };
}

// The new one before the old one goes; undefined where the two cannot be told by name, or it cannot be led by the tenant.
function remade(
  field: string,
  collection: AuditedCollection,
  { name, key, spec }: AuditedIndex,
): string | undefined {
  const { v: _, ns: __, ...options } = spec;
  if ("weights" in options || "prepareUnique" in options) return undefined;
  let led: Record<string, unknown>;
  try {
    led = ledByTenant(field, options, key);
  } catch (error) {
    // The guard would refuse it likewise.
    if (error instanceof PartywallError) return undefined;
    throw error;
  }
  const { key: keys, ...rest } = led;
  const named = rest["name"] === name ? { ...rest, name: `${field}_1_${name}` } : rest;
  const create = collectionMethod(collection, "createIndex", [keys, named]);
  const drop = collectionMethod(collection, "dropIndex", [name]);
  return create === undefined || drop === undefined ? undefined : `${create};\n${drop}`;
}
