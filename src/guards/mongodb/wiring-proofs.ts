import { WiringMarks } from "../wiring-marks.js";
import type { MongoDocument } from "./driver.js";
import { bypassed } from "./refusals.js";

/** Commands that are on their way through somebody's client, to be seen by the guard if it is in that way. */
export class WiringProofs {
  readonly #marks = new WiringMarks();

  /** Whether one is on its way. */
  get pending(): boolean {
    return this.#marks.isPending;
  }

  /** Notes a command that reached the guard; true where it is exactly one of them, and so reads nothing. */
  note(command: MongoDocument): boolean {
    if (!this.#marks.isPending) return false;
    const { ping, comment } = command;
    if (ping !== 1 || typeof comment !== "string" || !this.#marks.has(comment)) return false;
    this.#marks.see(comment);
    return true;
  }

  /** Has a command sent and throws `PW_GUARD_BYPASSED` where it did not come by. */
  prove(send: (command: MongoDocument) => PromiseLike<unknown>): Promise<void> {
    return this.#marks.prove(
      (mark) => send({ ping: 1, comment: mark }),
      () => bypassed("A command sent through this client did not pass the guard"),
    );
  }
}
