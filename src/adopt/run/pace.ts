// The load may wait for a batch's rows from the moment they are locked, and for a lock it queued for before that.
const SHARE_OF_LIMIT = 0.25;
const FIRST_ROWS = 1000;

/** How many rows a batch takes, so that none keeps its rows locked for long on this server, under this load. */
export class Pace {
  readonly #most: number;
  readonly #targetMs: number;
  #rows: number;

  constructor(mostRows: number, limitMs: number) {
    this.#most = mostRows;
    this.#targetMs = limitMs * SHARE_OF_LIMIT;
    this.#rows = Math.min(mostRows, FIRST_ROWS);
  }

  get rows(): number {
    return this.#rows;
  }

  /** Learns from a batch that was committed. */
  took(milliseconds: number): void {
    if (milliseconds > this.#targetMs) this.tooLong();
    else if (milliseconds < this.#targetMs / 2) this.#rows = Math.min(this.#most, this.#rows * 2);
  }

  /** Learns from a batch that took too long. */
  tooLong(): void {
    this.#rows = Math.max(1, Math.floor(this.#rows / 2));
  }
}
