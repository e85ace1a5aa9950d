import { EventEmitter } from "node:events";
import * as backend from "./backend.js";
import type { Errand, WireDesk, WireSession } from "./errand.js";
import { Exchange } from "./exchange.js";
import {
  asksForReplication,
  FrontendReader,
  namesStatement,
  textOfMessage,
  withText,
  type FrontendMessage,
} from "./frontend.js";
import { Loan } from "./loan.js";
import type { Permit } from "./permits.js";
import { cancelled, lost, namedStatement, refusal, replication, unexpected } from "./refusal.js";

// What is true of every guarded connection.
const PARAMETERS = {
  client_encoding: "UTF8",
  DateStyle: "ISO, MDY",
  integer_datetimes: "on",
  standard_conforming_strings: "on",
};
// What ends a transaction, as the whole of a text.
const ENDS =
  /^\s*(?:commit|end|rollback|abort|prepare\s+transaction)\b(?!\s+(?:work\s+|transaction\s+)?to\b)/i;
const ROLLS_BACK = /^\s*(?:rollback|abort)\b/i;
const CANCEL_AGAIN_MS = 250;
const COPY = new Set(["d", "c", "f"]);
// What a driver may yet have sent when it hears that its statement failed.
const PASSED_OVER = new Set(["H", ...COPY]);

/**
 * A socket of this process on which a driver speaks PostgreSQL's protocol. There is no server behind it: each statement
 * goes out under the permit it was issued with, on a guarded connection borrowed for it, and a transaction keeps the one
 * it began on. It is no stream, so that what it tells is told in the scope of the statement that it answers.
 */
export class WireSocket extends EventEmitter {
  readyState: "open" | "closed" = "open";
  readonly #desk: WireDesk;
  readonly #reader = new FrontendReader();
  #waiting: FrontendMessage[] = [];
  #isPumping = false;
  #hasStarted = false;
  // Up to the next Sync nothing is heard.
  #isSkipping = false;
  #current: Current | undefined;
  // Of the transaction that is open.
  #loan: Loan | undefined;
  #opener: Errand | undefined;
  // Whose reservation the driver's connection was last used for.
  #session: WireSession | undefined;
  // Of the transaction, as the driver was told it.
  #status: "I" | "T" | "E" = "I";
  // The transaction is gone with its connection, and its end was not asked for yet.
  #isLost = false;
  // Why the driver could not be started.
  #failure: Error | undefined;

  constructor(desk: WireDesk) {
    super();
    this.#desk = desk;
  }

  write(chunk: Uint8Array, written?: () => void): boolean {
    for (const message of this.#reader.read(chunk)) {
      const exchange = this.#current?.exchange;
      const isTaken = exchange && (COPY.has(message.type) || !exchange.isComplete);
      if (isTaken && COPY.has(message.type)) exchange.take(message, written);
      else {
        if (isTaken) exchange.take(message);
        else this.#waiting.push(message);
        if (written) process.nextTick(written);
      }
    }
    this.#pump();
    return true;
  }

  end(chunk?: Uint8Array): this {
    if (chunk !== undefined) this.write(chunk);
    return this.destroy();
  }

  destroy(): this {
    if (this.readyState === "closed") return this;
    this.readyState = "closed";
    for (const loan of [this.#current?.loan, this.#loan, this.#session?.loan]) loan?.giveBack(true);
    this.#current = undefined;
    this.#waiting = [];
    process.nextTick(() => this.emit("close"));
    return this;
  }

  /** Holds back what a COPY reads. */
  pause(): this {
    this.#current?.loan?.client.connection.stream.pause?.();
    return this;
  }

  resume(): this {
    this.#current?.loan?.client.connection.stream.resume?.();
    return this;
  }

  // Never at once: the driver is still inside the call that brings its messages.
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    process.nextTick(() => {
      this.#isPumping = false;
      while (this.#current === undefined && this.readyState === "open") {
        const message = this.#waiting.shift();
        if (message === undefined) return;
        this.#hear(message);
      }
    });
  }

  #hear(message: FrontendMessage): void {
    if (!this.#hasStarted) this.#start(message);
    else if (message.type === "X") this.destroy();
    else if (message.type === "S") {
      this.#isSkipping = false;
      this.#tell(backend.readyForQuery(this.#status));
    } else if (this.#isSkipping || PASSED_OVER.has(message.type)) return;
    else if (message.type === "P" || message.type === "Q") this.#begin(message);
    else this.#refuseMessage(message, unexpected());
  }

  #tell(bytes: Buffer): void {
    if (this.readyState === "open") this.emit("data", bytes);
  }

  #start(message: FrontendMessage): void {
    if (asksForReplication(message)) {
      this.#tell(refusal(replication(), undefined));
      this.destroy();
      return;
    }
    this.#hasStarted = true;
    this.#tell(backend.welcome(PARAMETERS));
  }

  #begin(message: FrontendMessage): void {
    let errand: Errand;
    let text: string;
    try {
      ({ errand, text } = this.#desk.redeem(textOfMessage(message), this.#opener));
    } catch (error) {
      return this.#refuseMessage(message, error as Error);
    }
    if (namesStatement(message)) return this.#refuseMessage(message, namedStatement(), errand);
    const exchange = new Exchange(text, message.type === "Q", {
      replied: (bytes) => errand.permit.inScope(() => this.#tell(bytes)),
      failed: (error) => this.#failed(current, error),
      ended: () => this.#conclude(current),
    });
    const current: Current = { exchange, errand, since: Date.now() };
    this.#current = current;
    if (errand.session !== undefined) errand.session.isBusy = true;
    errand.cancel = () => this.#cancel(current);
    exchange.take(withText(message, text));
    while (!exchange.isComplete && this.#waiting.length > 0) {
      exchange.take(this.#waiting.shift() as FrontendMessage);
    }
    if (this.#failure !== undefined) this.#refuse(current, this.#failure);
    else if (this.#isLost) this.#refuseLost(current);
    else if (errand.isCancelled === true) this.#refuse(current, cancelled());
    else this.#send(current, errand.permit);
  }

  // A server that has not begun on a statement passes over the request, so it is made until the statement has ended.
  #cancel(current: Current): void {
    if (this.#current !== current) return;
    if (current.loan !== undefined) current.errand.permit.cancel(current.loan.client);
    setTimeout(() => this.#cancel(current), CANCEL_AGAIN_MS).unref();
  }

  #refuseMessage(message: FrontendMessage, error: Error, errand?: Errand): void {
    this.#tell(refusal(error, errand));
    // The driver does not end a transaction whose very end was refused.
    this.#loan?.giveBack(true);
    this.#loan = undefined;
    this.#status = "I";
    if (message.type === "Q") this.#tell(backend.readyForQuery(this.#status));
    else this.#isSkipping = true;
  }

  #send(current: Current, permit: Permit): void {
    const kept = current.errand.session?.loan ?? this.#loan;
    if (kept !== undefined) return this.#sendOn(current, kept, permit);
    permit.lend((error, client, release) => {
      if (client === undefined || release === undefined) {
        return this.#failed(current, error ?? new Error("the pool gave no connection"), permit);
      }
      const loan = new Loan(client, release);
      if (this.#current !== current || this.readyState === "closed") return loan.giveBack();
      if (current.errand.isCancelled === true) {
        loan.giveBack();
        return this.#refuse(current, cancelled());
      }
      current.isFresh = true;
      this.#sendOn(current, loan, permit);
    });
  }

  #sendOn(current: Current, loan: Loan, permit: Permit): void {
    current.loan = loan;
    current.wasOpen = loan.status !== "I";
    loan.onNotice = (notice) => permit.inScope(() => this.#tell(backend.complaint("N", notice)));
    permit.send(loan.client, current.exchange);
  }

  #failed(current: Current, error: Error, permit = current.errand.permit): void {
    if (this.#current !== current) return;
    permit.tell(error, (told) => {
      const { exchange, since } = current;
      const isRepeatable = exchange.isRepeatable && (current.isFresh === true || !current.loan);
      const refused = { text: exchange.text, since };
      let isQuiet = false;
      let next: { readonly permit: Permit | undefined } | undefined;
      const repeat = () => {
        if (!isQuiet || next === undefined || this.#current !== current) return;
        if (next.permit === undefined) this.#refuse(current, told);
        else this.#send(current, next.permit);
      };
      const again = (found?: Permit) => {
        next = { permit: found };
        repeat();
      };
      if (!isRepeatable || !permit.displaced(told, refused, again)) {
        return this.#refuse(current, told);
      }
      const { loan } = current;
      exchange.leave();
      current.loan = undefined;
      const quiet = () => {
        loan?.giveBack();
        isQuiet = true;
        repeat();
      };
      if (loan === undefined) quiet();
      else loan.whenQuiet(quiet);
    });
  }

  // Tells the driver, which may yet have to send what ends the exchange.
  #refuse(current: Current, error: Error): void {
    const { exchange, errand } = current;
    errand.permit.inScope(() => {
      if (errand.isStartUp === true) {
        this.#failure = error;
        this.#tell(backend.commandComplete("SELECT 0"));
      } else this.#tell(refusal(error, errand));
    });
    exchange.whenComplete(() => {
      if (current.loan === undefined) this.#conclude(current);
      else current.loan.whenQuiet(() => this.#conclude(current));
    });
  }

  // Drivers do not bear the loss of a connection that they have reserved, so they are told that the transaction failed.
  #refuseLost(current: Current): void {
    const isEnd = ENDS.test(current.exchange.text);
    if (isEnd) this.#isLost = false;
    if (isEnd) this.#status = "I";
    if (!isEnd || !ROLLS_BACK.test(current.exchange.text)) return this.#refuse(current, lost());
    current.errand.permit.inScope(() => this.#tell(backend.commandComplete("ROLLBACK")));
    current.exchange.whenComplete(() => this.#conclude(current));
  }

  #lose(): void {
    this.#loan?.giveBack(true);
    this.#loan = undefined;
    if (this.#opener?.isReserved !== true) return void this.destroy();
    this.#isLost = true;
    this.#status = "E";
  }

  #conclude(current: Current): void {
    if (this.#current !== current) return;
    const { exchange, errand, loan } = current;
    this.#current = undefined;
    errand.cancel = undefined;
    exchange.leave();
    // What was paused for a COPY must not stay so for the next borrower.
    loan?.client.connection.stream.resume?.();
    const wasLost = loan?.isDead === true && current.wasOpen === true;
    if (loan !== undefined) this.#keep(current, loan);
    // What follows must not be sent outside the transaction that the caller believes to be in.
    if (wasLost) this.#lose();
    if (errand.session !== undefined) errand.session.isBusy = false;
    errand.permit.inScope(() => this.#tell(backend.readyForQuery(this.#status)));
    // What the caller does on hearing that may have begun another.
    if (errand.session?.isBusy === false) errand.session.onIdle?.();
    if (this.#failure !== undefined) this.#closeWhenIdle();
    this.#pump();
  }

  // The connection stays with the transaction that is open on it, and with the session that it was borrowed for.
  #keep(current: Current, loan: Loan): void {
    const { errand, wasOpen } = current;
    const isOpen = loan.status !== "I";
    const mayStay = wasOpen === true || errand.mayBegin;
    if (isOpen && wasOpen !== true) this.#opener = errand;
    this.#status = isOpen && mayStay ? loan.status : "I";
    this.#loan = undefined;
    loan.onNotice = undefined;
    if (errand.session !== undefined && errand.session.isReleased !== true) {
      this.#session = errand.session;
      this.#session.loan = loan.isDead ? undefined : loan;
      if (!loan.isDead) return;
    }
    if (isOpen && mayStay) {
      this.#loan = loan;
      loan.onLost = () => {
        if (this.#current === undefined) this.#lose();
      };
      return;
    }
    loan.onLost = undefined;
    // What cancels may still be on its way, and must not hit whoever is next.
    loan.giveBack(isOpen || errand.isCancelled);
  }

  // The driver does not ask again what it asks at the start, so it has to connect again.
  #closeWhenIdle(): void {
    setTimeout(() => {
      if (this.#current === undefined && this.#waiting.length === 0) this.destroy();
    }, 0).unref();
  }
}

interface Current {
  readonly exchange: Exchange;
  readonly errand: Errand;
  /** When it was first sent, in milliseconds since 1970. */
  readonly since: number;
  loan?: Loan | undefined;
  /** Whether the loan was made for it. */
  isFresh?: boolean;
  /** Whether a transaction was open on the loan before. */
  wasOpen?: boolean;
}
