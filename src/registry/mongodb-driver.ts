import { PartywallError } from "../errors.js";

/** A document, as the driver takes and gives it. */
export type MongoDocument = Record<string, unknown>;

/**
 * The slice of the `mongodb` package, 6 or 7, that the registry calls; `mongoose.mongo` is one too.
 *
 * @example
 * ```ts
 * import * as mongodb from "mongodb";
 * import type { MongoModule } from "partywall/registry";
 *
 * const driver: MongoModule = mongodb;
 * console.log(typeof driver.MongoClient);
 * ```
 */
export interface MongoModule {
  readonly MongoClient: new (url: string, options?: MongoDocument) => MongoClient;
}

/** The slice of `MongoClient`. */
export interface MongoClient {
  db(name: string): { collection(name: string): MongoCollection };
  close(): Promise<void>;
}

/** The slice of `Collection`. */
export interface MongoCollection {
  find(
    filter: MongoDocument,
    options?: MongoDocument,
  ): { toArray(): Promise<readonly MongoDocument[]> };
  insertOne(document: MongoDocument): Promise<unknown>;
  updateOne(
    filter: MongoDocument,
    update: MongoDocument,
  ): Promise<{ readonly matchedCount: number }>;
  deleteMany(filter: MongoDocument): Promise<unknown>;
  indexes(): Promise<readonly object[]>;
  createIndexes(
    indexes: { readonly key: Record<string, 1>; readonly unique?: boolean }[],
  ): Promise<unknown>;
}

/** How to reach the registry's server, with the registry's own login. */
export interface MongoConnection {
  /** For example `mongodb://registry@db.example.com/?authSource=admin`. */
  readonly url?: string | undefined;
  /** Every other option of `MongoClient`. */
  readonly clientOptions?: Readonly<MongoDocument>;
}

const DEFAULTS = { serverSelectionTimeoutMS: 5_000, connectTimeoutMS: 5_000 };

/**
 * What a registry cannot do without, whatever the address and the caller's options say: nothing that a change of primary
 * takes back is answered or believed, and values come as JavaScript's own.
 */
const ALWAYS = {
  readConcern: { level: "majority" },
  // An address that names a level overrules the line above.
  readConcernLevel: "majority",
  readPreference: "primary",
  writeConcern: { w: "majority", wtimeoutMS: 10_000 },
  promoteValues: true,
  promoteLongs: true,
  useBigInt64: false,
  raw: false,
};

const DUPLICATE_KEY = 11_000;

/** Makes a client, which opens nothing yet. Throws `PW_CONFIG` when nothing says which server. */
export function openClient(
  { MongoClient }: MongoModule,
  { url, clientOptions }: MongoConnection,
  max: number,
): MongoClient {
  if (url === undefined) {
    throw new PartywallError(
      "PW_CONFIG",
      "mongoStore() was given no url. Pass the address of the registry's server with its own login.",
    );
  }
  // What the address itself says is not overruled by a default.
  const defaults = Object.entries(DEFAULTS).filter(
    ([name]) => !url.toLowerCase().includes(`${name.toLowerCase()}=`),
  );
  return new MongoClient(url, {
    ...Object.fromEntries(defaults),
    ...clientOptions,
    maxPoolSize: max,
    ...ALWAYS,
  });
}

/** Whether a unique value was there already. */
export function isDuplicate(error: unknown): boolean {
  return codeOf(error) === DUPLICATE_KEY;
}

/** Whether the server itself refused, so that nothing of what was asked for has happened. */
export function isRefusal(error: unknown): boolean {
  return typeof codeOf(error) === "number";
}

/** The driver's or the server's code of an error. */
export function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown } | undefined)?.code;
}

/** `PW_REGISTRY_UNAVAILABLE` with what went wrong, without address, login, password or value. */
export function unavailable(error: unknown, connection: MongoConnection): PartywallError {
  if (error instanceof PartywallError) return error;
  const code = codeOf(error);
  const cause = Object.assign(
    new Error(told(error, connection)),
    code === undefined ? {} : { code },
  );
  return new PartywallError(
    "PW_REGISTRY_UNAVAILABLE",
    "The registry's MongoDB server could not answer. Check that it runs, and the registry's address and login. See cause.",
    { cause },
  );
}

function told(error: unknown, connection: MongoConnection): string {
  if (!(error instanceof Error)) return "";
  // A server's own message repeats the command, with its values.
  if (isRefusal(error)) {
    const { codeName } = error as { readonly codeName?: unknown };
    return `${error.name}: the server refused${typeof codeName === "string" ? `, ${codeName}` : ""}`;
  }
  let text = `${error.name}: ${error.message}`;
  for (const secret of secretsOf(connection)) text = text.replaceAll(secret, "[redacted]");
  // Hosts that the address did not name: members that servers told of, and what names resolve to.
  return text.replaceAll(/\b[a-z+]+:\/\/\S+|\S+:\d+\b/gi, "[redacted]");
}

/** The address, and each part of it between two of its signs: login, password, hosts, as written and as meant. */
function secretsOf({ url = "", clientOptions }: MongoConnection): string[] {
  const [, login = "", hosts = ""] = /^[^:]*:\/\/(?:(.*)@)?([^/?]*)/.exec(url) ?? [];
  const { auth } = (clientOptions ?? {}) as { readonly auth?: Readonly<MongoDocument> };
  const parts = [
    ...login.split(":"),
    ...hosts.split(/[,:]/),
    auth?.["username"],
    auth?.["password"],
  ];
  const texts = parts.filter((part): part is string => typeof part === "string" && part !== "");
  return [url, ...texts, ...texts.map(decoded)].filter((part) => part !== "");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A name fit for a database or a collection of the registry. Throws `PW_CONFIG` otherwise. */
export function plainName(name: string, what: string): string {
  if (/^[a-z_][a-z0-9_]{0,49}$/.test(name)) return name;
  throw new PartywallError(
    "PW_CONFIG",
    `${what} must be 1 to 50 lower-case letters, digits or underscores, not starting with a digit.`,
  );
}
