import { PartywallError } from "../errors.js";
import { anchor } from "../scope/anchor.js";
import { tenantOf } from "../scope/current.js";
import { registerScopeSource } from "../scope/register-source.js";
import type { Scope } from "../scope/scope.js";
import { fetchEntrance, FETCH_ANSWERS } from "./fetch-entrance.js";
import type { FetchAnswers } from "./fetch-entrance.js";
import { gate } from "./gate.js";
import type { TenancyHost, TenancyOptions } from "./options.js";

export type { Authorization, Refusal, RouteKind, TenancyHost, TenancyOptions } from "./options.js";
export type { Problem } from "./problem.js";

/** What hooks get in Next.js: a route handler's request, or the headers of the page or action. */
export interface NextRequestHeaders {
  readonly headers: { get(name: string): string | null };
}

/** The functions of Next.js that are called, handed over by the application. */
export interface NextFunctions {
  /** `headers` of `next/headers`. */
  readonly headers: () => Promise<NextRequestHeaders["headers"]>;
  /** `notFound` of `next/navigation`. */
  readonly notFound: () => never;
  /** `unstable_cache` of `next/cache`; needed by `cache` only. */
  readonly unstable_cache?: <Args extends unknown[], Result>(
    fn: (...args: Args) => Promise<Result>,
    keys?: string[],
    options?: { revalidate?: number | false; tags?: string[] },
  ) => (...args: Args) => Promise<Result>;
}

/** The part of a Partywall instance that Next.js needs. */
export interface NextTenancyHost<Fields> extends TenancyHost<Fields> {
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

/** The ways into a tenant that an App Router application has. */
export interface NextTenancy {
  /** A route handler that runs in the tenant of its request, to the last byte of the response. */
  route<Rest extends unknown[]>(
    handler: (request: Request, ...rest: Rest) => Response | PromiseLike<Response>,
  ): (request: Request, ...rest: Rest) => Promise<Response>;
  /** A server action that decides anew, from the headers of its own request, never from its arguments. */
  action<Args extends unknown[], Result>(
    fn: (...args: Args) => Result,
  ): (...args: Args) => Promise<Awaited<Result>>;
  /** Opens the tenant for the rendering of this request; first in each page, layout and component that needs it. */
  enterTenant(): Promise<void>;
  /** `unstable_cache` with a key, a scope and tags of the tenant's own. Throws `PW_NO_SCOPE` outside a tenant. */
  cache<Args extends unknown[], Result>(
    fn: (...args: Args) => Result,
    keys: readonly string[],
    options?: TenantCacheOptions,
  ): (...args: Args) => Promise<Awaited<Result>>;
  /** The current tenant's own form of a cache tag, for `revalidateTag` and `cacheTag`. */
  tag(name: string): string;
}

/**
 * Puts a Next.js App Router application behind a tenant.
 *
 * The scope is held by the request and not by the asynchronous execution, since layouts, pages and components do not
 * share one. So it is absent in `unstable_cache` and `use cache`, whose results go to every tenant: access to tenant
 * data there throws `PW_NO_SCOPE`. Throws `PW_CONFIG` at construction when a spoofable resolver has neither
 * `authorize` nor `trust`.
 *
 * Source: Next.js manual, `headers()`, https://nextjs.org/docs/app/api-reference/functions/headers.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { tenancy } from "partywall/frameworks/next";
 * import { subdomain } from "partywall/resolvers";
 * import { unstable_cache } from "next/cache.js";
 * import { headers } from "next/headers.js";
 * import { notFound } from "next/navigation.js";
 *
 * const pw = createPartywall({ secret: "at least thirty-two characters long" });
 * const { route } = tenancy(pw, {
 *   resolve: subdomain("example.com"),
 *   next: { headers, notFound, unstable_cache },
 * });
 * export const GET = route(() => Response.json({ tenant: pw.current().name }));
 * ```
 */
export function tenancy<Principal = unknown, Fields = Readonly<Record<string, unknown>>>(
  host: NextTenancyHost<Fields>,
  options: NextTenancyOptions<Principal, Fields>,
): NextTenancy {
  const { headers, notFound, unstable_cache } = options.next;
  const entrance = gate(host, options, [...FETCH_ANSWERS, "next"]);
  const answer = fetchEntrance(entrance, options);
  // The promise of headers() is one per request, differs between requests, and cannot be had inside a cache.
  const held = new WeakMap<Promise<unknown>, Scope>();
  const entered = new WeakMap<Promise<unknown>, Promise<void>>();
  registerScopeSource({
    get: () => {
      try {
        return held.get(headers());
      } catch {
        return undefined;
      }
    },
  });

  const hold = () => {
    const scope = host.scope();
    if (scope !== undefined) held.set(headers(), scope);
  };
  const handedOver = <T>(fn: () => T): T => {
    hold();
    // Left to the request, so that what enters a cache from here has no scope to take along.
    return anchor.als.run(undefined, fn);
  };
  const decide = async <T>(inside: () => T): Promise<Awaited<T>> => {
    const given = await headers();
    const request = {
      method: "GET",
      url: "/",
      host: given.get("host") ?? undefined,
      headers: given,
      native: given,
    };
    const passage = await entrance.pass(request, { headers: given }, inside);
    return "problem" in passage ? notFound() : passage.value;
  };
  const tagOf = (id: string, name: string) => `partywall:${host.realm}:${id}:${name}`;

  return Object.freeze<NextTenancy>({
    route:
      (handler) =>
      (request, ...rest) =>
        answer(asAsked(request), request, () => handedOver(() => handler(request, ...rest))),
    action:
      (fn) =>
      (...args) =>
        decide(() => handedOver(() => fn(...args))),
    enterTenant: () => {
      const key = headers();
      const under = entered.get(key) ?? decide(hold);
      entered.set(key, under);
      return under;
    },
    cache<Args extends unknown[], Result>(
      fn: (...args: Args) => Result,
      keys: readonly string[],
      { revalidate, tags = [] }: TenantCacheOptions = {},
    ) {
      if (unstable_cache === undefined)
        throw new PartywallError(
          "PW_CONFIG",
          "cache() of tenancy() needs unstable_cache. Give it: next: { headers, notFound, unstable_cache }.",
        );
      return async (...args: Args): Promise<Awaited<Result>> => {
        const { id } = tenantOf(host.scope());
        const inTenant = (tenant: string, ...rest: Args) =>
          anchor.als.run(undefined, () => host.run<Result>({ id: tenant }, () => fn(...rest)));
        // Next keys by the text of the function, which is here the same for every fn.
        return unstable_cache<[string, ...Args], Awaited<Result>>(
          inTenant,
          ["partywall", host.realm, String(fn), ...keys],
          {
            ...(revalidate === undefined ? {} : { revalidate }),
            tags: tags.map((name) => tagOf(id, name)),
          },
        )(id, ...args);
      };
    },
    tag: (name) => tagOf(tenantOf(host.scope()).id, name),
  });
}

// The URL that Next.js makes names the address it listens on; the Host header names what the client asked for.
function asAsked(request: Request) {
  const { method, headers, signal } = request;
  const { protocol, pathname, search } = new URL(request.url);
  const url = `${protocol}//${headers.get("host") ?? ""}${pathname}${search}`;
  return { method, headers, signal, url: URL.canParse(url) ? url : request.url };
}
