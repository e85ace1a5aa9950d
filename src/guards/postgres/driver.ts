import { PartywallError } from "../../errors.js";

/** The node-postgres connection, by the members the guard calls. */
export interface PgConnection {
  readonly stream: {
    readonly writable: boolean;
    write(bytes: Uint8Array, written?: () => void): boolean;
    cork?(): void;
    uncork?(): void;
    pause?(): unknown;
    resume?(): unknown;
    destroy(error?: Error): unknown;
  };
  parsedStatements: Record<string, string>;
  submittedNamedStatements: Record<string, string>;
  connect(portOrPath: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
  query: (text: string) => void;
  sync: () => void;
  flush(): void;
  close(what: { readonly type: "S"; readonly name: string }): void;
  end(): void;
  on(event: string, listener: (...args: never[]) => void): unknown;
  removeListener(event: string, listener: (...args: never[]) => void): unknown;
}

/** A server message, by the fields the guard reads. */
export interface PgMessage {
  readonly text?: string;
  readonly status?: "I" | "T" | "E";
  readonly parameterName?: string;
  readonly parameterValue?: string;
  /** Of a notice: its SQLSTATE and what it tells. */
  readonly code?: string;
  readonly detail?: string;
  readonly schema?: string;
  readonly table?: string;
}

export type PgCallback = (error: Error | null | undefined, result?: unknown) => void;

/** What `client.query` takes besides text: a cursor, a stream, a COPY. */
export interface PgSubmittable {
  ticket?: unknown;
  readonly text?: unknown;
  /** Whether it reads the results of several statements, as the driver's own Query does. */
  readonly readsSeveral?: boolean;
  name?: string | undefined;
  callback?: PgCallback | undefined;
  submit(connection: PgConnection): Error | null | undefined | void;
  handleError(error: Error, connection: PgConnection): void;
  handleReadyForQuery(connection: PgConnection): void;
  handleRowDescription?(message: PgMessage): void;
  handleDataRow?(message: PgMessage): void;
  handlePortalSuspended?(connection: PgConnection): void;
  handleEmptyQuery?(connection: PgConnection): void;
  handleCommandComplete?(message: PgMessage, connection: PgConnection): void;
  handleCopyInResponse?(connection: PgConnection): void;
  handleCopyData?(message: PgMessage, connection: PgConnection): void;
}

export interface PgQuery extends PgSubmittable {
  text: string;
  values?: unknown;
  queryMode?: string | undefined;
  rows?: number | undefined;
  requiresPreparation(): boolean;
  prepare(connection: PgConnection): void;
  handleCommandComplete(message: PgMessage, connection: PgConnection): void;
  handleDataRow(message: PgMessage): void;
}

export interface PgClient {
  readonly connection: PgConnection;
  readonly connectionParameters: {
    query_timeout?: number | false;
    database?: string | undefined;
    user?: string | undefined;
  };
  database?: string | undefined;
  user?: string | undefined;
  password?: unknown;
  readonly pipeline: boolean;
  readonly host: string;
  readonly port: number;
  readonly ssl: unknown;
  readonly sslNegotiation?: string;
  processID: number | null;
  secretKey: number | null;
  readyForQuery?: boolean;
  release?: (destroy?: unknown) => void;
  _Promise: PromiseConstructor;
  _types: unknown;
  _queryable: boolean;
  _ending: boolean;
  _activeQuery: PgSubmittable | null | undefined;
  _queryQueue: PgSubmittable[];
  _sentQueryQueue: PgSubmittable[];
  query(config: unknown, values?: unknown, callback?: unknown): unknown;
  connect(callback?: unknown): unknown;
  end(callback?: unknown): unknown;
  getStartupConf(): Record<string, string>;
  /** The state of the transaction; null before the server has told one. */
  getTransactionStatus(): "I" | "T" | "E" | null;
  _pulseQueryQueue(): void;
  _pulsePipelinedQueryQueue(): void;
  _handleReadyForQuery(message: PgMessage): void;
  _handleNotice(notice: PgMessage): void;
  on(event: string, listener: (...args: never[]) => void): this;
  once(event: string, listener: (...args: never[]) => void): this;
  emit(event: string, ...args: unknown[]): boolean;
  removeListener(event: string, listener: (...args: never[]) => void): unknown;
}

export type PoolCallback = (
  error: Error | undefined,
  client?: PgClient,
  release?: (destroy?: unknown) => void,
) => void;

export interface PgPool {
  connect(callback?: PoolCallback): unknown;
  query(text: unknown, values?: unknown, callback?: PgCallback): unknown;
  end(callback?: () => void): unknown;
  on(event: "error" | "remove" | "connect", listener: (argument: never) => void): this;
  readonly options: { readonly max: number; readonly connectionTimeoutMillis?: number };
  readonly _clients: readonly PgClient[];
  readonly _idle: readonly { readonly client: PgClient }[];
  readonly _pendingQueue: readonly unknown[];
  newClient(pendingItem: unknown): void;
  _isFull(): boolean;
  _pulseQueue(): void;
  _remove(client: PgClient): void;
  _release(client: PgClient, idleListener: unknown, error: unknown): void;
}

export interface PgInternals {
  Client: new (config?: unknown) => PgClient;
  Pool: new (config?: unknown) => PgPool;
  Query: new (config: unknown, values?: unknown, callback?: unknown) => PgQuery;
  Connection: new (config?: unknown) => PgConnection;
}

/**
 * The caller's `pg`, by what {@link guardPg} needs of it. `import pg from "pg"` fits.
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import type { PgModule } from "partywall/guards/postgres";
 *
 * const driver: PgModule = pg;
 * console.log(typeof driver.Pool);
 * ```
 */
export interface PgModule {
  // oxlint-disable-next-line typescript/no-explicit-any -- a class of the caller's, whatever its constructor takes
  readonly Pool: new (...args: any[]) => object;
  // oxlint-disable-next-line typescript/no-explicit-any -- likewise
  readonly Client: new (...args: any[]) => object;
}

const CLIENT_METHODS = [
  "query",
  "connect",
  "getStartupConf",
  "getTransactionStatus",
  "_pulseQueryQueue",
  "_pulsePipelinedQueryQueue",
  "_handleReadyForQuery",
  "_handleNotice",
] as const;
const QUERY_METHODS = [
  "submit",
  "prepare",
  "requiresPreparation",
  "handleDataRow",
  "handleCommandComplete",
  "handleError",
  "handleReadyForQuery",
] as const;

const POOL_METHODS = [
  "connect",
  "query",
  "newClient",
  "_isFull",
  "_pulseQueue",
  "_remove",
  "_release",
] as const;

/**
 * Proves that the driver has every method the guard stands on. A method that an upgrade renamed would make an
 * override inert, so its absence is refused here instead of found as a leak. Throws `PW_CONFIG`.
 */
export function inspectDriver(pg: PgModule): PgInternals {
  const driver = pg as unknown as Partial<PgInternals>;
  const missing: string[] = [];
  const demand = (
    owner: string,
    type: { prototype: object } | undefined,
    names: readonly string[],
  ) => {
    for (const name of names) {
      const method: unknown = type?.prototype && Reflect.get(type.prototype, name);
      if (typeof method !== "function") missing.push(`${owner}.${name}`);
    }
  };
  demand("Client", driver.Client, CLIENT_METHODS);
  demand("Query", driver.Query, QUERY_METHODS);
  demand("Pool", driver.Pool, POOL_METHODS);
  demand("Connection", driver.Connection, ["connect", "cancel", "sync", "flush", "close"]);
  if (missing.length > 0) {
    throw new PartywallError(
      "PW_CONFIG",
      `This is not a \`pg\` module the guard knows: it lacks ${missing.join(", ")}. Pass the default export of pg 8.23 or later (\`import pg from "pg"\`), not pg-native.`,
    );
  }
  return driver as PgInternals;
}
