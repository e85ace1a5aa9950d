import type { PgConnection, PgMessage, PgSubmittable } from "../driver.js";
import { isCopy } from "../statement.js";
import { traitsOf } from "../traits.js";
import * as backend from "./backend.js";
import { extendedQuery, type FrontendMessage } from "./frontend.js";

/** What becomes of an exchange. */
export interface ExchangeEvents {
  /** The server answered. */
  replied(bytes: Buffer): void;
  /** It was refused, by the guard or the server. */
  failed(error: Error): void;
  /** The server has answered all of it and is ready for another. */
  ended(): void;
}

type Listener = (message: never) => void;

/**
 * One statement as a driver sends it, from its Parse or Query to what answers its Sync, on a connection of `pg`. The
 * messages pass as they are; a simple query of one statement is sent in the extended protocol, so that the seal needs no
 * round trip of its own.
 */
export class Exchange implements PgSubmittable {
  readonly text: string;
  readonly readsSeveral: boolean;
  readonly #events: ExchangeEvents;
  readonly #isSimple: boolean;
  // What the server got or is to get; kept until it answers, for it may have to be sent again.
  #taken: FrontendMessage[] = [];
  #isComplete = false;
  #hasReplied = false;
  #isBound = false;
  // Rows that came in one piece are told in one.
  #rows: Buffer[] = [];
  #connection: PgConnection | undefined;
  #whenComplete: (() => void) | undefined;
  readonly #listeners: readonly (readonly [event: string, listener: Listener])[] = [
    [
      "parameterDescription",
      (message: { readonly dataTypeIDs: number[] }) =>
        this.#reply(backend.parameterDescription(message.dataTypeIDs)),
    ],
    ["noData", () => this.#isSimple || this.#reply(backend.noData)],
    ["closeComplete", () => this.#reply(backend.closeComplete)],
    ["copyOutResponse", () => this.#reply(backend.copyResponse("out"))],
    ["copyDone", () => this.#reply(backend.copyDone)],
  ];

  constructor(text: string, isSimple: boolean, events: ExchangeEvents) {
    this.text = text;
    this.#isSimple = isSimple;
    this.#events = events;
    this.readsSeveral = isSimple && (traitsOf(text).mayBeSeveral || isCopy(text));
  }

  /** Whether it is still to be told what ends it. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Whether the server has answered nothing of it yet, so that it can be sent again. */
  get isRepeatable(): boolean {
    return !this.#hasReplied;
  }

  /** Takes the driver's next message. */
  take(message: FrontendMessage, written?: () => void): void {
    if (!this.#hasReplied) this.#taken.push(message);
    if (message.type === "S" || message.type === "Q") this.#isComplete = true;
    if (this.#connection !== undefined) this.#forward(this.#connection, message, written);
    else if (written !== undefined) process.nextTick(written);
    if (this.#isComplete && this.#whenComplete !== undefined) {
      // Not at once: a driver that hears that it may send more while it still sends this loses what it sends.
      process.nextTick(this.#whenComplete);
      this.#whenComplete = undefined;
    }
  }

  /** Calls back when the driver has sent the last of it. */
  whenComplete(done: () => void): void {
    if (this.#isComplete) done();
    else this.#whenComplete = done;
  }

  submit(connection: PgConnection): null {
    this.#connection = connection;
    for (const [event, listener] of this.#listeners) connection.on(event, listener);
    connection.stream.cork?.();
    try {
      for (const message of this.#taken) this.#forward(connection, message);
    } finally {
      connection.stream.uncork?.();
    }
    return null;
  }

  /** Leaves the connection it was sent on, in a state in which the server answers to others. */
  leave(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    for (const [event, listener] of this.#listeners) connection.removeListener(event, listener);
    // After an error the server passes over everything up to a Sync.
    if (!this.#isComplete) connection.sync();
  }

  #forward(connection: PgConnection, { type, bytes }: FrontendMessage, written?: () => void): void {
    if (type === "S") connection.sync();
    else if (type !== "Q") connection.stream.write(bytes, written);
    else if (this.readsSeveral) connection.query(this.text);
    else {
      connection.stream.write(extendedQuery(this.text));
      connection.sync();
    }
  }

  #reply(bytes: Buffer): void {
    this.#flush();
    this.#hasReplied = true;
    this.#taken = [];
    this.#events.replied(bytes);
  }

  #flush(): void {
    if (this.#rows.length === 0) return;
    const rows = Buffer.concat(this.#rows);
    this.#rows = [];
    this.#events.replied(rows);
  }

  // What only a bound portal answers.
  #answer(bytes: Buffer): void {
    if (!this.#isBound && !this.#isSimple) this.#reply(backend.bindComplete);
    this.#isBound = true;
    this.#reply(bytes);
  }

  handleRowDescription(message: PgMessage): void {
    const { fields } = message as { readonly fields?: readonly backend.ColumnDescription[] };
    this.#reply(backend.rowDescription(fields ?? []));
  }

  handleDataRow(message: PgMessage): void {
    const { fields } = message as { readonly fields?: readonly (string | null)[] };
    if (!this.#isBound && !this.#isSimple) this.#reply(backend.bindComplete);
    this.#isBound = true;
    if (this.#rows.length === 0) queueMicrotask(() => this.#flush());
    this.#rows.push(backend.dataRow(fields ?? []));
  }

  handlePortalSuspended(): void {
    this.#answer(backend.portalSuspended);
  }

  handleEmptyQuery(): void {
    this.#answer(backend.emptyQuery);
  }

  handleCommandComplete(message: PgMessage): void {
    this.#answer(backend.commandComplete(message.text ?? ""));
  }

  handleCopyInResponse(): void {
    this.#reply(backend.copyResponse("in"));
  }

  handleCopyData(message: PgMessage): void {
    const { chunk } = message as { readonly chunk?: Uint8Array };
    this.#reply(backend.copyData(chunk ?? Buffer.alloc(0)));
  }

  handleError(error: Error): void {
    this.#flush();
    this.#events.failed(error);
  }

  handleReadyForQuery(): void {
    this.#events.ended();
  }
}
