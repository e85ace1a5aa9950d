import { AsyncLocalStorage } from "node:async_hooks";
import { PartywallError } from "../../errors.js";
import { registerScopeSource } from "../../scope/register-source.js";
import type { Scope } from "../../scope/scope.js";

/** What Next.js is doing where this is called: rendering for a request, prerendering, filling a cache. */
export interface WorkUnit {
  readonly type: string;
}

/** The slice of Next.js's `workUnitAsyncStorage` that is asked. */
export interface WorkUnitStorage {
  getStore(): WorkUnit | undefined;
}

const IN_CACHE =
  "A tenant was asked for inside unstable_cache or 'use cache', which keep one result for every tenant, so there is none. " +
  "Cache it with the helper that keeps a result for each tenant: cache(fn, keys) of tenancy() in place of unstable_cache, " +
  "or keyed(tenantKey, fn) inside 'use cache'.";
const PRERENDERED =
  "A tenant was asked for in what Next.js makes before any request and keeps for everybody (a prerendered page, " +
  "generateStaticParams), so there is none. Make it dynamic: await enterTenant() first, and no force-static.";

const REASONS: Readonly<Record<string, string>> = {
  cache: IN_CACHE,
  "unstable-cache": IN_CACHE,
  "private-cache": IN_CACHE,
  prerender: PRERENDERED,
  "prerender-legacy": PRERENDERED,
  "prerender-runtime": PRERENDERED,
  "build-time-generator": PRERENDERED,
};

/** The scopes that requests hold in one realm, and the caches that have been opened for a tenant. */
export interface WorkUnits {
  /** What is being rendered for a request. Throws `PW_CONFIG` where there is no request, or not one of the caller's own. */
  request(): WorkUnit;
  /** Lets the request hold the scope, for whatever is rendered for it. */
  hold(scope: Scope | undefined): void;
  /** Runs `fn` where the cache that is being filled, and none inside of it, may have a tenant. */
  inCache<T>(fn: () => T): T;
}

/** The error of asking for the request where none is served. */
export function prerendered(): PartywallError {
  return new PartywallError("PW_CONFIG", PRERENDERED);
}

/** One for each storage: Next.js loads an application's module once for each bundle, and again after each edit. */
const known = new WeakMap<WorkUnitStorage, (realm: string) => WorkUnits>();

/** What Next.js's storage tells, for one realm. */
export function workUnits(storage: WorkUnitStorage, realm: string): WorkUnits {
  const found = known.get(storage) ?? watch(storage);
  known.set(storage, found);
  return found(realm);
}

function watch(storage: WorkUnitStorage): (realm: string) => WorkUnits {
  const held = new WeakMap<WorkUnit, Map<string, Scope>>();
  const opened = new AsyncLocalStorage<WorkUnit>();
  const heldScope = (realm: string) => {
    const unit = storage.getStore();
    return unit === undefined ? undefined : held.get(unit)?.get(realm);
  };
  const withheld = () => {
    const unit = storage.getStore();
    if (unit === undefined || unit.type === "request" || unit === opened.getStore())
      return undefined;
    return (
      REASONS[unit.type] ??
      `A tenant was asked for where Next.js does what is not known here ("${unit.type}"), so there is none. Use the ` +
        "version of Next.js that partywall/frameworks/next names."
    );
  };
  const realms = new Set<string>();
  return (realm) => {
    if (!realms.has(realm)) {
      realms.add(realm);
      registerScopeSource({ get: () => heldScope(realm), withheld });
    }
    return {
      request() {
        const unit = storage.getStore();
        if (unit?.type === "request") return unit;
        throw unit === undefined ? new PartywallError("PW_CONFIG", NO_UNIT) : prerendered();
      },
      hold(scope) {
        const unit = this.request();
        const scopes = held.get(unit) ?? new Map<string, Scope>();
        if (scope !== undefined) held.set(unit, scopes.set(realm, scope));
      },
      inCache(fn) {
        const unit = storage.getStore();
        if (unit === undefined || REASONS[unit.type] !== IN_CACHE)
          throw new PartywallError("PW_CONFIG", NO_CACHE);
        return opened.run(unit, fn);
      },
    };
  };
}

const NO_UNIT =
  "Next.js serves no request here. Call enterTenant(), and what route() and action() return, from what Next.js renders or runs, " +
  "and give tenancy() the workUnitAsyncStorage of the Next.js that does.";
const NO_CACHE =
  "Next.js fills no cache here. Call keyed() of tenancy() inside the function that says 'use cache', with the key among its " +
  "arguments, and give tenancy() the workUnitAsyncStorage of the Next.js that runs it.";
