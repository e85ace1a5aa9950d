import { PartywallError } from "../../errors.js";
import type { MongoDocument } from "../../guards/mongodb/driver.js";
import { DEFAULT_SERVER } from "../../guards/mongodb/servers.js";

/** A collection of the driver, by the members that are called here. */
export interface AdminCollection {
  find(filter: MongoDocument, options?: MongoDocument): AsyncIterable<MongoDocument>;
  findOne(filter: MongoDocument): Promise<MongoDocument | null>;
  insertOne(document: MongoDocument): Promise<unknown>;
  updateOne(
    filter: MongoDocument,
    update: MongoDocument,
  ): Promise<{ readonly matchedCount: number }>;
  deleteOne(filter: MongoDocument): Promise<unknown>;
  deleteMany(filter: MongoDocument): Promise<{ readonly deletedCount: number }>;
  countDocuments(filter: MongoDocument): Promise<number>;
  insertMany(documents: never[], options?: MongoDocument): Promise<unknown>;
  bulkWrite(operations: never[]): Promise<unknown>;
  createIndexes(indexes: never[]): Promise<unknown>;
  listIndexes(): { toArray(): Promise<MongoDocument[]> };
}

/** A database of the driver, by the members that are called here. */
export interface AdminDatabase {
  readonly databaseName: string;
  collection(name: string): AdminCollection;
  createCollection(name: string, options: MongoDocument): Promise<unknown>;
  dropCollection(name: string): Promise<unknown>;
  listCollections(): { toArray(): Promise<MongoDocument[]> };
  command(command: MongoDocument): Promise<MongoDocument>;
  dropDatabase(): Promise<unknown>;
}

/** The slice of `MongoClient` that is used here. */
export interface AdminClient {
  connect(): Promise<unknown>;
  close(): Promise<unknown>;
  db(name?: string, options?: MongoDocument): AdminDatabase;
}

/** The slice of the caller's `mongodb` that is used here; never the guarded one. */
export interface AdminMongo {
  // oxlint-disable-next-line typescript/no-explicit-any -- a class of the caller's, whatever its options are
  readonly MongoClient: new (url: string, options?: any) => AdminClient;
}

interface Shared {
  readonly client: AdminClient;
  readonly connected: Promise<unknown>;
  users: number;
}

// What is noted has to outlive a change of the primary, and is read where it was written.
const OPTIONS = { writeConcern: { w: "majority" }, readPreference: "primary", retryWrites: true };

/** The logins that may create databases, by server. */
export class Admins {
  readonly #mongodb: AdminMongo;
  readonly #urls: ReadonlyMap<string, string | undefined>;
  readonly #open = new Map<string, Shared>();

  constructor(
    mongodb: AdminMongo,
    first: string | undefined,
    further: Readonly<Record<string, string | undefined>> = {},
  ) {
    if (typeof mongodb?.MongoClient !== "function") {
      throw new PartywallError(
        "PW_CONFIG",
        'This is no `mongodb` driver: it has no MongoClient. Pass `import * as mongodb from "mongodb"`, never the guarded client.',
      );
    }
    this.#mongodb = mongodb;
    this.#urls = new Map([...Object.entries(further), [DEFAULT_SERVER, first]]);
  }

  /** The connection string of a server's admin. Throws `PW_PLACEMENT` for an unknown server, `PW_CONFIG` where there is none. */
  url(server: string = DEFAULT_SERVER): string {
    if (!this.#urls.has(server)) {
      throw new PartywallError(
        "PW_PLACEMENT",
        `There is no admin login for a server ${JSON.stringify(server)}, so nothing was done. Add it to \`servers\`, or place the tenant elsewhere.`,
      );
    }
    const url = this.#urls.get(server);
    if (url !== undefined && url !== "") return url;
    throw new PartywallError(
      "PW_CONFIG",
      `There is no admin login for the server ${JSON.stringify(server)}. Pass the connection string of a login that may create databases.`,
    );
  }

  /** Runs `work` with the client of a server, which all who work at the same time share; closed after the last of them. */
  async with<T>(
    server: string = DEFAULT_SERVER,
    work: (client: AdminClient) => Promise<T>,
  ): Promise<T> {
    const shared = this.#open.get(server) ?? this.#connect(server);
    shared.users += 1;
    try {
      await shared.connected;
      return await work(shared.client);
    } finally {
      shared.users -= 1;
      if (shared.users === 0) {
        this.#open.delete(server);
        await shared.client.close();
      }
    }
  }

  #connect(server: string): Shared {
    const client = new this.#mongodb.MongoClient(this.url(server), OPTIONS);
    const shared = { client, connected: client.connect(), users: 0 };
    this.#open.set(server, shared);
    return shared;
  }
}
