import { createHash } from "node:crypto";
import { PartywallError } from "../errors.js";
import { tenantOf } from "../scope/current.js";
import type { Scope } from "../scope/scope.js";
import { fetchEntrance, FETCH_ANSWERS } from "./fetch-entrance.js";
import type { FetchAnswers } from "./fetch-entrance.js";
import { gate } from "./gate.js";
import { addressed, asAsked, withAddress } from "./next/address.js";
import type { AddressHost } from "./next/address.js";
import { prerendered, workUnits } from "./next/work-unit.js";
import type { WorkUnit, WorkUnitStorage } from "./next/work-unit.js";
import type { TenancyHost, TenancyOptions } from "./options.js";

export type { Authorization, Refusal, RouteKind, TenancyHost, TenancyOptions } from "./options.js";
export type { Problem } from "./problem.js";

/** What hooks get in Next.js: a route handler's request, or the headers of the page or action. */
export interface NextRequestHeaders {
  readonly headers: { get(name: string): string | null };
}

/** What is called of Next.js, handed over by the application. */
export interface NextFunctions {
  /** `headers` of `next/headers`. */
  readonly headers: () => Promise<NextRequestHeaders["headers"]>;
  /** `notFound` of `next/navigation`. */
  readonly notFound: () => never;
  /**
   * `workUnitAsyncStorage` of `next/dist/server/app-render/work-unit-async-storage.external.js`: Next.js has no other way
   * to tell whether a request is served or a cache that all tenants share is filled.
   */
  readonly workUnitAsyncStorage: WorkUnitStorage;
  /** `unstable_cache` of `next/cache`; needed by `cache` only. */
  readonly unstable_cache?: <Args extends unknown[], Result>(
    fn: (...args: Args) => Promise<Result>,
    keys?: string[],
    options?: { revalidate?: number | false; tags?: string[] },
  ) => (...args: Args) => Promise<Result>;
}

/** The part of a Partywall instance that Next.js needs. */
export interface NextTenancyHost<Fields> extends TenancyHost<Fields>, AddressHost {
  readonly realm: string;
  scope(): Scope | undefined;
}

/** Options of {@link tenancy}. */
export interface NextTenancyOptions<Principal, Fields>
  extends TenancyOptions<NextRequestHeaders, Principal, Fields>, FetchAnswers<NextRequestHeaders> {
  readonly next: NextFunctions;
}

/** How long a cached value of {@link NextTenancy.cache} lives, and the tags it can be revalidated by. */
export interface TenantCacheOptions {
  /** Seconds; `false` for ever. */
  readonly revalidate?: number | false;
  /** Made the tenant's own, see {@link NextTenancy.tag}. */
  readonly tags?: readonly string[];
}

declare const TENANT: unique symbol;

/** The current tenant as an argument of a function that says `'use cache'`. */
export type TenantCacheKey = string & { readonly [TENANT]: true };

/** The ways into a tenant that an App Router application has. */
export interface NextTenancy {
  /** A route handler that runs in the tenant of its request, to the last byte of the response. */
  readonly route: <Rest extends unknown[]>(
    handler: (request: Request, ...rest: Rest) => Response | PromiseLike<Response>,
  ) => (request: Request, ...rest: Rest) => Promise<Response>;
  /** A server action that decides anew, from the headers of its own request, never from its arguments. */
  readonly action: <Args extends unknown[], Result>(
    fn: (...args: Args) => Result,
  ) => (...args: Args) => Promise<Awaited<Result>>;
  /** Opens the tenant for the rendering of this request; first in each page, layout and component that needs it. */
  readonly enterTenant: () => Promise<void>;
  /** Headers for `NextResponse.next({ request: { headers } })` in `proxy.ts`, by which pages and actions know their address. */
  readonly handOver: (request: Request) => Promise<Headers>;
  /** `unstable_cache` with a key, a scope and tags of the tenant's own. Throws `PW_NO_SCOPE` outside a tenant. */
  readonly cache: <Args extends unknown[], Result>(
    fn: (...args: Args) => Result,
    keys: readonly string[],
    options?: TenantCacheOptions,
  ) => (...args: Args) => Promise<Awaited<Result>>;
  /** The current tenant, as an argument for a function that says `'use cache'`. Throws `PW_NO_SCOPE` outside a tenant. */
  readonly cacheKey: () => TenantCacheKey;
  /**
   * Runs `fn` in the tenant of a key that the function around, which says `'use cache'`, was given as an argument.
   * Whoever has the key has the tenant, as with `pw.run`: never take one from a client. Throws `PW_CONFIG` elsewhere.
   */
  readonly keyed: <T>(key: TenantCacheKey, fn: () => T) => Promise<Awaited<T>>;
  /** The current tenant's own form of a cache tag, for `revalidateTag` and `cacheTag`. */
  readonly tag: (name: string) => string;
}

/**
 * Puts a Next.js App Router application behind a tenant.
 *
 * In pages the scope is held by the request and not by the asynchronous execution, since layouts, pages and components do not
 * share one. No tenant is current where Next.js makes what it keeps for everybody, in `unstable_cache`, `use cache` and
 * prerendering, whoever opens a scope there or around: access throws `PW_NO_SCOPE`. Throws `PW_CONFIG` at construction
 * when a spoofable resolver has neither `authorize` nor `trust`.
 *
 * Source: Next.js manual, `headers()`, https://nextjs.org/docs/app/api-reference/functions/headers.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { tenancy } from "partywall/frameworks/next";
 * import { subdomain } from "partywall/resolvers";
 * import { unstable_cache } from "next/cache.js";
 * import { workUnitAsyncStorage } from "next/dist/server/app-render/work-unit-async-storage.external.js";
 * import { headers } from "next/headers.js";
 * import { notFound } from "next/navigation.js";
 *
 * const pw = createPartywall({ secret: "at least thirty-two characters long" });
 * const { route } = tenancy(pw, {
 *   resolve: subdomain("example.com"),
 *   next: { headers, notFound, unstable_cache, workUnitAsyncStorage },
 * });
 * export const GET = route(() => Response.json({ tenant: pw.current().name }));
 * ```
 */
export function tenancy<Principal = unknown, Fields = Readonly<Record<string, unknown>>>(
  host: NextTenancyHost<Fields>,
  options: NextTenancyOptions<Principal, Fields>,
): NextTenancy {
  const { headers, notFound, unstable_cache, workUnitAsyncStorage } = checkedFunctions(
    options.next,
  );
  const entrance = gate(host, options, [...FETCH_ANSWERS, "next"]);
  const answer = fetchEntrance(entrance, options);
  const units = workUnits(workUnitAsyncStorage, host.realm);
  const entered = new WeakMap<WorkUnit, Promise<void>>();

  const ofRequest = async () => {
    const asked = headers();
    const given = await asked;
    // With force-static Next.js gives headers that are nobody's, new ones each time.
    if (asked !== headers()) throw prerendered();
    return { given, unit: units.request() };
  };
  const decide = async <T>(method: string, inside: () => T): Promise<Awaited<T>> => {
    const { given } = await ofRequest();
    const request = await addressed(host, method, given);
    const passage = await entrance.pass<T>(request, { headers: given }, inside);
    if (!("problem" in passage)) return passage.value;
    const { status, body } = passage.problem;
    if (status < 500) return notFound();
    throw new PartywallError(body.code, body.detail);
  };
  const inCache = <T>(types: readonly string[], id: string, fn: () => T): Promise<Awaited<T>> =>
    units.inCache(types, () => host.run<T>({ id }, fn));
  const tagOf = (id: string, name: string) => {
    const own = createHash("sha256").update(JSON.stringify([host.realm, id, name]));
    return `partywall:${own.digest("base64url")}`;
  };
  const prefix = `${JSON.stringify(["partywall", host.realm])}:`;

  return Object.freeze<NextTenancy>({
    route:
      (handler) =>
      async (request, ...rest) => {
        // By this Next.js knows that the route is not to be prerendered, too.
        await ofRequest();
        return answer(asAsked(request), request, () => handler(request, ...rest));
      },
    action:
      (fn) =>
      (...args) =>
        decide("POST", () => fn(...args)),
    enterTenant: async () => {
      const { unit } = await ofRequest();
      const under = entered.get(unit) ?? decide("GET", () => units.hold(host.scope()));
      entered.set(unit, under);
      return under;
    },
    handOver: (request) => withAddress(host, request),
    cache<Args extends unknown[], Result>(
      fn: (...args: Args) => Result,
      keys: readonly string[],
      { revalidate, tags = [] }: TenantCacheOptions = {},
    ) {
      if (unstable_cache === undefined)
        throw new PartywallError(
          "PW_CONFIG",
          "cache() of tenancy() needs unstable_cache. Give it: next: { headers, notFound, unstable_cache, workUnitAsyncStorage }.",
        );
      // Next.js keys by the text of the function, which is here the same for every fn.
      const parts = [JSON.stringify(["partywall", host.realm, String(fn), ...keys])];
      return async (...args: Args): Promise<Awaited<Result>> => {
        const { id } = tenantOf(host.scope());
        const inTenant = (tenant: string, ...rest: Args) =>
          inCache<Result>(["unstable-cache"], tenant, () => fn(...rest));
        return unstable_cache(inTenant, parts, {
          ...(revalidate === undefined ? {} : { revalidate }),
          tags: tags.map((name) => tagOf(id, name)),
        })(id, ...args);
      };
    },
    cacheKey: () => `${prefix}${tenantOf(host.scope()).id}` as TenantCacheKey,
    keyed: async <T>(key: TenantCacheKey, fn: () => T): Promise<Awaited<T>> => {
      if (typeof key !== "string" || !key.startsWith(prefix))
        throw new PartywallError(
          "PW_CONFIG",
          "keyed() of tenancy() was given what is no key of this instance. Give what cacheKey() returned.",
        );
      // Not in unstable_cache: what its function closes over, such as the key, is no part of what it keys by.
      return inCache<T>(["cache", "private-cache"], key.slice(prefix.length), fn);
    },
    tag: (name) => tagOf(tenantOf(host.scope()).id, name),
  });
}

function checkedFunctions(given: NextFunctions): NextFunctions {
  const { headers, notFound, workUnitAsyncStorage } = given ?? {};
  const isWhole =
    typeof headers === "function" &&
    typeof notFound === "function" &&
    typeof workUnitAsyncStorage?.getStore === "function";
  if (!isWhole)
    throw new PartywallError(
      "PW_CONFIG",
      "tenancy() for Next.js needs functions of the Next.js that runs the application: next: { headers, notFound, workUnitAsyncStorage }.",
    );
  return given;
}
