/** Gives a place up again; called once. */
export type Release = () => void;

interface Share {
  active: number;
  /** When the last of the jobs that found no place comes back, milliseconds since the epoch. */
  returns: number;
  /** How long a job takes, as a moving average; undefined until one has ended. */
  jobMs: number | undefined;
}

const SHORTEST_WAIT_MS = 100;

/** How many jobs of each tenant run at once here, and when those come back that found no place. */
export class TenantQuota {
  readonly #places: number;
  readonly #longestWaitMs: number;
  readonly #shares = new Map<string, Share>();

  constructor(places: number, longestWaitMs: number) {
    this.#places = places;
    this.#longestWaitMs = longestWaitMs;
  }

  /** A place for a job of the tenant, or when to try again, milliseconds since the epoch. */
  take(tenant: string): Release | number {
    const share = this.#shares.get(tenant) ?? { active: 0, returns: 0, jobMs: undefined };
    if (share.active >= this.#places) return this.#nextReturn(share);
    share.active += 1;
    this.#shares.set(tenant, share);
    const startedAt = Date.now();
    return () => {
      share.active -= 1;
      const jobMs = Date.now() - startedAt;
      share.jobMs = share.jobMs === undefined ? jobMs : (share.jobMs + jobMs) / 2;
      if (share.active === 0 && share.returns <= Date.now()) this.#shares.delete(tenant);
    };
  }

  // Two jobs come back for each that can have ended by then: places are not left empty, and a job is sent away few times.
  #nextReturn(share: Share): number {
    const now = Date.now();
    const { jobMs = SHORTEST_WAIT_MS } = share;
    const next = Math.max(share.returns, now) + jobMs / this.#places / 2;
    share.returns = Math.min(next, now + this.#longestWaitMs);
    return Math.ceil(
      Math.max(share.returns, now + Math.min(SHORTEST_WAIT_MS, this.#longestWaitMs)),
    );
  }
}
