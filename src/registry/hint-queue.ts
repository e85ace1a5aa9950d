const ROUND_MS = 50;
const MOST_PENDING = 10_000;

/**
 * Passes hints on: the first at once, those that follow gathered into rounds of 50 ms, each id once a round, so that
 * a flood of notifications costs a bounded number of reads. Too many ids in one round become one gap.
 */
export class HintQueue {
  readonly #onHint: (id: string) => void;
  readonly #onGap: () => void;
  readonly #pending = new Set<string>();
  #overflow = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(onHint: (id: string) => void, onGap: () => void) {
    this.#onHint = onHint;
    this.#onGap = onGap;
  }

  add(id: string): void {
    if (this.#timer === undefined) {
      this.#onHint(id);
      this.#startRound();
    } else if (this.#pending.size < MOST_PENDING) this.#pending.add(id);
    else this.#overflow = true;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#pending.clear();
  }

  #startRound(): void {
    this.#timer = setTimeout(() => this.#endRound(), ROUND_MS);
    this.#timer.unref();
  }

  #endRound(): void {
    this.#timer = undefined;
    if (this.#pending.size === 0) return;
    const ids = [...this.#pending];
    const overflow = this.#overflow;
    this.#pending.clear();
    this.#overflow = false;
    this.#startRound();
    if (overflow) this.#onGap();
    else for (const id of ids) this.#onHint(id);
  }
}
