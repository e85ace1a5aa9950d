import { failed } from "../refusal.js";
import type { AdminCollection } from "./admin.js";
import type { StoredDocument } from "./document-line.js";

// The server takes 100,000 documents and 48 MB in a message; the lines are longer than what is sent.
const MOST_DOCUMENTS = 1000;
const MOST_CHARACTERS = 4 * 1024 * 1024;

/** Collects documents of one collection and inserts as many at a time as is sensible. */
export class RowWriter {
  readonly #collection: AdminCollection;
  readonly #name: string;
  readonly #beforeBatch: (documents: number) => Promise<void>;
  #documents: StoredDocument[] = [];
  #characters = 0;

  /** @param beforeBatch is told how many documents come next, before they are sent */
  constructor(
    collection: AdminCollection,
    name: string,
    beforeBatch: (documents: number) => Promise<void>,
  ) {
    this.#collection = collection;
    this.#name = name;
    this.#beforeBatch = beforeBatch;
  }

  /** Takes one document, whose line has so many characters; resolves when there is room for the next. */
  async add(document: StoredDocument, characters: number): Promise<void> {
    if (this.#characters + characters > MOST_CHARACTERS) await this.flush();
    this.#documents.push(document);
    this.#characters += characters;
    if (this.#documents.length >= MOST_DOCUMENTS) await this.flush();
  }

  /** Writes what has not been written yet. Rejects with `PW_TENANT_DATA_FAILED`, naming the index that stands in the way. */
  async flush(): Promise<void> {
    const documents = this.#documents;
    if (documents.length === 0) return;
    this.#documents = [];
    this.#characters = 0;
    await this.#beforeBatch(documents.length);
    try {
      // Anew, since the driver gives a document an _id that has none.
      await this.#collection.insertMany(documents as never[], { ordered: true });
    } catch (error) {
      throw this.#explained(error);
    }
  }

  #explained(error: unknown): unknown {
    const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
    if (code === 121) {
      return failed(`The validator of ${this.#name} here refuses a document.`, error);
    }
    if (code !== 11_000) return error;
    // The server's message goes on with the key, which is a value.
    const index = /\bindex: (.+?) (?:collation: .*)?dup key:/.exec(String(message))?.[1];
    const which = index === undefined ? "A unique index" : `The unique index ${index}`;
    return failed(
      `${which} of ${this.#name} has a key already that a document of the archive has too: another tenant's, or twice in the archive. An _id in a collection that tenants share is one tenant's only.`,
      error,
    );
  }
}
