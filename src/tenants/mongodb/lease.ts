import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { PartywallError } from "../../errors.js";
import type { MongoDocument } from "../../guards/mongodb/driver.js";
import type { AdminCollection } from "./admin.js";

/** Whoever shows no sign of life for so long has died. */
export const DEAD_AFTER_MS = 6000;
const BEAT_MS = 1000;
/** Before others take it for dead it must have stopped by itself. */
const SURE_FOR_MS = DEAD_AFTER_MS / 2;
const LOOK_MS = 100;

/** Who holds a document, and how often it has shown to be alive. */
interface Held {
  readonly holder: string;
  readonly beat: number;
}

/**
 * The sole right to work on what a document stands for. MongoDB has no lock that ends with a connection, so the holder counts up in
 * the document, and whoever waits takes over what has not moved for a while by its own clock; the clocks need not agree.
 */
export class Lease {
  readonly #collection: AdminCollection;
  readonly #id: string;
  readonly #holder: string;
  #sureUntil = 0;
  #lost = false;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(collection: AdminCollection, id: string, holder: string) {
    this.#collection = collection;
    this.#id = id;
    this.#holder = holder;
  }

  /** What a document has in which a lease is inserted. */
  static member(holder: string): { readonly lease: Held } {
    return { lease: { holder, beat: 0 } };
  }

  /** A name for a holder that nobody else has. */
  static holder(): string {
    return randomBytes(12).toString("hex");
  }

  /** The lease of a document that was inserted just now with {@link Lease.member}. */
  static inserted(collection: AdminCollection, id: string, holder: string, since: number): Lease {
    const lease = new Lease(collection, id, holder);
    lease.#begin(since);
    return lease;
  }

  /** Takes the lease of a document as soon as nobody alive has it. Undefined where it lasts longer than `waitMs`, "gone" without the document. */
  static async take(
    collection: AdminCollection,
    id: string,
    waitMs: number,
  ): Promise<Lease | "gone" | undefined> {
    const holder = Lease.holder();
    const deadline = performance.now() + waitMs;
    let seen: { readonly text: string; readonly at: number } | undefined;
    for (;;) {
      const document = await collection.findOne({ _id: id });
      if (document === null) return "gone";
      const held = document["lease"] as Held | undefined;
      const now = performance.now();
      const text = JSON.stringify(held ?? null);
      if (seen?.text !== text) seen = { text, at: now };
      if (held === undefined || now - seen.at >= DEAD_AFTER_MS) {
        const since = performance.now();
        const { matchedCount } = await collection.updateOne(
          { _id: id, ...asSeen(held) },
          { $set: Lease.member(holder) },
        );
        if (matchedCount === 1) return Lease.inserted(collection, id, holder, since);
      }
      if (now >= deadline) return undefined;
      await sleep(LOOK_MS);
    }
  }

  #begin(since: number): void {
    this.#sureUntil = since + SURE_FOR_MS;
    this.#wait();
  }

  #wait(): void {
    this.#timer = setTimeout(() => void this.#beat(), BEAT_MS);
    this.#timer.unref();
  }

  async #beat(): Promise<void> {
    try {
      const since = await this.#update({ $inc: { "lease.beat": 1 } });
      if (since !== undefined && this.#timer !== undefined) this.#begin(since);
    } catch {
      // The server may be back for the next one; until then the lease runs out by itself.
      if (this.#timer !== undefined) this.#wait();
    }
  }

  /**
   * Updates the document, if this still holds it; resolves to when it was still held, and to undefined where it was lost. One after the
   * other: not every server keeps two updates of one document at once.
   */
  #update(update: MongoDocument): Promise<number | undefined> {
    const turn = this.#turn.then(async () => {
      if (this.#lost) return undefined;
      const since = performance.now();
      const { matchedCount } = await this.#collection.updateOne(this.#mine(), update);
      if (matchedCount === 1) return since;
      this.#lost = true;
      return undefined;
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #mine(): MongoDocument {
    return { _id: this.#id, "lease.holder": this.#holder };
  }

  /** Throws `PW_TENANT_DATA_FAILED` where somebody else may have taken over; ask before what cannot be undone. */
  assertHeld(): void {
    if (!this.#lost && performance.now() < this.#sureUntil) return;
    throw lostLease();
  }

  /** Changes the document, if this still holds it. Throws `PW_TENANT_DATA_FAILED` otherwise. */
  async change(update: MongoDocument): Promise<void> {
    this.assertHeld();
    if ((await this.#update(update)) === undefined) throw lostLease();
  }

  /** Stops to show signs of life, and says nothing to the server: before the document goes. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#turn;
    this.#lost = true;
  }

  /** Gives it up; the document stays. Does nothing after {@link end}. */
  async release(): Promise<void> {
    if (this.#lost) return this.end();
    await this.end();
    // Where this cannot be said the others find out in time.
    await this.#collection
      .updateOne(this.#mine(), { $unset: { lease: "" } })
      .catch(() => undefined);
  }
}

function asSeen(held: Held | undefined): MongoDocument {
  if (held === undefined) return { lease: { $exists: false } };
  return { "lease.holder": held.holder, "lease.beat": held.beat };
}

function lostLease(): PartywallError {
  return new PartywallError(
    "PW_TENANT_DATA_FAILED",
    "The server could not be told in time that this process is still at work, so that another one may have taken over, and it stopped. Nothing is lost: call again to go on.",
  );
}
