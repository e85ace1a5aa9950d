import { scopeKeyspace, type CacheHost } from "../keyv.js";
import { checkSession, marked, ownerOf } from "./binding.js";
import { cannotList, claim, type Done, type NativeStore, type SessionStore } from "./native.js";

/**
 * Binds each session of a store to the scope it is saved in and returns the same store; for express-session that is mounted before
 * `tenancy`, because the session names the principal. Whoever mounts it so asks `sessionFits` in `authorize`, and `checkSession` after
 * `tenancy`.
 *
 * Saving answers `PW_TENANT_FORBIDDEN` for a session that is bound to another, and `TenantContextError` for a new one outside every
 * scope. `all`, `ids`, `clear` and `length` answer `PW_STATEMENT_REFUSED`. Throws `PW_CONFIG` for a store that is guarded already.
 *
 * @example
 * ```ts
 * import session from "express-session";
 * import { createPartywall } from "partywall";
 * import { boundSessions } from "partywall/runtime/sessions";
 *
 * const pw = createPartywall();
 * export const sessions = session({
 *   store: boundSessions(pw, new session.MemoryStore()),
 *   secret: process.env["SESSION_SECRET"] ?? "an example",
 *   resave: false,
 *   saveUninitialized: false,
 * });
 * ```
 */
export function boundSessions<Store extends SessionStore>(pw: CacheHost, store: Store): Store {
  claim("boundSessions()", store);
  const native = store as unknown as NativeStore;
  const space = scopeKeyspace(pw);
  const set = native.set.bind(native);
  native.set = (sid, session, done) => {
    let bound = session;
    try {
      // A request that was refused ends outside every scope; its session stays whose it was.
      if (pw.scope() !== undefined || ownerOf(session) === undefined) {
        const { prefix } = space();
        checkSession(pw, session);
        bound = marked(session, prefix);
      }
    } catch (error) {
      if (done === undefined) throw error;
      done(error);
      return;
    }
    set(sid, bound, done);
  };
  const refuse = (done?: Done): void => {
    if (done === undefined) throw cannotList();
    done(cannotList());
  };
  for (const method of ["all", "clear", "length", "ids"] as const) native[method] = refuse;
  return store;
}
