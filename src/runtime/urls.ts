import { PartywallError } from "../errors.js";
import { tenantScope } from "../scope/current.js";
import { isHostName, isSlug } from "../scope/names.js";
import type { Scope } from "../scope/scope.js";
import { pathIn } from "./urls/path.js";

/** The part of a Partywall instance that addresses need; what `createPartywall` returns fits. */
export interface UrlHost {
  scope(): Scope | undefined;
}

/** The tenant an address is of; a record of `pw.tenants` fits. */
export interface AddressedTenant {
  readonly id: string;
  readonly slug: string;
  readonly domains: readonly string[];
}

/** How {@link urls} builds addresses; mirror the resolvers that read them. */
export interface UrlOptions {
  /** Scheme, host and perhaps port of the application, like `"https://example.com"`. */
  readonly base: string;
  /** Where the tenant is: `"subdomain"` below the base, or a pattern of the path, like `"/t/:tenant"`. */
  readonly place: "subdomain" | `/${string}`;
  /** What stands for the tenant in the path; default `"slug"`. */
  readonly by?: "id" | "slug";
  /** Which of its domains the tenant is addressed by; `undefined`, as unless told, for the place instead. */
  readonly domain?: (tenant: AddressedTenant) => string | undefined;
}

/** Addresses of one tenant. */
export interface TenantUrls {
  /** The absolute address of a path. Throws `PW_URL_REFUSED` for a path that could lead elsewhere. */
  to(path: string): string;
  /** The address of a path without scheme and host, for pages of the same tenant. Throws as `to` does. */
  path(path: string): string;
}

/** Addresses of the current tenant, and of others where that is allowed. */
export interface Urls extends TenantUrls {
  /**
   * Addresses of the tenant given, in a system scope or in its own. Throws `TenantContextError` where no scope or a central
   * one is open, and `PW_SCOPE_SWITCH` inside another tenant's.
   */
  for(tenant: AddressedTenant): TenantUrls;
}

const PATTERN = /^\/(?:[\w~-][\w.~-]*\/)*:tenant(?:\/[\w~-][\w.~-]*)*$/;

/**
 * Builds addresses of the current tenant, for mails, jobs and redirects. Throws `TenantContextError` where no tenant is current,
 * and `PW_URL_REFUSED` for a path that could lead to another host or tenant. Throws `PW_CONFIG` for a base or place that
 * cannot be.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { urls } from "partywall/runtime/urls";
 *
 * const pw = createPartywall();
 * const url = urls(pw, { base: "https://example.com", place: "subdomain" });
 * await pw.tenants.create({ id: "t1", slug: "acme", name: "Acme" });
 * console.log(await pw.run("t1", () => url.to("/invoices/7"))); // https://acme.example.com/invoices/7
 * ```
 */
export function urls(host: UrlHost, options: UrlOptions): Urls {
  const { place, by = "slug", domain } = options;
  const base = baseOf(options.base);
  const isSubdomain = place === "subdomain";
  if (!isSubdomain && (typeof place !== "string" || !PATTERN.test(place)))
    throw refused('place is "subdomain" or a pattern with one :tenant, like "/t/:tenant"');
  if (isSubdomain && !isHostName(base.hostname)) throw refused("nothing is below an IP address");
  if (by !== "slug" && (by !== "id" || isSubdomain))
    throw refused('by is "slug", or "id" where the place is a path');

  function of(tenant: AddressedTenant): TenantUrls {
    const own = domain?.(tenant);
    // Only what the registry gave the tenant: anything else would send its secrets to a stranger.
    if (own !== undefined && !tenant.domains.includes(own))
      throw refused("domain() gave a domain that is not the tenant's");
    const prefix = own === undefined && !isSubdomain ? prefixOf(place, tenant[by]) : "";
    const hostname = own ?? (isSubdomain ? `${slugOf(tenant)}.${base.hostname}` : base.hostname);
    const origin = `${base.protocol}//${hostname}${base.port === "" ? "" : `:${base.port}`}`;
    const path = (given: string) => `${prefix}${pathIn(given)}`;
    return { path, to: (given) => absolute(origin, path(given)) };
  }

  function current(): TenantUrls {
    const { tenant, domains } = tenantScope(host.scope());
    return of({ id: tenant.id, slug: tenant.slug, domains });
  }

  return Object.freeze({
    to: (path: string) => current().to(path),
    path: (path: string) => current().path(path),
    for(tenant: AddressedTenant) {
      const scope = host.scope();
      if (scope?.kind === "system") return of(tenant);
      if (tenantScope(scope).tenant.id === tenant.id) return current();
      throw new PartywallError(
        "PW_SCOPE_SWITCH",
        "Another tenant's address was asked for inside a tenant scope. Build it in that tenant's scope, or in pw.system().",
      );
    },
  });
}

function baseOf(given: string): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  const isOrigin = url !== undefined && `${url.origin}/` === url.href;
  if (!isOrigin || !/^https?:$/.test(url.protocol) || url.hostname.endsWith("."))
    throw refused('base is a scheme and a host, perhaps a port, like "https://example.com"');
  return url;
}

function slugOf({ slug }: AddressedTenant): string {
  if (!isSlug(slug)) throw refused("the tenant has no valid slug");
  return slug;
}

function prefixOf(pattern: string, value: string): string {
  // What the resolver of paths would refuse, encoded or not.
  if (typeof value !== "string" || value === "" || /^\.\.?$|[/\\\p{Cc}\p{Cs}]/u.test(value))
    throw refused("the tenant's identifier cannot stand in a path; address it by its slug");
  return pattern.replace(":tenant", () => encodeURIComponent(value));
}

function absolute(origin: string, path: string): string {
  const url = URL.canParse(origin + path) ? new URL(origin + path) : undefined;
  const host = origin.slice(origin.indexOf("//") + 2);
  if (url === undefined || url.host !== host)
    throw refused("scheme, host and the tenant's name do not make an address");
  return url.href;
}

function refused(what: string): PartywallError {
  return new PartywallError("PW_CONFIG", `urls() cannot build addresses: ${what}.`);
}
