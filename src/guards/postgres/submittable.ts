import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import type { PgConnection, PgMessage, PgSubmittable } from "./driver.js";
import { isServerError, sealError, wallError } from "./refusals.js";
import type { SealKeeper } from "./query.js";
import type { Ticket } from "./ticket.js";

interface Emitting {
  emit?: (...args: unknown[]) => unknown;
  read?: (rows: number, callback?: (...args: unknown[]) => void) => unknown;
  pipe?: unknown;
}

/**
 * Runs the events and callbacks of a cursor or stream in the scope that issued it: the socket's own context is
 * that of whoever opened the connection.
 */
export function keepContext(inner: PgSubmittable): void {
  const emitting = inner as PgSubmittable & Emitting;
  const inContext = AsyncLocalStorage.snapshot();
  const emit = emitting.emit;
  if (typeof emit === "function") {
    emitting.emit = (...args) => inContext(() => emit.apply(inner, args));
  }
  const read = emitting.read;
  if (typeof read === "function" && emitting.pipe === undefined) {
    emitting.read = (rows, callback) =>
      read.call(inner, rows, callback && AsyncResource.bind(callback));
  }
}

const SUFFIX = "\n;select";

/**
 * A cursor, stream or COPY behind the seal. These take over the connection, so the seal goes first and is
 * answered before they begin, in the same implicit transaction: one round trip more.
 */
export class SealedSubmittable implements PgSubmittable {
  readonly text: unknown;
  readonly ticket: Ticket;
  callback: PgSubmittable["callback"];
  #sealing = false;
  // After the caller's own statement nothing that comes is the caller's.
  #completed = false;
  readonly #inner: PgSubmittable;
  readonly #keeper: SealKeeper;

  constructor(inner: PgSubmittable, ticket: Ticket, keeper: SealKeeper) {
    this.#inner = inner;
    this.ticket = ticket;
    this.#keeper = keeper;
    // A QueryStream keeps its text on the cursor inside.
    this.text = inner.text ?? (inner as { cursor?: { text?: unknown } }).cursor?.text;
  }

  submit(connection: PgConnection): Error | null | undefined | void {
    const verdict = this.#keeper.admit(this.ticket, this.text);
    if (verdict instanceof Error) return verdict;
    if (verdict === undefined) return this.#inner.submit(connection);
    this.#sealing = true;
    connection.stream.write(verdict);
    connection.flush();
    return null;
  }

  handleCommandComplete(message: PgMessage, connection: PgConnection): void {
    if (!this.#sealing) {
      if (this.#completed) return;
      this.#completed = true;
      this.#keeper.observe(message.text ?? "", this.ticket, this.text);
      this.#inner.handleCommandComplete?.(message, connection);
      return;
    }
    this.#sealing = false;
    this.#keeper.sealed();
    const refused = this.#submitInner(connection);
    if (refused instanceof Error) {
      this.#inner.handleError(refused, connection);
      connection.sync();
    }
  }

  // Cursors speak the extended protocol and end their own transaction. COPY is a simple query of one statement,
  // which behind a seal the server would not end; one more statement after it makes it end.
  #submitInner(connection: PgConnection): Error | null | undefined | void {
    const send = connection.query.bind(connection);
    connection.query = (text) => send(text + SUFFIX);
    try {
      return this.#inner.submit(connection);
    } finally {
      // The class's own method comes to light again.
      Reflect.deleteProperty(connection, "query");
    }
  }

  handleError(error: Error, connection: PgConnection): void {
    if (this.#sealing) {
      this.#sealing = false;
      // The inner object was never submitted, so it will not send the Sync that ends the server's skipping.
      if (isServerError(error)) connection.sync();
      this.#inner.handleError(sealError(error), connection);
      return;
    }
    this.#inner.handleError(wallError(error, this.ticket, this.text), connection);
  }

  handleDataRow(message: PgMessage): void {
    if (!this.#sealing && !this.#completed) this.#inner.handleDataRow?.(message);
  }

  handleRowDescription(message: PgMessage): void {
    if (!this.#completed) this.#inner.handleRowDescription?.(message);
  }

  handlePortalSuspended(connection: PgConnection): void {
    this.#inner.handlePortalSuspended?.(connection);
  }

  handleEmptyQuery(connection: PgConnection): void {
    this.#inner.handleEmptyQuery?.(connection);
  }

  handleCopyInResponse(connection: PgConnection): void {
    this.#inner.handleCopyInResponse?.(connection);
  }

  handleCopyData(message: PgMessage, connection: PgConnection): void {
    this.#inner.handleCopyData?.(message, connection);
  }

  handleReadyForQuery(connection: PgConnection): void {
    this.#inner.handleReadyForQuery(connection);
  }
}
