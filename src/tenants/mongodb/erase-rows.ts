import type { WatchOptions } from "../progress.js";
import { refused } from "../refusal.js";
import { elementsOf } from "./bson-elements.js";
import { collectionOf, readCollections } from "./collections.js";
import { valueOf } from "./document-line.js";
import { scopeOf, type Premises } from "./premises.js";
import { rawDocuments } from "./raw-documents.js";
import { assertNobodyElses, countRows, isTheirs, isTheirsAlone, withoutTenant } from "./rows.js";

/** How {@link eraseRows} goes about it. */
export interface EraseRowsOptions extends WatchOptions {
  /** Most documents deleted by one command; default 1000. */
  readonly batchRows?: number;
  /** Throws where the work is not to go on. */
  readonly assertHeld?: () => void;
}

/** What is to be deleted, and how many documents there are of it. */
export interface DoomedCollection {
  readonly table: string;
  readonly rows: number;
  /** Documents of the same collection that are not the tenant's. */
  readonly others: number;
}

// Another process may write documents of the tenant's while others are deleted.
const MOST_PASSES = 3;

/** Counts what {@link eraseRows} would delete. Rejects with `PW_TENANT_DATA_REFUSED` where documents are not this tenant's alone. */
export async function planRows(premises: Premises): Promise<readonly DoomedCollection[]> {
  const doomed: DoomedCollection[] = [];
  for (const table of (await readCollections(premises)).names) {
    await assertNobodyElses(premises, table);
    const rows = await countRows(premises, table);
    doomed.push({ table, rows, others: await countOthers(premises, table, rows) });
  }
  return doomed;
}

/** How many documents of a collection are not the tenant's. */
export async function countOthers(
  premises: Premises,
  collection: string,
  theirs: number,
): Promise<number> {
  return (await collectionOf(premises, collection).countDocuments({})) - theirs;
}

/**
 * Deletes the tenant's documents, a bounded number with each command, and counts that none is left. Stopped at any point, it goes on
 * when it is run again. The registry is not asked whether the tenant is at work: see `eraseTenant`.
 *
 * @returns how many documents of each collection were deleted, in the order of `doomed`
 */
export async function eraseRows(
  premises: Premises,
  doomed: readonly DoomedCollection[],
  options: EraseRowsOptions = {},
): Promise<readonly number[]> {
  const deleted = doomed.map(() => 0);
  for (let pass = 1; ; pass += 1) {
    for (const [at, { table, rows }] of doomed.entries()) {
      for await (const ids of batchesOfIds(premises, table, options.batchRows ?? 1000)) {
        options.signal?.throwIfAborted();
        options.assertHeld?.();
        const found = await collectionOf(premises, table).deleteMany({
          _id: { $in: ids },
          ...isTheirsAlone(premises),
        });
        deleted[at]! += found.deletedCount;
        options.onProgress?.({
          phase: "erase",
          table,
          rows: deleted[at]!,
          bytes: 0,
          estimate: rows,
        });
      }
    }
    const left: string[] = [];
    for (const { table } of doomed) if ((await countRows(premises, table)) > 0) left.push(table);
    if (left.length === 0) return deleted;
    if (pass === MOST_PASSES) {
      throw refused(
        `Documents in ${left.join(", ")} are still there after they were deleted, or are written anew: the application is at work. Stop it, and run this again.`,
      );
    }
  }
}

/** The `_id`s of the tenant's documents, each looked at whether it is of a document of this tenant's alone. */
async function* batchesOfIds(
  premises: Premises,
  collection: string,
  size: number,
): AsyncGenerator<unknown[], void> {
  const { field } = scopeOf(premises);
  const found = rawDocuments(collectionOf(premises, collection), isTheirs(premises), {
    projection: { _id: 1, [field]: 1 },
  });
  let ids: unknown[] = [];
  for await (const bytes of found) {
    withoutTenant(premises, collection, bytes);
    const id = elementsOf(bytes).find(({ name }) => name === "_id");
    if (id === undefined) continue;
    ids.push(valueOf(premises.bson, bytes, id));
    if (ids.length < size) continue;
    yield ids;
    ids = [];
  }
  if (ids.length > 0) yield ids;
}
