import type { MongoDocument } from "../../guards/mongodb/driver.js";
import { refused } from "../refusal.js";
import type { AdminCollection } from "./admin.js";
import { databaseOf } from "./collections.js";
import { Lease } from "./lease.js";
import type { Premises } from "./premises.js";

/** The collection in which it is noted who works on a tenant's data. */
export const WORK_COLLECTION = "partywall.tenant-data";

/** What an import has to note, so that the next one knows what of the documents here is its own. */
export interface ImportNote {
  /** Collections that held nothing of the tenant's when it began. */
  readonly collections: readonly string[];
  /** Documents that are surely here, over all collections. */
  readonly written: number;
  /** How many there may be at most. */
  readonly upTo: number;
}

const DUPLICATE_KEY = 11_000;
// A little longer than it takes to see that a holder has died.
const WAIT_MS = 8000;

/** The sole right to import into a tenant's premises or to erase them, and what is noted meanwhile. */
export class TenantLock {
  readonly #notes: AdminCollection;
  readonly #id: string;
  readonly #lease: Lease;

  private constructor(notes: AdminCollection, id: string, lease: Lease) {
    this.#notes = notes;
    this.#id = id;
    this.#lease = lease;
  }

  /** Takes it. Rejects with `PW_TENANT_DATA_REFUSED` where another one is at work. */
  static async take(premises: Premises): Promise<TenantLock> {
    const notes = databaseOf(premises).collection(WORK_COLLECTION);
    const id = workId(premises);
    for (;;) {
      const holder = Lease.holder();
      const since = performance.now();
      try {
        await notes.insertOne({ _id: id, at: new Date(), ...Lease.member(holder) });
        return new TenantLock(notes, id, Lease.inserted(notes, id, holder, since));
      } catch (error) {
        if ((error as { code?: unknown }).code !== DUPLICATE_KEY) throw error;
      }
      const lease = await Lease.take(notes, id, WAIT_MS);
      if (lease === undefined) {
        throw refused(
          "Another import or erasure of this tenant is at work in this database. Wait for it.",
        );
      }
      if (lease !== "gone") return new TenantLock(notes, id, lease);
    }
  }

  /** What an import has noted that did not end; undefined where there is none. */
  async unfinished(): Promise<ImportNote | undefined> {
    const found = await this.#notes.findOne({ _id: this.#id });
    return found?.["import"] as ImportNote | undefined;
  }

  /** Notes how far an import is. Rejects with `PW_TENANT_DATA_FAILED` where another process may have taken over. */
  note(note: ImportNote): Promise<void> {
    return this.#lease.change({ $set: { import: { ...note } } });
  }

  /** Throws `PW_TENANT_DATA_FAILED` where another process may have taken over. */
  assertHeld(): void {
    this.#lease.assertHeld();
  }

  /** Notes no import any more. */
  forget(): Promise<void> {
    return this.#lease.change({ $unset: { import: "" } });
  }

  /** Ends the work: nothing is noted any more. */
  async finish(): Promise<void> {
    this.#lease.assertHeld();
    await this.#lease.end();
    await this.#notes.deleteOne({ _id: this.#id });
  }

  /** Gives it up; what is noted of an import stays. Never rejects, and does nothing after {@link finish}. */
  async leave(): Promise<void> {
    const none = { $exists: false };
    await this.#lease
      .release()
      .then(() => this.#notes.deleteOne({ _id: this.#id, lease: none, import: none }))
      // What cannot be said now the next one finds out in time.
      .catch(() => undefined);
  }
}

/** What stands for a tenant's data at its premises, among the notes. */
function workId(premises: Premises): string {
  return `${premises.strategy} ${premises.tenantId}`;
}

/** Whether anything is noted of a tenant's data. */
export async function isNoted(premises: Premises): Promise<boolean> {
  const filter: MongoDocument = { _id: workId(premises) };
  return (await databaseOf(premises).collection(WORK_COLLECTION).findOne(filter)) !== null;
}
