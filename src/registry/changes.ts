import { outside } from "../scope/outside.js";

/** What a `tenantChanged` handler is told. */
export interface TenantChange {
  /** The tenant whose record may have changed; missing where it may be any, since news from elsewhere was missed. */
  readonly id?: string;
}

type Handler = (change: TenantChange) => void;

/** Those who want to know when the record of a tenant may have changed. */
export class ChangeListeners {
  readonly #handlers = new Set<Handler>();

  /** Whether there are any. */
  get any(): boolean {
    return this.#handlers.size > 0;
  }

  add(handler: Handler): () => void {
    // One of its own, or the same handler added twice would be taken off twice.
    const entry: Handler = (change) => handler(change);
    this.#handlers.add(entry);
    return () => void this.#handlers.delete(entry);
  }

  /** Calls each in no scope and by itself, so that what one throws is nobody else's. */
  tell(change: TenantChange): void {
    if (!this.any) return;
    const told = Object.freeze({ ...change });
    outside(() => {
      for (const handler of this.#handlers) queueMicrotask(() => handler(told));
    });
  }
}
