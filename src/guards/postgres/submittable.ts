import { AsyncLocalStorage } from "node:async_hooks";
import type { PgConnection, PgMessage, PgQuery, PgSubmittable } from "./driver.js";
import { isServerError, sealError, wallError } from "./refusals.js";
import { keepScope } from "./keep-scope.js";
import type { SealKeeper } from "./query.js";
import { PREFIX, PREFIX_STATEMENTS, SUFFIX, withoutPrefix } from "./several-statements.js";
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
    emitting.read = (rows, callback) => read.call(inner, rows, callback && keepScope(callback));
  }
}

// A name of the caller's can be replaced by tenant SQL, and the next tenant's Bind would run what it put there.
function sendUnnamed(query: PgQuery): void {
  if (!query.name) return;
  query.name = undefined;
  query.queryMode = "extended";
}

/**
 * A cursor, stream, COPY or query object behind the seal, in the same implicit transaction. A cursor's and a stream's
 * first messages follow the seal in the same write. The others take over the connection, so the seal is answered
 * before they begin: one round trip more.
 */
export class SealedSubmittable implements PgSubmittable {
  readonly text: unknown;
  readonly ticket: Ticket;
  callback: PgSubmittable["callback"];
  #sealing = false;
  // Statements of the prefix still to be answered.
  #prefix = 0;
  #prefixed = false;
  #isClosed = false;
  // A stream knows of one statement; what else its text did is noted, and not told to it.
  #completed = false;
  readonly #inner: PgSubmittable;
  readonly #isQuery: boolean;
  // Whether it reads its answers through a portal, message by message, and so can be sent behind an open seal.
  readonly #together: boolean;
  readonly #keeper: SealKeeper;

  /**
   * @param isQuery whether it is the driver's own Query, or reads several results as that does
   */
  constructor(inner: PgSubmittable, ticket: Ticket, keeper: SealKeeper, isQuery: boolean) {
    this.#inner = inner;
    this.ticket = ticket;
    this.#keeper = keeper;
    this.#isQuery = isQuery;
    this.#together = !isQuery && typeof inner.handlePortalSuspended === "function";
    if (isQuery) sendUnnamed(inner as PgQuery);
    // A QueryStream keeps its text on the cursor inside.
    this.#watchClose();
    this.text = inner.text ?? (inner as { cursor?: { text?: unknown } }).cursor?.text;
  }

  submit(connection: PgConnection): Error | null | undefined | void {
    const verdict = this.#keeper.admit(this.ticket, this.text);
    if (verdict instanceof Error) return verdict;
    if (this.#isClosed) return this.#conclude(connection);
    if (verdict === undefined) return this.#inner.submit(connection);
    this.#sealing = true;
    if (!this.#together) {
      connection.stream.write(verdict);
      connection.flush();
      return null;
    }
    connection.stream.cork?.();
    try {
      connection.stream.write(verdict);
      return this.#inner.submit(connection);
    } finally {
      connection.stream.uncork?.();
    }
  }

  // Closed before it began: nothing is left but to end the transaction.
  #conclude(connection: PgConnection): null {
    this.#completed = true;
    connection.sync();
    return null;
  }

  // A cursor that is closed before it was submitted sends nothing, so it must not be submitted later.
  #watchClose(): void {
    const closing = ((this.#inner as { cursor?: object }).cursor ?? this.#inner) as {
      close?: (...args: unknown[]) => unknown;
    };
    const close = closing.close;
    if (typeof close !== "function") return;
    closing.close = (...args) => {
      this.#isClosed = true;
      return close.apply(closing, args);
    };
  }

  handleCommandComplete(message: PgMessage, connection: PgConnection): void {
    if (this.#sealing) {
      this.#sealing = false;
      this.#keeper.sealed();
      if (this.#together) return;
      if (this.#isClosed) this.#conclude(connection);
      else this.#begin(connection);
    } else if (this.#prefix > 0) {
      this.#prefix -= 1;
    } else {
      this.#keeper.observe(message.text ?? "", this.ticket, this.text);
      if (this.#completed) return;
      this.#completed = !this.#isQuery;
      this.#inner.handleCommandComplete?.(message, connection);
    }
  }

  // Cursors speak the extended protocol and end their own transaction; what is sent as a simple query needs help.
  #begin(connection: PgConnection): void {
    const send = connection.query;
    connection.query = (text) => {
      if (!this.#isQuery) return send(text + SUFFIX);
      this.#prefixed = true;
      this.#prefix = PREFIX_STATEMENTS;
      send(PREFIX + text);
    };
    let refused: Error | null | undefined | void;
    try {
      refused = this.#inner.submit(connection);
    } finally {
      connection.query = send;
    }
    if (refused instanceof Error) {
      this.#inner.handleError(refused, connection);
      connection.sync();
    }
  }

  // True while what the server answers is not for the inner object.
  get #isOurs(): boolean {
    return this.#sealing || this.#prefix > 0 || this.#completed;
  }

  handleError(error: Error, connection: PgConnection): void {
    if (this.#sealing) {
      this.#sealing = false;
      this.#keeper.sealRefused(error);
      // An inner object that was never submitted will not send the Sync that ends the server's skipping.
      if (!this.#together && isServerError(error)) connection.sync();
      this.#inner.handleError(sealError(error), connection);
      return;
    }
    if (this.#prefixed) withoutPrefix(error);
    this.#inner.handleError(wallError(error, this.ticket, this.text), connection);
  }

  handleDataRow(message: PgMessage): void {
    if (!this.#isOurs) this.#inner.handleDataRow?.(message);
  }

  handleRowDescription(message: PgMessage): void {
    if (!this.#isOurs) this.#inner.handleRowDescription?.(message);
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
