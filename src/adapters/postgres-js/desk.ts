import { randomUUID } from "node:crypto";
import { PartywallError } from "../../errors.js";
import { ARRAY_TYPES } from "../../guards/postgres/chatter.js";
import type { Permit, Permits } from "../../guards/postgres/wire/permits.js";
import type { Errand, WireDesk } from "../../guards/postgres/wire/errand.js";
import { outside } from "../../scope/outside.js";

const MARK_LENGTH = `/*${randomUUID()}*/`.length;
// What `sql.begin` sends by itself, in the transaction that it began.
const CONTROL =
  /^(?:commit|rollback|savepoint "[^"]+"|rollback to "[^"]+"|prepare transaction '[^']*')$/;
const MOST_REFUSALS = 100;

/**
 * Where issued statements are found again when they come by on the wire: postgres.js sends a statement when a connection
 * is free, in anybody's scope, so each carries a mark that nobody can guess and that is good once.
 */
export class Desk implements WireDesk {
  readonly #permits: Permits;
  readonly #issued = new Map<string, Errand>();
  readonly #refusals = new Map<string, Error>();

  constructor(permits: Permits) {
    this.#permits = permits;
  }

  /** What goes before the text of a statement that is about to be sent. */
  mark(errand: Errand): string {
    const mark = `/*${randomUUID()}*/`;
    this.#issued.set(mark, errand);
    return mark;
  }

  redeem(text: string, opener: Errand | undefined): { text: string; errand: Errand } {
    const mark = text.slice(0, MARK_LENGTH);
    const issued = this.#issued.get(mark);
    if (issued !== undefined) {
      this.#issued.delete(mark);
      return { text: text.slice(MARK_LENGTH), errand: issued };
    }
    if (text.replace(/\s+/g, " ").trim() === ARRAY_TYPES) {
      return { text: ARRAY_TYPES, errand: this.#startUp() };
    }
    if (opener !== undefined && CONTROL.test(text)) {
      const refuse = (error: Error) => this.#keep(error);
      return { text, errand: { permit: opener.permit, isReserved: true, mayBegin: true, refuse } };
    }
    throw new PartywallError(
      "PW_STATEMENT_REFUSED",
      "A statement came to the connection that was not issued through the guarded `sql`, so nothing was sent. Use what guardPostgresJs() returned; LISTEN and replication are not given.",
    );
  }

  /** The Partywall error that a server's error stands for; the error itself where it stands for none. */
  told(error: unknown): unknown {
    const mark = (error as { readonly routine?: unknown } | null)?.routine;
    const refusal = typeof mark === "string" ? this.#refusals.get(mark) : undefined;
    if (refusal === undefined) return error;
    this.#refusals.delete(String(mark));
    return refusal;
  }

  #keep(error: Error): string | undefined {
    if (!(error instanceof PartywallError)) return undefined;
    const [oldest] = this.#refusals.keys();
    if (this.#refusals.size >= MOST_REFUSALS && oldest !== undefined) this.#refusals.delete(oldest);
    const mark = randomUUID();
    this.#refusals.set(mark, error);
    return mark;
  }

  // Asked in nobody's scope: the answer is for all whose statements the connection will carry.
  #startUp(): Errand {
    let permit: Permit;
    try {
      permit = outside(() => this.#permits.issue(ARRAY_TYPES));
    } catch (error) {
      permit = refusing(error as Error);
    }
    return { permit, isReserved: false, mayBegin: false, isStartUp: true, refuse: () => undefined };
  }
}

/** The permit of a statement that none may send. */
function refusing(error: Error): Permit {
  return {
    inScope: (fn) => fn(),
    lend: (done) => done(error),
    send: () => undefined,
    cancel: () => undefined,
    tell: (told, done) => done(told),
    displaced: () => false,
  };
}
