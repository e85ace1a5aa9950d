import { AsyncLocalStorage } from "node:async_hooks";
import { PartywallError } from "../../errors.js";
import { outside } from "../../scope/outside.js";
import { registerScopeSource } from "../../scope/register-source.js";
import type { Scope } from "../../scope/scope.js";

/** What Next.js is doing where this is called: serving a request, prerendering, filling a cache. */
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
  "or keyed(tenantKey, fn) of tenancy() inside 'use cache'.";
const PRERENDERED =
  "A tenant was asked for in what Next.js makes before any request and keeps for everybody (a prerendered page or route, " +
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

/** The requests of one realm and the scopes they hold, and the caches that are filled for one tenant. */
export interface WorkUnits {
  /** What serves the request. Throws `PW_CONFIG` where none is served. */
  request(): WorkUnit;
  /** Lets the request hold the scope, for whatever is rendered for it. */
  hold(scope: Scope | undefined): void;
  /**
   * Runs `fn` where the cache that is being filled, and none inside of it, may have a tenant. Throws `PW_CONFIG` where it is
   * not a cache of these types.
   */
  inCache<T>(types: readonly string[], fn: () => T): T;
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
  const filled = new AsyncLocalStorage<WorkUnit>();
  const withheld = () => {
    const unit = storage.getStore();
    return unit === undefined || unit.type === "request" || unit === filled.getStore()
      ? undefined
      : reasonOf(unit);
  };
  const heldIn = (realm: string) => () => {
    const unit = storage.getStore();
    return unit === undefined ? undefined : held.get(unit)?.get(realm);
  };
  const request = () => {
    const unit = storage.getStore();
    if (unit?.type === "request") return unit;
    throw new PartywallError("PW_CONFIG", unit === undefined ? NO_REQUEST : reasonOf(unit));
  };
  const realms = new Set<string>();
  return (realm) => {
    if (!realms.has(realm)) registerScopeSource({ get: heldIn(realm), withheld });
    realms.add(realm);
    return {
      request,
      hold(scope) {
        const unit = request();
        const scopes = held.get(unit) ?? new Map<string, Scope>();
        if (scope !== undefined) held.set(unit, scopes.set(realm, scope));
      },
      inCache(types, fn) {
        const unit = storage.getStore();
        if (unit === undefined || !types.includes(unit.type))
          throw new PartywallError("PW_CONFIG", NO_CACHE);
        // Whoever is current around is not part of what is kept; but inside, the tenant is not left again.
        if (unit === filled.getStore()) return fn();
        return filled.run(unit, () => outside(fn));
      },
    };
  };
}

function reasonOf({ type }: WorkUnit): string {
  return (
    REASONS[type] ??
    `A tenant was asked for where Next.js does what is not known here ("${type}"), so there is none. Use a version of ` +
      "Next.js that partywall/frameworks/next is made for."
  );
}

/** The error of asking for the request in what is made before any. */
export function prerendered(): PartywallError {
  return new PartywallError("PW_CONFIG", PRERENDERED);
}

const NO_REQUEST =
  "Next.js serves no request here. Call enterTenant(), and what route() and action() return, from what Next.js renders or runs, " +
  "and give tenancy() the workUnitAsyncStorage of the Next.js that does.";
const NO_CACHE =
  "keyed() of tenancy() was called where no function that says 'use cache' is run. Call it inside such a function, with the " +
  "key among its arguments; in place of unstable_cache use cache() of tenancy().";
