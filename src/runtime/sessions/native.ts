import { PartywallError } from "../../errors.js";

/** What a store calls back with. */
export type Done = (error?: unknown, result?: unknown) => void;

/**
 * A store of express-session, of which the guard calls these; any `Store` fits.
 *
 * @example
 * ```ts
 * import type { SessionStore } from "partywall/runtime/sessions";
 *
 * const canList = (store: SessionStore) => store.all !== undefined;
 * ```
 */
export interface SessionStore {
  get(...args: never[]): unknown;
  set(...args: never[]): unknown;
  destroy(...args: never[]): unknown;
  touch?(...args: never[]): unknown;
  all?(...args: never[]): unknown;
  clear?(...args: never[]): unknown;
  length?(...args: never[]): unknown;
}

/** The store as the guard sees it inside. */
export interface NativeStore {
  get(sid: string, done: Done): void;
  set(sid: string, session: object, done?: Done): void;
  destroy(sid: string, done?: Done): void;
  touch?(sid: string, session: object, done?: Done): void;
  all?(done: Done): void;
  clear?(done?: Done): void;
  length?(done: Done): void;
  ids?(done: Done): void;
}

const claimed = new WeakSet<object>();

/** Throws `PW_CONFIG` where the store has a guard already. */
export function claim(of: string, store: object): void {
  if (claimed.has(store))
    throw new PartywallError(
      "PW_CONFIG",
      `${of}: the store is guarded already. Give it a store of its own.`,
    );
  claimed.add(store);
}

/** The error for what could only be done to the sessions of every tenant. */
export function cannotList(): PartywallError {
  return new PartywallError(
    "PW_STATEMENT_REFUSED",
    "The session store cannot tell one tenant's sessions from the others', so it could only do this for every tenant. " +
      "Use tenantSessions() with a store that has all().",
  );
}
