import { PartywallError } from "../../errors.js";

/** A PGlite database, by what is called of it. `new PGlite()` fits. */
export interface PgliteDatabase {
  execProtocolRaw(message: Uint8Array): Promise<Uint8Array>;
  runExclusive<T>(work: () => Promise<T>): Promise<T>;
}

/** The database, while it is one connection's alone. */
export interface PgliteTurn {
  /** Whether it was another connection's meanwhile, and what that left is there. */
  readonly isNew: boolean;
  /** Sends messages of the wire protocol and resolves to what the server answers. */
  send(messages: Uint8Array): Promise<Uint8Array>;
  end(): void;
}

/** Takes turns at the one session that PGlite has, from a transaction's first message to its end. */
export class PgliteTurns {
  readonly #database: PgliteDatabase;
  #last: object | undefined;
  #fault: Error | undefined;

  constructor(database: PgliteDatabase) {
    this.#database = database;
  }

  /** Waits for the database. Rejects with `PW_POOL_EXHAUSTED` where that takes longer than `waitMs`. */
  take(who: object, waitMs: number): Promise<PgliteTurn> {
    return new Promise((resolve, reject) => {
      let isLate = false;
      const tooLate = setTimeout(() => {
        isLate = true;
        reject(
          new PartywallError(
            "PW_POOL_EXHAUSTED",
            `PGlite did not come free within ${waitMs} ms: it has one session, and a transaction on another connection holds it. End that first; a transaction must not wait for what another connection is to do.`,
          ),
        );
      }, waitMs);
      const serve = () =>
        new Promise<void>((end) => {
          clearTimeout(tooLate);
          if (isLate) return end();
          const isNew = this.#last !== who;
          this.#last = who;
          resolve({ isNew, send: (messages) => this.#send(messages), end });
        });
      this.#database.runExclusive(serve).catch((error: Error) => {
        clearTimeout(tooLate);
        reject(error);
      });
    });
  }

  async #send(messages: Uint8Array): Promise<Uint8Array> {
    if (this.#fault !== undefined) throw this.#fault;
    try {
      return await this.#database.execProtocolRaw(messages);
    } catch (cause) {
      this.#fault = new Error(
        "PGlite has ended, as it does on COPY FROM STDIN, and answers nothing any more. Open it anew.",
        { cause },
      );
      throw this.#fault;
    }
  }
}
