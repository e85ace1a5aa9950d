import { randomBytes } from "node:crypto";
import { PartywallError } from "../../errors.js";

/** Texts that are on their way through somebody's client, to be seen by the guard if it is in that way. */
export class WiringProofs {
  readonly #expected = new Map<string, { seen: boolean }>();

  /** Notes a text that reached the guard. */
  note(text: unknown): void {
    if (this.#expected.size === 0 || typeof text !== "string") return;
    for (const [mark, proof] of this.#expected) if (text.includes(mark)) proof.seen = true;
  }

  /** Whether a text is exactly one of them, and so may be sent outside any scope. */
  holds(text: string): boolean {
    const [, mark] = /^select '([\da-f]{32})' as wiring;?$/.exec(text) ?? [];
    return mark !== undefined && this.#expected.has(mark);
  }

  /** Has a text sent and throws `PW_GUARD_BYPASSED` where it did not come by. */
  async prove(send: (text: string) => PromiseLike<unknown>): Promise<void> {
    const mark = randomBytes(16).toString("hex");
    const proof = { seen: false };
    this.#expected.set(mark, proof);
    let cause: unknown;
    try {
      await send(`select '${mark}' as wiring`);
    } catch (error) {
      if (proof.seen) throw error;
      cause = error;
    } finally {
      this.#expected.delete(mark);
    }
    if (proof.seen) return;
    throw new PartywallError(
      "PW_GUARD_BYPASSED",
      "A statement sent through this client did not pass the guard, so no tenant would be put on any of its statements. The client was not given the guard's pool or driver, opened a pool of its own, or loads another copy of pg (npm ls pg). See its page under docs/adapters.",
      cause === undefined ? undefined : { cause },
    );
  }
}
