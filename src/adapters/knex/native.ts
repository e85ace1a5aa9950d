import type { Readable } from "node:stream";

/** What a query is sent on. */
export interface Connection {
  query(config: unknown, values?: unknown, callback?: unknown): unknown;
}

/** A connection of the guard's pool. */
export interface Lent extends Connection {
  release(destroy: unknown): void;
  cancel(): void;
  on(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
  /** Whether Knex or the server has given it up. */
  __knex__disposed?: unknown;
  __knexUid?: string;
}

/** Knex's client, by what is exchanged of it. */
export interface KnexClient {
  readonly config: {
    readonly acquireConnectionTimeout?: number;
    readonly connectionPool?: unknown;
    readonly pool?: { readonly afterCreate?: unknown; readonly validate?: unknown };
    readonly searchPath?: unknown;
  };
  readonly driverName?: string;
  readonly transacting?: boolean;
  driver: unknown;
  pool: unknown;
  _ownsPool?: boolean;
  query(connection: Connection, query: unknown): Promise<unknown>;
  stream(
    connection: Connection,
    query: unknown,
    stream: Readable,
    options: unknown,
  ): Promise<unknown>;
  _query(connection: Connection, query: unknown): Promise<unknown>;
  transaction(...of: readonly unknown[]): KnexTransaction;
}

export interface KnexTransaction {
  begin(connection: Connection): Promise<unknown>;
  savepoint(connection: Connection): Promise<unknown>;
  isCompleted(): boolean;
}

export type KnexClientClass = new (config?: unknown) => KnexClient;
