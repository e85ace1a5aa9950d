import { outside } from "../../scope/outside.js";
import type { MongoClient, MongoDocument, MongoInternals } from "./driver.js";
import type { TicketOffice } from "./ticket-office.js";
import { VIEWS } from "./ticket.js";

// How long a view that somebody makes beside this guard may stay unknown to it.
const FRESH_MS = 60_000;

interface Known {
  readonly at: number;
  readonly names: Promise<ReadonlySet<string>>;
  /** Whether they have come. */
  read: boolean;
}

/**
 * Which collections of the databases that tenants share are views. A view is a pipeline that the server runs out of the
 * guard's sight, so it is refused unless the application vouches for it.
 * @see https://www.mongodb.com/docs/manual/core/views/
 */
export class Views {
  readonly #vouched: ReadonlySet<string>;
  readonly #known = new Map<string, Known>();
  readonly #loaded = new Map<string, ReadonlySet<string>>();

  constructor(vouched: readonly string[]) {
    this.#vouched = new Set(vouched);
  }

  /** Whether a client's views were read, no longer than a minute ago. */
  isFresh(client: string): boolean {
    const known = this.#known.get(client);
    return known?.read === true && Date.now() - known.at < FRESH_MS;
  }

  /** Reads a client's views where they were never read, or a minute ago. Rejects where they cannot be read. */
  async refresh(client: string, list: () => Promise<ReadonlySet<string>>): Promise<void> {
    const now = Date.now();
    let known = this.#known.get(client);
    if (known === undefined || now - known.at >= FRESH_MS) {
      known = { at: now, names: list(), read: false };
      this.#known.set(client, known);
    }
    try {
      this.#loaded.set(client, await known.names);
      known.read = true;
    } catch (error) {
      if (this.#known.get(client) === known) this.#known.delete(client);
      throw error;
    }
  }

  /** Whether a collection is a view that nobody vouches for. */
  isRefused(client: string, database: string, collection: string): boolean {
    return (
      !this.#vouched.has(collection) &&
      this.#loaded.get(client)?.has(`${database}.${collection}`) === true
    );
  }

  /** Has them read again: a command of this process may have made one. */
  forget(): void {
    this.#known.clear();
  }
}

/** Asks a server for the views of databases, over one of its clients. */
export async function listViews(
  internals: MongoInternals,
  office: TicketOffice,
  client: MongoClient,
  databases: Iterable<string>,
): Promise<ReadonlySet<string>> {
  const session = internals.MongoClient.prototype.startSession.call(client, { explicit: false });
  office.bind(session, VIEWS);
  const options = { session, promoteLongs: false };
  try {
    return await outside(async () => {
      const names = new Set<string>();
      for (const database of databases) {
        let command: MongoDocument = {
          listCollections: 1,
          filter: { type: "view" },
          nameOnly: true,
          authorizedCollections: true,
          cursor: {},
        };
        for (;;) {
          const { cursor } = (await client.db(database).command(command, options)) as Listing;
          for (const { name, type } of cursor.firstBatch ?? cursor.nextBatch ?? []) {
            if (type === "view") names.add(`${database}.${name}`);
          }
          if (String(cursor.id) === "0") break;
          command = { getMore: cursor.id, collection: "$cmd.listCollections" };
        }
      }
      return names;
    });
  } finally {
    await session.endSession();
  }
}

interface Listing extends MongoDocument {
  readonly cursor: {
    readonly id: unknown;
    readonly firstBatch?: readonly { readonly name: string; readonly type?: string }[];
    readonly nextBatch?: readonly { readonly name: string; readonly type?: string }[];
  };
}
