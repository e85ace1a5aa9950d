/**
 * A request as every resolver sees it, whichever framework it came through.
 *
 * @example
 * ```ts
 * import type { ResolverRequest } from "partywall/resolvers";
 *
 * const request: ResolverRequest = {
 *   method: "GET",
 *   host: "acme.example.com",
 *   url: "/orders?page=2",
 *   headers: new Headers({ "x-tenant": "acme" }),
 *   native: undefined,
 * };
 * console.log(request.headers.get("X-Tenant")); // acme
 * ```
 */
export interface ResolverRequest {
  readonly method: string;
  /** The host the client asked for, with its port; hosts that disagree are joined by a comma. Never `X-Forwarded-Host`. */
  readonly host: string | undefined;
  /** Path and query as the client sent them, wherever the application is mounted. */
  readonly url: string;
  /** Headers by name, in any case; a header sent more than once is joined by a comma, as in `Headers`. */
  readonly headers: { get(name: string): string | null };
  /** The framework's own request. */
  readonly native: unknown;
}

/** What a resolver found: the tenant's `id`, `slug` or domain of its own, not yet looked up. */
export interface Candidate {
  readonly by: "id" | "slug" | "domain";
  readonly value: string;
}

/** A candidate that is well formed, and the name of the resolver that found it. */
export interface Identifier extends Candidate {
  readonly resolver: string;
}

/**
 * Finds a tenant's identifier in a request; it looks nothing up and admits nobody.
 *
 * A source that was present but cannot be read must throw, not return `undefined`: a chain never falls from a
 * broken source to a weaker one. Throw a `PartywallError` with `PW_TENANT_INVALID` (400) for a malformed source
 * and `PW_TENANT_AMBIGUOUS` (400) for one that says two things; any other error becomes the framework's 500.
 *
 * @example
 * ```ts
 * import type { Resolver } from "partywall/resolvers";
 *
 * const certificate: Resolver = {
 *   name: "client-certificate",
 *   spoofable: false,
 *   resolve(request) {
 *     const organisation = (request.native as { organisation?: string }).organisation;
 *     return organisation === undefined ? undefined : { by: "slug", value: organisation };
 *   },
 * };
 * console.log(certificate.name); // client-certificate
 * ```
 */
export interface Resolver {
  /** Unique in its chain; `authorize` sees it as `identifier.resolver`. */
  readonly name: string;
  /** Whether a client may write whatever it likes there, as in a header, a query or a cookie. */
  readonly spoofable: boolean;
  /** Why a spoofable source can be trusted here, in words; without it the chain needs `authorize`. */
  readonly trust?: string;
  /** Request headers the answer depends on, added to the response's `Vary`. */
  readonly vary?: readonly string[];
  /** The candidate, or `undefined` when the request holds nothing for this resolver. */
  resolve(request: ResolverRequest): Candidate | undefined | PromiseLike<Candidate | undefined>;
}
