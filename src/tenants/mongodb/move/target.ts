import { refused } from "../../refusal.js";
import { collectionOf, databaseOf, readCollections } from "../collections.js";
import { contentsOf, readMark, titleOf } from "../mark.js";
import type { Premises } from "../premises.js";
import { hasRows, isTheirsAlone } from "../rows.js";
import { TenantLock } from "../tenant-lock.js";

/** Throws `PW_TENANT_DATA_REFUSED` where something is at a move's target that the move has not brought there. */
export async function assertVacant(target: Premises, slug: string): Promise<void> {
  const { strategy, database } = target;
  if (strategy === "database") {
    const own = databaseOf(target);
    const mark = await readMark(own);
    if (mark === undefined && (await contentsOf(own)).length === 0) return;
    // One that is marked as the tenant's may be the very one it lives in, by another name of the server.
    throw refused(
      `The ${titleOf(database)} is there already, so nothing was copied. Take it down first, or name another one for ${slug}.`,
    );
  }
  for (const name of (await readCollections(target)).names) {
    if (!(await hasRows(target, name))) continue;
    throw refused(
      `The shared collections hold documents of ${slug} already (in ${name}), so nothing was copied. Remove them first, or confirm the move that left them.`,
    );
  }
}

/** Removes every document of the tenant's where nobody lives: what a copy left that was not finished, or an old copy. */
export async function clear(premises: Premises, assertHeld: () => void): Promise<void> {
  const lock = await TenantLock.take(premises);
  try {
    for (const name of (await readCollections(premises)).names) {
      assertHeld();
      lock.assertHeld();
      await collectionOf(premises, name).deleteMany(isTheirsAlone(premises));
    }
    // With it goes what a copy that did not end has noted.
    await lock.finish();
  } finally {
    await lock.leave();
  }
}
