import { outside } from "../../scope/outside.js";
import { GUARD_NAME } from "./client-names.js";
import { guardedConnectionClass, type ConnectionRules } from "./connection.js";
import type {
  ConnectionClass,
  MongoClient,
  MongoDocument,
  MongoInternals,
  MongoTopology,
  SelectedServer,
} from "./driver.js";
import { bypassed } from "./refusals.js";
import type { Servers } from "./servers.js";
import { PROOF } from "./ticket.js";
import { listViews } from "./views.js";

/** The clients of a guard: one for each login of each server, opened when it is first needed. */
export class Clients {
  readonly #internals: MongoInternals;
  readonly #servers: Servers;
  readonly #options: Readonly<MongoDocument>;
  readonly #rules: ConnectionRules;
  readonly #classes = new Map<string, ConnectionClass>();
  readonly #clients = new Map<string, MongoClient>();
  readonly #proofs = new WeakMap<MongoClient, Promise<void>>();
  readonly #proved = new WeakSet<MongoClient>();
  #closed = false;

  constructor(
    internals: MongoInternals,
    servers: Servers,
    options: Readonly<MongoDocument>,
    rules: ConnectionRules,
  ) {
    this.#internals = internals;
    this.#servers = servers;
    this.#options = options;
    this.#rules = rules;
  }

  /** The class of the connections of a client. */
  connectionClass(key: string): ConnectionClass {
    const known = this.#classes.get(key);
    if (known !== undefined) return known;
    const type = guardedConnectionClass(this.#internals, key, this.#rules);
    this.#classes.set(key, type);
    return type;
  }

  /** The connection string of a client. Throws `PW_CONFIG` where there is none. */
  url(key: string): string {
    return this.#servers.url(key);
  }

  /** A client of the guard's own. Throws `PW_PLACEMENT` for an unknown server, `PW_CONFIG` where it has no such login. */
  client(key: string): MongoClient {
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const url = this.url(key);
    if (this.#closed) throw bypassed("The guard is closed");
    const client = new this.#internals.MongoClient(url, {
      ...this.#options,
      connectionType: this.connectionClass(key),
    });
    client.appendMetadata({ name: GUARD_NAME });
    this.#clients.set(key, client);
    return client;
  }

  /** What selects the servers of a client of the guard's own. */
  async topology(key: string): Promise<MongoTopology> {
    const client = this.client(key);
    if (client.topology === undefined) await outside(() => client.connect());
    if (client.topology === undefined) throw bypassed("A client did not connect");
    return client.topology;
  }

  /** Throws `PW_GUARD_BYPASSED` unless the connections of a selected server are the guarded ones of the client. */
  assertGuarded(key: string, { pool: { options } }: SelectedServer): void {
    const { connectionType, autoEncrypter } = options;
    // With an encrypter the driver makes connections of another class, whatever it was told.
    if (connectionType === this.connectionClass(key) && autoEncrypter === undefined) return;
    throw bypassed("The driver makes connections that are not the guard's");
  }

  /** Whether a client was proved. */
  isProved(client: MongoClient): boolean {
    return this.#proved.has(client);
  }

  /** Proves once for each client that what is sent over it comes by the guard. */
  async prove(client: MongoClient): Promise<void> {
    const known = this.#proofs.get(client) ?? this.#prove(client);
    this.#proofs.set(client, known);
    try {
      await known;
      this.#proved.add(client);
    } catch (error) {
      this.#proofs.delete(client);
      throw error;
    }
  }

  async #prove(client: MongoClient): Promise<void> {
    const { office } = this.#rules;
    const session = this.#internals.MongoClient.prototype.startSession.call(client, {
      explicit: false,
    });
    office.bind(session, PROOF);
    try {
      await outside(() =>
        office.proofs.prove((command) => client.db("admin").command(command, { session })),
      );
    } finally {
      await session.endSession();
    }
  }

  /** Whether the views of a client's server are known and fresh. */
  knowsViews(key: string): boolean {
    return this.#rules.views.isFresh(key);
  }

  /** Sees to it that the views of the databases which tenants share are known, of a client's server. */
  async knowViews(key: string, client: MongoClient): Promise<void> {
    const { office, views, databases } = this.#rules;
    const shared = new Set([databases.homeOf(key), ...databases.further]);
    await views.refresh(key, () => listViews(this.#internals, office, client, shared));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await outside(() => Promise.all([...this.#clients.values()].map((client) => client.close())));
  }
}
