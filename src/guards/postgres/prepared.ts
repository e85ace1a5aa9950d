import { randomBytes } from "node:crypto";
import { sealStatement, type SealStatement } from "./seal.js";

/** How many of the statements it sees first a connection remembers, to know them the second time. */
const MOST_SEEN = 1000;
/** A longer text is not worth keeping twice. */
const LONGEST_TEXT = 10_000;

/** A name for a statement: not guessable, and independent of any other, so that one that became known tells no more. */
export const secretName = () => randomBytes(16).toString("base64url");

/**
 * The statements that are prepared on one connection, each under a name that only the guard knows: tenant SQL can
 * replace a prepared statement whose name it knows, and the next tenant's Bind would run what it put there.
 */
export class PreparedStatements {
  readonly #most: number;
  // By text, the longest unused first.
  readonly #names = new Map<string, string>();
  readonly #seen = new Set<string>();
  #dropped: string[] = [];
  #seal: { readonly name: string; send: SealStatement; isParsed: boolean } | undefined;
  #isSealing = false;

  /**
   * @param most how many are kept; the longest unused makes room for the next
   */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * The name to send a text under, or nothing where it goes unnamed. A text is kept from the second time on, so that
   * one with its values written into it costs nothing; at once where the caller asked for it.
   */
  nameOf(text: string, atOnce: boolean): string | undefined {
    const known = this.#names.get(text);
    if (known !== undefined) {
      this.#names.delete(text);
      this.#names.set(text, known);
      return known;
    }
    if (text.length > LONGEST_TEXT) return undefined;
    if (!atOnce && !this.#seen.delete(text)) {
      if (this.#seen.size >= MOST_SEEN) this.#seen.clear();
      this.#seen.add(text);
      return undefined;
    }
    if (this.#names.size >= this.#most) {
      const [oldest] = this.#names.keys();
      if (oldest !== undefined) this.drop(oldest);
    }
    const name = secretName();
    this.#names.set(text, name);
    return name;
  }

  /** Forgets a text; what the server holds under its name is to be closed. */
  drop(text: string): void {
    const name = this.#names.get(text);
    if (name === undefined) return;
    this.#names.delete(text);
    this.#dropped.push(name);
  }

  /** Forgets every text, as where one DEALLOCATE may have taken them all. */
  dropAll(): void {
    for (const text of this.#names.keys()) this.drop(text);
  }

  /** The bytes that seal a transaction, in a statement of this connection's own. */
  seal(secret: Buffer): Buffer {
    if (this.#seal === undefined) {
      const name = secretName();
      this.#seal = { name, send: sealStatement(name, false), isParsed: false };
    }
    this.#isSealing = true;
    return this.#seal.send(secret);
  }

  /** The seal was accepted, so its statement is there. */
  sealed(): void {
    if (!this.#isSealing) return;
    this.#isSealing = false;
    if (this.#seal === undefined || this.#seal.isParsed) return;
    this.#seal.isParsed = true;
    this.#seal.send = sealStatement(this.#seal.name, true);
  }

  /** The seal was refused; whether its statement is there is not known. Returns the name it had, if it had one. */
  dropSeal(): string | undefined {
    if (!this.#isSealing || this.#seal === undefined) return undefined;
    this.#isSealing = false;
    const { name } = this.#seal;
    this.#dropped.push(name);
    this.#seal = undefined;
    return name;
  }

  /** The names to be closed on the server since this was last asked. */
  takeDropped(): readonly string[] {
    if (this.#dropped.length === 0) return this.#dropped;
    const dropped = this.#dropped;
    this.#dropped = [];
    return dropped;
  }

  /** The server holds nothing any more; what it held is kept again as soon as it is sent. */
  clear(): void {
    for (const text of this.#names.keys()) this.#seen.add(text);
    this.#names.clear();
    this.#dropped = [];
    this.#seal = undefined;
  }
}
