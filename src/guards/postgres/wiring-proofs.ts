import { PartywallError } from "../../errors.js";
import { WiringMarks } from "../wiring-marks.js";

/** Texts that are on their way through somebody's client, to be seen by the guard if it is in that way. */
export class WiringProofs {
  readonly #marks = new WiringMarks();

  /** Notes a text that reached the guard. */
  note(text: unknown): void {
    if (!this.#marks.isPending || typeof text !== "string") return;
    for (const mark of this.#marks.pending) if (text.includes(mark)) this.#marks.see(mark);
  }

  /** Whether a text is exactly one of them, and so may be sent outside any scope. */
  holds(text: string): boolean {
    const [, mark] = /^select '([\da-f]{32})' as wiring;?$/.exec(text) ?? [];
    return mark !== undefined && this.#marks.has(mark);
  }

  /** Has a text sent and throws `PW_GUARD_BYPASSED` where it did not come by. */
  prove(send: (text: string) => PromiseLike<unknown>): Promise<void> {
    return this.#marks.prove(
      (mark) => send(`select '${mark}' as wiring`),
      () =>
        new PartywallError(
          "PW_GUARD_BYPASSED",
          "A statement sent through this client did not pass the guard, so no tenant would be put on any of its statements. The client was not given the guard's pool or driver, opened a pool of its own, or loads another copy of pg (npm ls pg). See its page under docs/adapters.",
        ),
    );
  }
}
