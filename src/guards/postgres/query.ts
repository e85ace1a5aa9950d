import { PartywallError } from "../../errors.js";
import type { PgConnection, PgInternals, PgMessage, PgQuery } from "./driver.js";
import { isNameError, isServerError, sealError, wallError, withoutName } from "./refusals.js";
import { PREFIX, PREFIX_STATEMENTS, withoutPrefix } from "./several-statements.js";
import type { Ticket } from "./ticket.js";
import { traitsOf } from "./traits.js";

/** What a query asks of the guarded connection it runs on. */
export interface SealKeeper {
  /** Decides at the moment of sending: an error, the bytes to send first, or nothing to add. */
  admit(ticket: Ticket, text: unknown): PartywallError | Buffer | undefined;
  /** The seal was accepted. */
  sealed(): void;
  /** The seal was refused, with this error. */
  sealRefused(error: Error): void;
  /** The server passed over a simple query, which it will therefore not answer. */
  skipped(): void;
  /** The name to send a text under; `atOnce` where the caller gave it one. Nothing where it goes unnamed. */
  nameFor(text: string, atOnce: boolean): string | undefined;
  /** Closes on the server what is no longer kept; goes before whatever is sent next. */
  closeDropped(connection: PgConnection): void;
  /** What is kept under a text's name is gone, or no longer fits. */
  dropName(text: string): void;
  /** Sends a query again that the server refused before it began; false in a transaction, which has failed with it. */
  repeat(query: TicketedQuery): boolean;
  /** A statement of the caller's ended with this tag. */
  observe(tag: string, ticket: Ticket, text: unknown): void;
}

/** A query of the caller's that knows its ticket. */
export interface TicketedQuery extends PgQuery {
  ticket: Ticket;
  keeper: SealKeeper;
  timedOut: boolean;
}

type QueryClass = new (config: unknown, values?: unknown, callback?: unknown) => TicketedQuery;

/** The caller's own Query class with the seal sent before its first message, in the same write and the same Sync. */
export function sealedQueryClass(pg: PgInternals): QueryClass {
  class SealedQuery extends pg.Query {
    override ticket!: Ticket;
    keeper!: SealKeeper;
    timedOut = false;
    #seal: Buffer | undefined;
    #sealing = false;
    #preparing = false;
    #swallow = 0;
    #prefixed = false;
    #name: string | undefined;
    readonly #isNamed: boolean;
    #isAnswered = false;
    #isRepeated = false;

    constructor(config: unknown, values?: unknown, callback?: unknown) {
      super(config, values, callback);
      // The caller's own name is never sent: tenant SQL can replace a named statement, and the next tenant's Bind
      // would run it.
      this.#isNamed = Boolean((config as { name?: string } | null)?.name);
      if (this.#isNamed) this.queryMode = "extended";
    }

    override submit(connection: PgConnection): Error | null | undefined | void {
      const verdict = this.keeper.admit(this.ticket, this.text);
      if (verdict instanceof Error) return verdict;
      this.#seal = undefined;
      const valid = typeof this.text === "string" && (!this.values || Array.isArray(this.values));
      this.#name = valid ? this.keeper.nameFor(this.text, this.#isNamed) : undefined;
      if (verdict === undefined || !valid) return super.submit(connection);
      this.#seal = verdict;
      if (this.requiresPreparation()) return super.submit(connection);
      return this.#submitSeveral(connection, verdict);
    }

    #submitSeveral(connection: PgConnection, seal: Buffer): Error | null | undefined | void {
      const { stream } = connection;
      stream.cork?.();
      try {
        this.#sealing = true;
        this.#swallow = PREFIX_STATEMENTS;
        this.#prefixed = true;
        stream.write(seal);
        connection.query(PREFIX + this.text);
        return null;
      } finally {
        stream.uncork?.();
      }
    }

    // True while what the server answers is not yet the caller's.
    get #ours(): boolean {
      return this.#sealing || this.#swallow > 0;
    }

    override handleRowDescription(message: PgMessage): void {
      if (this.#ours) return;
      this.#isAnswered = true;
      super.handleRowDescription?.(message);
    }

    override requiresPreparation(): boolean {
      return (
        (this.#seal !== undefined && !traitsOf(this.text).mayBeSeveral) ||
        super.requiresPreparation()
      );
    }

    override prepare(connection: PgConnection): void {
      this.keeper.closeDropped(connection);
      if (this.#seal === undefined) return super.prepare(connection);
      this.#sealing = true;
      connection.stream.write(this.#seal);
      this.#preparing = true;
      try {
        super.prepare(connection);
      } finally {
        this.#preparing = false;
      }
    }

    override handleDataRow(message: PgMessage): void {
      if (!this.#ours) super.handleDataRow(message);
    }

    override handleCommandComplete(message: PgMessage, connection: PgConnection): void {
      if (this.#sealing) {
        this.#sealing = false;
        this.keeper.sealed();
        return;
      }
      if (this.#swallow > 0) {
        this.#swallow -= 1;
        return;
      }
      this.keeper.observe(message.text ?? "", this.ticket, this.text);
      super.handleCommandComplete(message, connection);
    }

    override handleError(error: Error, connection: PgConnection): void {
      // A value that could not be serialised fails inside prepare(), while the seal's answer is still to come.
      if (this.#preparing) {
        // The driver has closed the statement with it.
        if (this.#name !== undefined) this.keeper.dropName(this.text);
        return super.handleError(error, connection);
      }
      let told = error;
      if (this.#sealing) {
        this.#sealing = false;
        if (this.#name !== undefined) delete connection.submittedNamedStatements[this.#name];
        this.keeper.sealRefused(error);
        // The seal's statement is gone; the caller's is not to blame.
        if (this.#swallow === 0 && isNameError(error) && this.#repeat()) return;
        // The server skips everything up to a Sync after a failed seal; a simple query brings none of its own.
        if (this.#swallow > 0 && isServerError(error)) {
          this.keeper.skipped();
          connection.sync();
        }
        told = sealError(error);
      } else {
        if (this.#name !== undefined && this.#isStale(error, this.#name)) return;
        told = wallError(error, this.ticket, this.text);
        if (this.#prefixed) withoutPrefix(error);
      }
      if (this.timedOut && isServerError(error) && error.code === "57014") {
        told = new PartywallError(
          "PW_QUERY_TIMEOUT",
          "The statement ran longer than query_timeout and was cancelled on the server.",
          { cause: error },
        );
      }
      super.handleError(told, connection);
    }

    // True where the statement is sent again instead of failing for a name that the caller never gave it.
    #isStale(error: Error, name: string): boolean {
      withoutName(error, name);
      if (!isNameError(error)) return false;
      this.keeper.dropName(this.text);
      return this.#repeat();
    }

    #repeat(): boolean {
      if (this.#isRepeated || this.#isAnswered || this.timedOut) return false;
      this.#isRepeated = true;
      return this.keeper.repeat(this);
    }

    static {
      // The driver reads `name` when any Parse is answered; while that is the seal's, the query has none.
      Object.defineProperty(this.prototype, "name", {
        configurable: true,
        get(this: SealedQuery) {
          return this.#sealing && !this.#preparing ? undefined : this.#name;
        },
        set(this: SealedQuery, name: string | undefined) {
          if (#name in this) this.#name = name;
        },
      });
    }
  }
  return SealedQuery;
}
