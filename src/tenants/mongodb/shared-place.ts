import { PartywallError } from "../../errors.js";
import type { CommandScope } from "../../guards/mongodb/command/command-scope.js";
import { createIndexesParts } from "../../guards/mongodb/command/indexes.js";
import type { MongoDocument } from "../../guards/mongodb/driver.js";
import type { AdminDatabase } from "./admin.js";
import { definitionsOf } from "./mark.js";
import { shapeOf, type CollectionTemplate } from "./template.js";

/**
 * Throws `PW_PROVISION_FAILED` where the database that tenants share by row lacks a collection, or an index as the guard makes it:
 * led by the tenant. Changes nothing.
 */
export async function assertSharedPlace(
  database: AdminDatabase,
  templates: readonly CollectionTemplate[],
  field: string,
): Promise<void> {
  const there = new Set((await definitionsOf(database)).map(({ name }) => name));
  const missing: string[] = [];
  for (const { name, indexes = [] } of templates) {
    if (!there.has(name)) {
      missing.push(`the collection ${name}`);
      continue;
    }
    if (indexes.length === 0) continue;
    const found = await database.collection(name).listIndexes().toArray();
    const texts = new Set(found.map(shapeOf));
    for (const index of ledIndexes(database.databaseName, name, indexes, field)) {
      if (!texts.has(shapeOf(index))) {
        const unique = index["unique"] === true ? "unique " : "";
        missing.push(`the ${unique}index ${JSON.stringify(index["key"])} of ${name}`);
      }
    }
  }
  if (missing.length === 0) return;
  throw new PartywallError(
    "PW_PROVISION_FAILED",
    `The database that tenants share by row lacks ${missing.join(", ")}. Nothing was changed. Create them in pw.central() with the guarded client.`,
  );
}

// By the guard's own rule, so that there is one.
function ledIndexes(
  database: string,
  collection: string,
  indexes: readonly MongoDocument[],
  field: string,
): readonly MongoDocument[] {
  const scope: CommandScope = {
    kind: "central",
    database,
    field,
    tenant: undefined,
    strategy: "row",
    isShared: () => false,
  };
  const parts = createIndexesParts(scope, { createIndexes: collection, indexes });
  return parts["indexes"] as readonly MongoDocument[];
}
