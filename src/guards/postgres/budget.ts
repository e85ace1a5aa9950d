/** A pool as the budget of connections sees it. */
export interface BudgetedPool {
  /** How many connections it has open or is opening. */
  readonly openCount: number;
  /** Whether a caller waits in it for a connection. */
  readonly isWaiting: boolean;
  /** Serves a waiting caller, if it now can. */
  serve(): void;
  /** Closes the connection that has been idle longest; false where none is idle. */
  closeIdle(): boolean;
}

/** How often a pool may lend one connection again while others wait for one, before it gives it up. */
const MOST_TURNS = 16;

/**
 * How many connections all pools of a guard together may have open. A pool that may open none waits in line; what is
 * idle elsewhere is closed for it, and a busy pool gives up connections beyond its fair share as they are returned.
 */
export class Budget {
  readonly #max: number;
  #open = 0;
  #closing = 0;
  // In the order in which they came.
  readonly #waiting = new Set<BudgetedPool>();
  // The longest unused first.
  readonly #pools = new Set<BudgetedPool>();
  readonly #turns = new WeakMap<BudgetedPool, number>();

  /**
   * @param max at least 1
   */
  constructor(max: number) {
    this.#max = max;
  }

  /** How many connections there may be. */
  get max(): number {
    return this.#max;
  }

  /** How many connections are open or being opened. */
  get open(): number {
    return this.#open;
  }

  /** How many pools wait for one. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether the pool may open a connection now; where not, it is put in line. */
  mayOpen(pool: BudgetedPool): boolean {
    const [first = pool] = this.#waiting;
    if (this.#open < this.#max && first === pool) return true;
    this.#waiting.add(pool);
    this.#makeRoom();
    return false;
  }

  /** The pool opens a connection. */
  opened(pool: BudgetedPool): void {
    this.#open += 1;
    this.#waiting.delete(pool);
    this.used(pool);
  }

  /** The pool lends a connection. */
  used(pool: BudgetedPool): void {
    this.#pools.delete(pool);
    this.#pools.add(pool);
  }

  /** A connection of the pool has ended. */
  closed(pool: BudgetedPool): void {
    this.#open -= 1;
    if (this.#closing > 0) this.#closing -= 1;
    if (pool.openCount === 0) this.#pools.delete(pool);
    this.#serve();
  }

  /** Whether the pool must close the connection that is returned to it, for others wait. */
  mustYield(pool: BudgetedPool): boolean {
    if (this.#waiting.size === 0 || (this.#waiting.size === 1 && this.#waiting.has(pool))) {
      this.#turns.delete(pool);
      return false;
    }
    if (this.#closing >= this.#waiting.size) return false;
    const turns = (this.#turns.get(pool) ?? 0) + 1;
    this.#turns.set(pool, turns);
    const sharers = new Set([...this.#pools, ...this.#waiting]).size;
    const isFair = pool.openCount <= Math.max(1, Math.floor(this.#max / sharers));
    if (pool.isWaiting && isFair && turns < MOST_TURNS) return false;
    this.#turns.delete(pool);
    this.#closing += 1;
    // It goes to the end of the line with what its own callers still want.
    if (pool.isWaiting) {
      this.#waiting.delete(pool);
      this.#waiting.add(pool);
    }
    return true;
  }

  #makeRoom(): void {
    if (this.#open < this.#max) return;
    for (const pool of this.#pools) {
      while (this.#closing < this.#waiting.size) {
        if (!pool.closeIdle()) break;
        this.#closing += 1;
      }
    }
  }

  #serve(): void {
    for (const pool of this.#waiting) {
      if (this.#open >= this.#max) return;
      const before = this.#open;
      if (pool.isWaiting) pool.serve();
      // Its callers have gone, or were served by a connection that came back to it.
      if (this.#open === before) this.#waiting.delete(pool);
      else if (pool.isWaiting) this.#waiting.add(pool);
    }
  }
}
