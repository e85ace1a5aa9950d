import { randomBytes } from "node:crypto";
import type { MongoDocument } from "./driver.js";
import { bypassed } from "./refusals.js";

/** Commands that are on their way through somebody's client, to be seen by the guard if it is in that way. */
export class WiringProofs {
  readonly #expected = new Map<string, { seen: boolean }>();

  /** Whether one is on its way. */
  get pending(): boolean {
    return this.#expected.size > 0;
  }

  /** Notes a command that reached the guard; true where it is exactly one of them, and so reads nothing. */
  note(command: MongoDocument): boolean {
    if (this.#expected.size === 0) return false;
    const { ping, comment } = command;
    const proof = typeof comment === "string" ? this.#expected.get(comment) : undefined;
    if (proof === undefined || ping !== 1) return false;
    proof.seen = true;
    return true;
  }

  /** Has a command sent and throws `PW_GUARD_BYPASSED` where it did not come by. */
  async prove(send: (command: MongoDocument) => PromiseLike<unknown>): Promise<void> {
    const mark = randomBytes(16).toString("hex");
    const proof = { seen: false };
    this.#expected.set(mark, proof);
    let cause: unknown;
    try {
      await send({ ping: 1, comment: mark });
    } catch (error) {
      if (proof.seen) throw error;
      cause = error;
    } finally {
      this.#expected.delete(mark);
    }
    if (proof.seen) return;
    const error = bypassed("A command sent through this client did not pass the guard");
    if (cause !== undefined) error.cause = cause;
    throw error;
  }
}
