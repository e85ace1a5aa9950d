import { setImmediate as breathe } from "node:timers/promises";
import type { MongoDocument } from "../../guards/mongodb/driver.js";
import type { AdminCollection } from "./admin.js";

// What the server sends at once, of at most 16 MB.
const BATCH_DOCUMENTS = 1000;
const BREATHE_EVERY_MS = 25;

/**
 * Documents of a collection, each as its bytes. Timers and other work have their turn between them: those of one batch are all there,
 * and whoever reads them would wait for nothing.
 */
export async function* rawDocuments(
  collection: AdminCollection,
  filter: MongoDocument,
  options: MongoDocument = {},
): AsyncGenerator<Uint8Array, void> {
  const found = collection.find(filter, { ...options, raw: true, batchSize: BATCH_DOCUMENTS });
  let since = performance.now();
  for await (const bytes of found as unknown as AsyncIterable<Uint8Array>) {
    yield bytes;
    if (performance.now() - since < BREATHE_EVERY_MS) continue;
    await breathe();
    since = performance.now();
  }
}
