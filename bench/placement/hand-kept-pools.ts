import pg from "pg";
import { ROLES, urlAs } from "./homes.js";

/**
 * What an application without a router keeps by hand: a pool of one connection for each database, the longest unused
 * closed once there are more than `most`. It does not queue: where all are in use there may be more for a moment.
 */
export class HandKeptPools {
  readonly #url: string;
  readonly #most: number;
  readonly #pools = new Map<string, pg.Pool>();

  constructor(url: string, most: number) {
    this.#url = url;
    this.#most = most;
  }

  query(database: string, text: string, values: readonly unknown[]): Promise<pg.QueryResult> {
    let pool = this.#pools.get(database);
    if (pool === undefined) {
      if (this.#pools.size >= this.#most) this.#closeOldest();
      const connectionString = urlAs(this.#url, { user: ROLES.app, database });
      pool = new pg.Pool({ connectionString, max: 1 });
      pool.on("error", () => undefined);
    } else this.#pools.delete(database);
    this.#pools.set(database, pool);
    return pool.query(text, [...values]);
  }

  // Only one that nobody waits for: what waits in a pool that ends is never answered.
  #closeOldest(): void {
    for (const [database, pool] of this.#pools) {
      if (pool.waitingCount > 0 || pool.idleCount < pool.totalCount) continue;
      this.#pools.delete(database);
      void pool.end();
      return;
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.end()));
  }
}
