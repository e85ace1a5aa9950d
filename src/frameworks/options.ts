import type { PartywallError } from "../errors.js";
import type { Identifier, Resolver } from "../resolvers/resolver.js";
import type { Tenant } from "../scope/tenant.js";

/**
 * The part of a Partywall instance that a framework uses; what `createPartywall` returns fits.
 *
 * @example
 * ```ts
 * import type { TenancyHost } from "partywall/frameworks/express";
 *
 * const exists = async (host: TenancyHost, slug: string) => (await host.tenants.find({ slug })) !== undefined;
 * ```
 */
export interface TenancyHost<Fields = Readonly<Record<string, unknown>>> {
  run<T>(
    key: { readonly id: string },
    fn: () => T,
    options?: { readonly principal?: unknown },
  ): Promise<Awaited<T>>;
  central<T>(fn: () => T): Promise<Awaited<T>>;
  readonly tenants: {
    /** The tenant in whatever status except deleted, or `undefined`. */
    find(
      key: { readonly id: string } | { readonly slug: string } | { readonly domain: string },
    ): PromiseLike<Tenant<Fields> | undefined>;
  };
}

/**
 * What a route is: `"tenant"` needs one, `"central"` never has one, `"universal"` runs in the tenant the request
 * names and in a central scope when it names none.
 */
export type RouteKind = "tenant" | "central" | "universal";

/** What `authorize` decides about. */
export interface Authorization<Req, Principal, Fields> {
  /** The tenant the request asks for; it exists, and may be suspended. */
  readonly tenant: Tenant<Fields>;
  /** What named it; the first in the order of the resolvers when several agree. */
  readonly identifier: Identifier;
  /** Everything that named it. */
  readonly identifiers: readonly Identifier[];
  /** What `principal` resolved to. */
  readonly principal: Principal;
  readonly req: Req;
}

/** A refused request as the application may log it; the client is told less. */
export interface Refusal<Fields> {
  /** The true reason. */
  readonly error: PartywallError;
  /** The tenant asked for, where there is one. */
  readonly tenant: Tenant<Fields> | undefined;
  readonly identifiers: readonly Identifier[];
}

/** What every framework's `tenancy` takes; options are read once, at construction. */
export interface TenancyOptions<Req, Principal, Fields> {
  /** One resolver or several in order. All are asked, and two that name different tenants refuse the request. */
  readonly resolve: Resolver | readonly Resolver[];
  /**
   * Whether the principal may enter the tenant; awaited, and anything but `true` refuses. Runs in no scope: open
   * `pw.central()` to read memberships. Required when a resolver is spoofable and states no `trust`.
   */
  readonly authorize?: (
    context: Authorization<Req, Principal, Fields>,
  ) => boolean | PromiseLike<boolean>;
  /** Who is acting; awaited before the tenant is looked up. Needs `authorize`, which alone reads it. */
  readonly principal?: (req: Req) => Principal | PromiseLike<Principal>;
  /**
   * Who the principal is in the tenant, for example with the role there: what `pw.principal()` gives in the scope, which
   * is the principal itself unless told. Awaited, once `authorize` has returned `true`. Needs `authorize`.
   */
  readonly enterAs?: (context: Authorization<Req, Principal, Fields>) => unknown;
  /** What each route is; default `"tenant"` for all. */
  readonly routes?: (req: Req) => RouteKind | PromiseLike<RouteKind>;
  /** Told of each refusal and its true reason before the answer is sent, for the log; awaited. */
  readonly onRefusal?: (refusal: Refusal<Fields>, req: Req) => void | PromiseLike<void>;
}
