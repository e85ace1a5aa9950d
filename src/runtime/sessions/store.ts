import { scopeKeyspace, type CacheHost } from "../keyv.js";
import type { Keyspace } from "../redis/keyspace.js";
import { marked, unmarked } from "./binding.js";
import { cannotList, claim, type Done, type NativeStore, type SessionStore } from "./native.js";

/**
 * Makes the sessions of a store the tenant's and returns the same store. The key of a session and its content say whose it is, so that a
 * cookie of one tenant finds nothing at another's address. Mount express-session after `tenancy`, inside the scope; routes of
 * no tenant have sessions of their own.
 *
 * Outside a tenant's or a central scope the store answers `TenantContextError`; `clear`, `length` and `all` know the scope's sessions, and
 * answer `PW_STATEMENT_REFUSED` where the store cannot list any.
 *
 * @example
 * ```ts
 * import session from "express-session";
 * import { createPartywall } from "partywall";
 * import { tenantSessions } from "partywall/runtime/sessions";
 *
 * const pw = createPartywall();
 * export const sessions = session({
 *   store: tenantSessions(pw, new session.MemoryStore()),
 *   secret: process.env["SESSION_SECRET"] ?? "an example",
 *   resave: false,
 *   saveUninitialized: false,
 * });
 * ```
 */
export function tenantSessions<Store extends SessionStore>(pw: CacheHost, store: Store): Store {
  claim("tenantSessions()", store);
  const native = store as unknown as NativeStore;
  const space = scopeKeyspace(pw);
  const sidOf = (own: Keyspace, sid: string) => own.add(sid) as string;

  const get = native.get.bind(native);
  native.get = inScope(space, (own, done, sid: string) =>
    get(sidOf(own, sid), (error, session) =>
      error ? done(error) : done(null, unmarked(session, own.prefix)),
    ),
  );
  const set = native.set.bind(native);
  native.set = inScope(space, (own, done, sid: string, session: object) =>
    set(sidOf(own, sid), marked(session, own.prefix), done),
  );
  const destroy = native.destroy.bind(native);
  native.destroy = inScope(space, (own, done, sid: string) => destroy(sidOf(own, sid), done));
  const touch = native.touch?.bind(native);
  if (touch !== undefined)
    native.touch = inScope(space, (own, done, sid: string, session: object) =>
      touch(sidOf(own, sid), marked(session, own.prefix), done),
    );

  const all = native.all?.bind(native);
  const listed = (own: Keyspace, done: (error: unknown, found: Found) => void): void => {
    if (all === undefined) done(cannotList(), []);
    else all((error, sessions) => done(error, error ? [] : ownOf(own, sessions)));
  };
  native.all = inScope(space, (own, done) =>
    listed(own, (error, found) => (error ? done(error) : done(null, Object.fromEntries(found)))),
  );
  native.length = inScope(space, (own, done) =>
    listed(own, (error, found) => (error ? done(error) : done(null, found.length))),
  );
  native.ids = inScope(space, (own, done) =>
    listed(own, (error, found) =>
      error
        ? done(error)
        : done(
            null,
            found.map(([sid]) => sid),
          ),
    ),
  );
  native.clear = inScope(space, (own, done) =>
    listed(own, (error, found) => {
      if (error) return done(error);
      destroyAll(
        found.map(([sid]) => sidOf(own, sid)),
        destroy,
        done,
      );
    }),
  );
  return store;
}

type Found = readonly (readonly [sid: string, session: object])[];

/** A method of a store whose last argument may be a callback; it is told what refuses it, or it throws. */
function inScope<Args extends unknown[]>(
  space: () => Keyspace,
  run: (own: Keyspace, done: Done, ...args: Args) => void,
): (...args: [...Args, done?: Done]) => void {
  return (...given) => {
    const last = given.at(-1);
    const done = typeof last === "function" ? (last as Done) : undefined;
    let own: Keyspace;
    try {
      own = space();
    } catch (error) {
      if (done === undefined) throw error;
      done(error);
      return;
    }
    run(own, done ?? (() => {}), ...(given as unknown as Args));
  };
}

/** The scope's own sessions among all of a store, which lists them by id or, with their id, one after the other. */
function ownOf(own: Keyspace, sessions: unknown): Found {
  const entries = Array.isArray(sessions)
    ? (sessions as { readonly id?: unknown }[]).map((one) => [String(one.id), one] as const)
    : Object.entries((sessions ?? {}) as Record<string, unknown>);
  return entries.flatMap(([sid, session]) => {
    const plain = sid.startsWith(own.prefix) ? unmarked(session, own.prefix) : undefined;
    return plain === undefined ? [] : [[own.remove(sid), plain] as const];
  });
}

function destroyAll(sids: readonly string[], destroy: NativeStore["destroy"], done: Done): void {
  const [sid, ...rest] = sids;
  if (sid === undefined) return done(null);
  destroy(sid, (error) => (error ? done(error) : destroyAll(rest, destroy, done)));
}
