import type { PgMessage } from "./driver.js";
import { leavesNothing } from "./statement.js";
import type { Ticket } from "./ticket.js";
import { traitsOf } from "./traits.js";

/** Reported by the server from PostgreSQL 18 on. */
const PATH = "search_path";

/**
 * What the guard knows of one server session: whose transaction is open, whether it is sealed, and what statements
 * may have left behind. What the server says decides; the text of a statement only ever adds caution.
 */
export class Session {
  #status: "I" | "T" | "E" = "I";
  #owner: string | undefined;
  #sealed = false;
  #running: Ticket | undefined;
  #last: string | undefined;
  #touched = false;
  #locallySet = false;
  readonly #reported = new Map<string, string>();
  // By name, the value as it is now.
  readonly #moved = new Map<string, string>();
  // What was last reported of the search_path while a tenant with a schema of its own had the connection.
  #path: string | undefined;

  /** Whether no transaction is open. */
  get isIdle(): boolean {
    return this.#status === "I";
  }

  /** Who owns the open transaction. */
  get owner(): string | undefined {
    return this.#owner;
  }

  /** The ticket of what was sent last. */
  get running(): Ticket | undefined {
    return this.#running;
  }

  /** Whether something may be left that must be cleared. */
  get isTouched(): boolean {
    return this.#touched || this.#moved.size > 0;
  }

  /**
   * Whether a statement means here what it means on any fresh connection. Settings change how a text is read, so one
   * prepared under a tenant's would keep that meaning for the next.
   */
  get isPlain(): boolean {
    return !this.isTouched && !this.#locallySet && this.#status !== "E";
  }

  /** Whether an open transaction belongs to another than the ticket's holder. */
  isOthers(ticket: Ticket): boolean {
    return !this.isIdle && this.#owner !== undefined && this.#owner !== ticket.holder;
  }

  /** Whether another's statement ran last. */
  isLastAnothers(ticket: Ticket): boolean {
    return this.#last !== undefined && this.#last !== ticket.holder;
  }

  /** Notes what is sent now; returns whether the seal must go first. */
  send(ticket: Ticket, text: unknown, pipelined: boolean): boolean {
    this.#running = ticket;
    this.#last = ticket.holder;
    // Noted when it is sent: a statement that fails or is cut short tells nothing at its end.
    const traits = typeof text === "string" ? traitsOf(text) : undefined;
    if (ticket.kind !== "reset" && traits?.mayTouchSession !== false) this.#touched = true;
    if (traits?.isLocalSetting === true) this.#locallySet = true;
    if (ticket.seal === undefined) return false;
    if (traits?.isControl === true) {
      // ROLLBACK TO goes back to what was set at the savepoint, so the seal must be there before it.
      return this.#status === "T" && !this.#sealed && traits.isSavepoint;
    }
    // In a pipeline the server's state is behind what was sent; sealing again is harmless, leaving it out is not.
    if (pipelined) return true;
    return !(this.#status === "E" || (this.#status === "T" && this.#sealed));
  }

  /** The server accepted the seal. */
  sealed(): void {
    this.#sealed = true;
  }

  /** A statement of the caller's ended with this command tag. */
  observe(tag: string, ticket: Ticket, text: unknown): void {
    // With the transaction still open these are ROLLBACK TO or AND CHAIN, which undo the seal.
    if (tag === "ROLLBACK" || tag === "COMMIT") this.#sealed = false;
    if (ticket.kind === "chatter" || ticket.kind === "reset" || leavesNothing(tag)) return;
    if (tag === "SET" && typeof text === "string" && traitsOf(text).isLocalSetting) return;
    this.#touched = true;
  }

  /** The server reported a setting; one that moved is put back before another tenant comes. */
  report({ parameterName: name, parameterValue: value }: PgMessage): void {
    if (name === undefined || value === undefined) return;
    // The seal sets it for its transaction; what counts is what it is afterwards.
    if (name === PATH && this.#running?.schema !== undefined) this.#path = value;
    else this.#note(name, value);
  }

  #note(name: string, value: string): void {
    const first = this.#reported.get(name);
    if (first === undefined) this.#reported.set(name, value);
    else if (first === value) this.#moved.delete(name);
    else this.#moved.set(name, value);
  }

  /** The server is ready for the next statement, in this state of the transaction. */
  ready(status: "I" | "T" | "E"): void {
    this.#status = status;
    if (status !== "T") this.#sealed = false;
    if (status === "I") {
      this.#owner = undefined;
      this.#locallySet = false;
      if (this.#path !== undefined) this.#note(PATH, this.#path);
      this.#path = undefined;
    } else this.#owner ??= this.#running?.holder;
  }

  /** The guard has cleared the session. */
  cleared(): void {
    this.#touched = false;
    // What DISCARD ALL did not put back was not set in the session: a new configuration, a standby that was promoted,
    // a pooler that cleared its connection unheard. Clearing again would not end.
    for (const [name, value] of this.#moved) this.#reported.set(name, value);
    this.#moved.clear();
  }
}
