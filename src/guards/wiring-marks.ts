import { randomBytes } from "node:crypto";
import type { PartywallError } from "../errors.js";

/** Marks that are on their way through somebody's client, each to be seen by the guard if it is in that way. */
export class WiringMarks {
  readonly #expected = new Map<string, { seen: boolean }>();

  /** Those that are on their way. */
  get pending(): Iterable<string> {
    return this.#expected.keys();
  }

  /** Whether there are any. */
  get isPending(): boolean {
    return this.#expected.size > 0;
  }

  /** Whether a mark is one of them. */
  has(mark: string): boolean {
    return this.#expected.has(mark);
  }

  /** Notes that one came by. */
  see(mark: string): void {
    const proof = this.#expected.get(mark);
    if (proof !== undefined) proof.seen = true;
  }

  /** Has a new mark sent; where it did not come by, throws what `bypassed` gives, with why it was not sent as its cause. */
  async prove(
    send: (mark: string) => PromiseLike<unknown>,
    bypassed: () => PartywallError,
  ): Promise<void> {
    const mark = randomBytes(16).toString("hex");
    const proof = { seen: false };
    this.#expected.set(mark, proof);
    let cause: unknown;
    try {
      await send(mark);
    } catch (error) {
      if (proof.seen) throw error;
      cause = error;
    } finally {
      this.#expected.delete(mark);
    }
    if (proof.seen) return;
    const error = bypassed();
    if (cause !== undefined) {
      const value = cause;
      Object.defineProperty(error, "cause", { value, configurable: true, writable: true });
    }
    throw error;
  }
}
