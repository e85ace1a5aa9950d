import type { PgClient } from "../driver.js";

/** A connection borrowed for a statement, a transaction or a session. */
export class Loan {
  readonly client: PgClient;
  /** Called when the connection ends by itself. */
  onLost: (() => void) | undefined;
  /** Called with what the server remarks. */
  onNotice: ((notice: object) => void) | undefined;
  readonly #release: (destroy?: unknown) => void;
  readonly #lost = () => this.onLost?.();
  readonly #noticed = (notice: object) => this.onNotice?.(notice);
  #isOver = false;

  constructor(client: PgClient, release: (destroy?: unknown) => void) {
    this.client = client;
    this.#release = release;
    client.on("error", this.#lost).on("end", this.#lost).on("notice", this.#noticed);
  }

  /** Whether nothing can be sent on it any more. */
  get isDead(): boolean {
    return this.#isOver || !this.client._queryable || this.client._ending;
  }

  /** The state of the transaction, as the server told it last. */
  get status(): "I" | "T" | "E" {
    return this.isDead ? "I" : (this.client.getTransactionStatus() ?? "I");
  }

  /** Calls back when the server has answered all that was sent, or never will. */
  whenQuiet(done: () => void): void {
    const { client } = this;
    const isQuiet =
      client.readyForQuery === true && !client._activeQuery && client._queryQueue.length === 0;
    if (isQuiet || this.isDead) return done();
    const quiet = () => {
      client.removeListener("drain", quiet);
      client.removeListener("end", quiet);
      done();
    };
    client.once("drain", quiet).once("end", quiet);
  }

  giveBack(destroy = false): void {
    if (this.#isOver) return;
    const isDead = destroy || this.isDead;
    this.#isOver = true;
    this.client.removeListener("error", this.#lost);
    this.client.removeListener("end", this.#lost);
    this.client.removeListener("notice", this.#noticed);
    this.#release(isDead);
  }
}
