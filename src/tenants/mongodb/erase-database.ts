import { refused } from "../refusal.js";
import { databaseOf } from "./collections.js";
import { dropDatabase, takeLease } from "./database-home.js";
import type { DoomedCollection } from "./erase-rows.js";
import { contentsOf, ownershipMark, readMark } from "./mark.js";
import type { Premises } from "./premises.js";
import { countRows } from "./rows.js";

/**
 * Counts what dropping the tenant's database takes along; undefined where there is none. Rejects with `PW_TENANT_DATA_REFUSED` where
 * the database is not marked as this tenant's.
 */
export async function planDatabase(
  premises: Premises,
): Promise<readonly DoomedCollection[] | undefined> {
  const database = databaseOf(premises);
  const { tenantId, realm = "default" } = premises;
  const mark = await readMark(database);
  const contents = await contentsOf(database);
  if (mark === undefined && contents.length === 0) return undefined;
  if (mark?.tenantId !== tenantId || mark.realm !== realm) {
    throw refused(
      `Nothing marks the database ${premises.database} as this tenant's. Nothing was dropped. Where it surely is, say so: insert the document of ownershipMark({ tenantId }) into its collection ${ownershipMark({ tenantId }).collection}.`,
    );
  }
  const doomed: DoomedCollection[] = [];
  for (const table of contents.toSorted()) {
    doomed.push({ table, rows: await countRows(premises, table), others: 0 });
  }
  return doomed;
}

/** Drops the tenant's database and proves that nothing of it is left. */
export async function eraseDatabase(premises: Premises): Promise<void> {
  const database = databaseOf(premises);
  const lease = await takeLease(database);
  if (lease === "gone") return;
  try {
    // Whose it is may have changed while this one waited.
    await planDatabase(premises);
    await dropDatabase(database, lease);
  } finally {
    await lease.release();
  }
  if ((await database.listCollections().toArray()).length > 0) {
    throw refused(
      `The database ${premises.database} is there again: the application writes to it. Stop it, and run this again.`,
    );
  }
}
