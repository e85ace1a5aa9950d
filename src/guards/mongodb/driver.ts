import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { PartywallError } from "../../errors.js";

/** A document, as the driver takes and gives it. */
export type MongoDocument = Record<string, unknown>;

/** A session of the driver, by the members the guard calls. */
export interface MongoSession {
  readonly explicit: boolean;
  readonly hasEnded: boolean;
  inTransaction(): boolean;
  abortTransaction(options?: unknown): Promise<void>;
  endSession(options?: unknown): Promise<void>;
  once(event: "ended", listener: () => void): unknown;
}

/** How a command is sent, by the options the guard reads. */
export interface CommandOptions {
  readonly session?: MongoSession;
  readonly exhaustAllowed?: boolean;
  readonly checkKeys?: boolean;
  readonly serializeFunctions?: boolean;
  readonly ignoreUndefined?: boolean;
}

/** A connection of the driver. */
export interface MongoConnection {
  readonly address: string;
  readonly hello?: { readonly maxWireVersion?: number } | null;
  prepareCommand(database: string, command: MongoDocument, options: CommandOptions): unknown;
  command(
    namespace: unknown,
    command: MongoDocument,
    options?: CommandOptions,
    responseType?: unknown,
  ): Promise<unknown>;
  exhaustCommand(
    namespace: unknown,
    command: MongoDocument,
    options: CommandOptions,
    listener: (...args: unknown[]) => void,
  ): void;
  destroy(): void;
}

export type ConnectionClass = new (stream: unknown, options: unknown) => MongoConnection;

/** Documents of a command that travel in a section of their own. */
export interface DocumentSequence {
  readonly documents: readonly MongoDocument[];
  push(document: MongoDocument, bytes: Uint8Array): number;
}

/** A server that the driver selected. */
export interface SelectedServer {
  readonly pool: { readonly options: MongoDocument };
}

/** What decides which server an operation goes to. */
export interface MongoTopology {
  selectServer(
    selector: unknown,
    options?: { readonly session?: MongoSession; readonly operationName?: string },
  ): Promise<SelectedServer>;
}

/** A client of the driver, by the members the guard stands on. */
export interface MongoClient {
  topology: MongoTopology | undefined;
  readonly options: MongoDocument & { readonly dbName: string };
  readonly s: { activeCursors: Set<object>; readonly options: MongoDocument };
  connect(): Promise<unknown>;
  close(force?: boolean): Promise<void>;
  startSession(options?: { readonly owner?: unknown; readonly explicit?: boolean }): MongoSession;
  appendMetadata(info: { readonly name: string }): void;
  db(name?: string): {
    command(command: MongoDocument, options?: object): Promise<MongoDocument>;
  };
}

export interface MongoInternals {
  readonly MongoClient: new (url: string, options?: MongoDocument) => MongoClient;
  readonly Connection: ConnectionClass;
  readonly DocumentSequence: new (field: string) => DocumentSequence;
  readonly serialize: (document: MongoDocument, options: object) => Uint8Array;
}

/**
 * The caller's `mongodb`, or the copy inside Mongoose (`mongoose.mongo`), by what {@link guardMongo} needs of it.
 *
 * @example
 * ```ts
 * import * as mongodb from "mongodb";
 * import type { MongoModule } from "partywall/guards/mongodb";
 *
 * const driver: MongoModule = mongodb;
 * console.log(typeof driver.MongoClient);
 * ```
 */
export interface MongoModule {
  // oxlint-disable-next-line typescript/no-explicit-any -- a class of the caller's, whatever its constructor takes
  readonly MongoClient: new (...args: any[]) => object;
  readonly BSON: object;
}

/**
 * Modules of the driver that are not on its public face. Only where the guard cannot find them by itself: in a bundle,
 * or under a test runner with modules of its own.
 *
 * @example
 * ```ts
 * import { createRequire } from "node:module";
 * import type { MongoDriverParts } from "partywall/guards/mongodb";
 *
 * const require = createRequire(import.meta.url);
 * export const internals: MongoDriverParts = {
 *   connection: require("mongodb/lib/cmap/connection.js"),
 *   commands: require("mongodb/lib/cmap/commands.js"),
 * };
 * ```
 */
export interface MongoDriverParts {
  /** `mongodb/lib/cmap/connection.js` of the very copy that is guarded. */
  readonly connection: unknown;
  /** `mongodb/lib/cmap/commands.js` of the very copy that is guarded. */
  readonly commands: unknown;
}

// The methods that are overridden or stood on, with the number of parameters each had when it was read.
const CONNECTION_METHODS = {
  prepareCommand: 3,
  sendCommand: 4,
  command: 2,
  exhaustCommand: 4,
  writeCommand: 2,
  sendWire: 3,
} as const;
const CLIENT_METHODS = {
  startSession: 1,
  connect: 0,
  _connect: 0,
  appendMetadata: 1,
  db: 2,
} as const;

/**
 * Finds the parts of the driver the guard stands on, in the caller's own copy, and proves that they are as they were read
 * (`mongodb` 6.20 to 7.9). Throws `PW_CONFIG` where one is missing or takes something else: an override of it would be inert.
 */
export function inspectDriver(driver: MongoModule, parts?: MongoDriverParts): MongoInternals {
  const { MongoClient } = driver;
  if (typeof MongoClient !== "function") {
    throw unknownDriver("it has no MongoClient");
  }
  const { connection, commands } = parts ?? partsBeside(MongoClient);
  const Connection: unknown = Reflect.get(Object(connection) as object, "Connection");
  const DocumentSequence: unknown = Reflect.get(Object(commands) as object, "DocumentSequence");
  const serialize: unknown = Reflect.get(Object(driver.BSON) as object, "serialize");
  const faults = [
    ...differing("Connection", Connection, CONNECTION_METHODS),
    ...differing("MongoClient", MongoClient, CLIENT_METHODS),
    ...differing("DocumentSequence", DocumentSequence, { push: 2, toBin: 0 }),
    ...(typeof serialize === "function" ? [] : ["BSON.serialize"]),
  ];
  if (faults.length > 0) throw unknownDriver(`it lacks or changed ${faults.join(", ")}`);
  return { MongoClient, Connection, DocumentSequence, serialize } as unknown as MongoInternals;
}

function differing(
  owner: string,
  type: unknown,
  methods: Readonly<Record<string, number>>,
): string[] {
  const prototype: unknown =
    typeof type === "function" ? Reflect.get(type, "prototype") : undefined;
  return Object.entries(methods).flatMap(([name, parameters]) => {
    const method: unknown = Reflect.get(Object(prototype) as object, name);
    const known = typeof method === "function" && method.length === parameters;
    return known ? [] : [`${owner}.${name}`];
  });
}

function partsBeside(MongoClient: unknown): MongoDriverParts {
  const { cache } = createRequire(import.meta.url);
  for (const [file, module] of Object.entries(cache)) {
    if (!file.endsWith("mongo_client.js") || module === undefined) continue;
    const exported: unknown = module.exports;
    if (Reflect.get(Object(exported) as object, "MongoClient") !== MongoClient) continue;
    const part = (name: string): unknown => cache[join(dirname(file), "cmap", name)]?.exports;
    return { connection: part("connection.js"), commands: part("commands.js") };
  }
  throw unknownDriver(
    "its modules are not among those that Node.js loaded, as in a bundle; give them as `internals`",
  );
}

function unknownDriver(what: string): PartywallError {
  return new PartywallError(
    "PW_CONFIG",
    `This is not a \`mongodb\` driver that guardMongo() knows: ${what}. Pass \`import * as mongodb from "mongodb"\`, 6.20 or later or 7, or \`mongoose.mongo\` of Mongoose 8 or 9.`,
  );
}
