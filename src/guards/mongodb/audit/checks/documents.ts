import type { Check } from "../check.js";
import { asked, type Look } from "../look.js";
import { countStrays, documentsOf } from "../strays.js";
import type { Stray } from "../tenant-values.js";

const straying =
  (stray: Stray): Check["find"] =>
  async (look) => {
    const found = [];
    for (const collection of await look.shared()) {
      // What a view gives is in the collections that it reads.
      if (collection.type === "view") continue;
      const { namespace } = collection;
      found.push(
        ...(await asked(namespace, async () => {
          const strays = await look.once(`strays of ${namespace}`, () =>
            countStrays(look, collection),
          );
          const count = strays.get(stray) ?? 0;
          const detail = documentsOf(count, look.subject.sample);
          return count === 0 ? [] : [{ object: namespace, detail }];
        })),
      );
    }
    return found;
  };

/** Documents that are no one tenant's. */
export const documentChecks: readonly Check[] = [
  {
    // Equality meets every element of a list.
    code: "document-of-several-tenants",
    severity: "critical",
    why: "The tenant field of documents of {object} is a list ({detail}), and every tenant in it reads and changes them.",
    fix: "Make one document for each tenant, in a system scope, and remove the list.",
    readsDocuments: true,
    find: straying("several"),
  },
  {
    code: "document-in-foreign-home",
    severity: "critical",
    why: "{object} is in one tenant's own database and holds documents of another ({detail}), which it reads and changes.",
    fix: "Move them to where that tenant lives, in a system scope, or remove them.",
    readsDocuments: true,
    find: async (look) => {
      const found = [];
      for (const home of look.subject.homes) {
        for (const { database, name, namespace, type } of await look.collectionsOf([
          home.database,
        ])) {
          if (type === "view") continue;
          found.push(
            ...(await asked(namespace, async () => {
              const count = await countForeign(look, home.value, database, name);
              return count === 0 ? [] : [{ object: namespace, detail: documentsOf(count) }];
            })),
          );
        }
      }
      return found;
    },
  },
  {
    code: "document-without-tenant",
    severity: "medium",
    why: "{object} holds documents without a tenant ({detail}): no tenant sees them, and nobody erases or exports them.",
    fix: "Give them their tenant in a system scope, or remove them; a validator refuses further ones.",
    readsDocuments: true,
    find: straying("missing"),
  },
  {
    code: "document-tenant-type",
    severity: "medium",
    why: "{object} holds documents whose tenant field is of a type that no tenant's value has ({detail}): no tenant sees them.",
    fix: "Store the tenant as `tenantValue` of guardMongo() gives it.",
    readsDocuments: true,
    find: straying("type"),
  },
  {
    code: "document-of-unknown-tenant",
    severity: "medium",
    why: "{object} holds documents of tenants that the registry does not have, or has deleted ({detail}).",
    fix: "Find out whose they are; erase what is left of a tenant that is gone.",
    readsDocuments: true,
    find: straying("unknown"),
  },
];

// Other tenants' values only: in a database of its own an application may use the name for what it likes.
async function countForeign(
  look: Look,
  own: unknown,
  database: string,
  name: string,
): Promise<number> {
  const { field, maxTimeMs } = look.subject;
  const values = await look.values();
  const filter = { [field]: { $exists: true, $ne: own } };
  const options = { projection: { _id: 0, [field]: 1 }, maxTimeMS: maxTimeMs };
  let count = 0;
  for await (const document of look.database(database).collection(name).find(filter, options)) {
    const named = [document[field]].flat();
    if (named.some((value) => value !== own && values.strayOf(value) === undefined)) count += 1;
  }
  return count;
}
