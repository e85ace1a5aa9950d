import { PartywallError } from "../../errors.js";
import { MARK_COLLECTION, MARK_ID } from "../../guards/mongodb/home-mark.js";
import { homeOf, untouched, type ProvisionedTenant } from "../home.js";
import type { AdminClient, AdminDatabase } from "./admin.js";
import { assertDatabaseName } from "./database-name.js";
import { homePlace } from "./home-place.js";
import { Lease } from "./lease.js";
import { assertMarkedFor, contentsOf, readMark, titleOf, type Mark } from "./mark.js";
import {
  copyDocuments,
  makeCollections,
  readTemplate,
  withoutField,
  type CollectionTemplate,
} from "./template.js";
import type { Works } from "./works.js";

const LONGEST_WAIT_MS = 300_000;
const DUPLICATE_KEY = 11_000;

/** The collections that a tenant's own database has. */
export async function collectionsOf(works: Works): Promise<readonly CollectionTemplate[]> {
  const { template, tenantField, admins } = works;
  const listed = works.collections.map((one) => withoutField(one, tenantField));
  if (template === undefined) return listed;
  const read = await admins.with(template.server, (client) =>
    readTemplate(client.db(template.database), template, tenantField),
  );
  const names = new Set(listed.map(({ name }) => name));
  return [...read.filter(({ name }) => !names.has(name)), ...listed];
}

/** Provisions a tenant's database, from wherever an earlier attempt has left it. */
export async function provisionDatabase(
  client: AdminClient,
  works: Works,
  tenant: ProvisionedTenant,
): Promise<void> {
  const name = homeOf(tenant);
  const { template } = works;
  await assertDatabaseName(client, name, [template?.database]);
  const database = client.db(name);
  const { lease, isNew } = await enter(database, works, tenant);
  try {
    const mark = (await readMark(database)) as Mark;
    if (mark.stage === "home") return;
    if (mark.stage === "dropping") await emptyDatabase(database, lease);
    if (mark.stage === "claimed") await assertNothingElse(database, lease);
    await lease.change({ $set: { stage: "building" } });
    await makeCollections(database, await collectionsOf(works));
    if (template?.documents !== undefined) {
      const { documents } = template;
      await works.admins.with(template.server, (source) =>
        copyDocuments(source.db(template.database), database, documents),
      );
    }
    const place = homePlace(works, client, tenant, name);
    await works.migrate?.(place);
    await works.seed?.(place);
    await lease.change({ $set: { stage: "home" } });
  } catch (error) {
    if (isNew) await takeBack(database, lease);
    throw error;
  } finally {
    await lease.release();
  }
}

/** Marks a database as this tenant's, or finds it so, and keeps all others from working on it. */
async function enter(
  database: AdminDatabase,
  { realm }: Works,
  tenant: ProvisionedTenant,
): Promise<{ readonly lease: Lease; readonly isNew: boolean }> {
  const marks = database.collection(MARK_COLLECTION);
  for (;;) {
    const mark = await readMark(database);
    if (mark !== undefined) {
      assertMarkedFor(database, mark, tenant, realm);
      const lease = await takeLease(database);
      if (lease !== "gone") {
        // Whose it is may have changed while this one waited.
        await guarded(lease, async () =>
          assertMarkedFor(database, await readMark(database), tenant, realm),
        );
        return { lease, isNew: false };
      }
      continue;
    }
    if ((await contentsOf(database)).length > 0) assertMarkedFor(database, mark, tenant, realm);
    const holder = Lease.holder();
    const since = performance.now();
    try {
      await marks.insertOne({
        _id: MARK_ID,
        realm,
        tenantId: tenant.id,
        stage: "claimed",
        at: new Date(),
        ...Lease.member(holder),
      });
    } catch (error) {
      // Somebody else was faster; whose it is now is read again.
      if ((error as { code?: unknown }).code === DUPLICATE_KEY) continue;
      throw error;
    }
    return { lease: Lease.inserted(marks, MARK_ID, holder, since), isNew: true };
  }
}

/** The sole right to work on a marked database. Throws `PW_PROVISION_FAILED` where another has it for too long. */
export async function takeLease(database: AdminDatabase): Promise<Lease | "gone"> {
  const lease = await Lease.take(database.collection(MARK_COLLECTION), MARK_ID, LONGEST_WAIT_MS);
  if (lease !== undefined) return lease;
  throw new PartywallError(
    "PW_PROVISION_FAILED",
    `Another process has been working on the ${titleOf(database.databaseName)} for ${LONGEST_WAIT_MS / 60_000} minutes. Nothing was done. See what it waits for, and try again.`,
  );
}

/** Gives a lease up where `check` throws. */
async function guarded(lease: Lease, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    await lease.release();
    throw error;
  }
}

// Somebody else may have begun to use it between the look and the mark; nothing of this tenant's is in it yet.
async function assertNothingElse(database: AdminDatabase, lease: Lease): Promise<void> {
  if ((await contentsOf(database)).length === 0) return;
  lease.assertHeld();
  await database.collection(MARK_COLLECTION).deleteOne({ _id: MARK_ID });
  throw untouched(
    titleOf(database.databaseName),
    "is used by somebody else. Choose another name for the tenant's.",
  );
}

/** Removes everything but the mark, so that it is known whose the rest is after a crash. */
async function emptyDatabase(database: AdminDatabase, lease: Lease): Promise<void> {
  await lease.change({ $set: { stage: "dropping" } });
  for (const name of await contentsOf(database)) {
    lease.assertHeld();
    await database.dropCollection(name);
  }
}

/** Removes a marked database. */
export async function dropDatabase(database: AdminDatabase, lease: Lease): Promise<void> {
  await emptyDatabase(database, lease);
  lease.assertHeld();
  await lease.end();
  await database.dropDatabase();
}

// What this attempt has created, and nothing else; what cannot be taken back now is found and resumed by its mark.
async function takeBack(database: AdminDatabase, lease: Lease): Promise<void> {
  try {
    await dropDatabase(database, lease);
  } catch {
    // Why provisioning failed is what must be told.
  }
}
