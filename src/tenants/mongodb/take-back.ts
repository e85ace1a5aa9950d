import { refused } from "../refusal.js";
import { collectionOf } from "./collections.js";
import type { Premises } from "./premises.js";
import { countRows, isTheirsAlone } from "./rows.js";
import type { ImportNote, TenantLock } from "./tenant-lock.js";

/**
 * Removes what an import has brought in that did not end, which is all of the tenant's that is in its collections: they held nothing
 * when it began. Throws `PW_TENANT_DATA_REFUSED`, with nothing removed, where there are more or fewer documents than it wrote.
 */
export async function takeBack(
  premises: Premises,
  lock: TenantLock,
  { collections, written, upTo }: ImportNote,
): Promise<void> {
  let found = 0;
  for (const name of collections) found += await countRows(premises, name);
  if (found < written || found > upTo) {
    throw refused(
      `An import into these premises did not end: it wrote ${written} to ${upTo} documents, and ${found} are here. Somebody else has been at work meanwhile, so nothing was removed. Keep the tenant suspended, and erase what is here with eraseTenant.`,
    );
  }
  // Stopped from here on, there may be any number less.
  await lock.note({ collections, written: 0, upTo: found });
  for (const name of collections) {
    lock.assertHeld();
    await collectionOf(premises, name).deleteMany(isTheirsAlone(premises));
  }
  // Whatever is written from now on is somebody else's.
  await lock.forget();
}
