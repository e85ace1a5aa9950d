import { PartywallError } from "../errors.js";
import { isHostName } from "../scope/names.js";
import { hostName } from "./host.js";
import { malformed } from "./identifier.js";
import { knownOptions } from "./known-options.js";
import type { Resolver } from "./resolver.js";

/** How {@link subdomain} reads the host. */
export interface SubdomainOptions {
  /** Labels that are not tenants; default `["www"]`. */
  readonly ignore?: readonly string[];
  /**
   * Whether a tenant owns every name below its own, so that `admin.acme.example.com` is `acme`;
   * default `false`, which refuses such a host with `PW_TENANT_INVALID`.
   */
  readonly nested?: boolean;
  /** Name in the chain; default `subdomain:<baseDomain>`. */
  readonly name?: string;
}

/**
 * Finds the tenant's slug in the host: `acme` in `acme.example.com` for `subdomain("example.com")`.
 *
 * Case, port and a final dot do not matter. The base domain itself, an ignored label, an IP address and every other
 * domain (`evilexample.com` too) name no tenant. `X-Forwarded-Host` is never read: let the proxy keep `Host`.
 *
 * It is not counted as spoofable, because the host is the tenant's public address. It says whose door the client
 * knocks at, not that it may enter: give `authorize` wherever anything behind that door is private.
 * Throws `PW_CONFIG` when the base domain is not a domain.
 *
 * @example
 * ```ts
 * import { subdomain } from "partywall/resolvers";
 *
 * const resolver = subdomain("example.com", { ignore: ["www", "api"] });
 * const headers = new Headers();
 * const request = { method: "GET", host: "Acme.Example.com:3000", url: "/", headers, native: undefined };
 * console.log(await resolver.resolve(request)); // { by: "slug", value: "acme" }
 * ```
 */
export function subdomain(baseDomain: string, options: SubdomainOptions = {}): Resolver {
  const base = typeof baseDomain === "string" ? baseDomain.toLowerCase() : "";
  if (!isHostName(base))
    throw new PartywallError(
      "PW_CONFIG",
      'subdomain() needs the domain above the tenants, without scheme, port or dots around it, like "example.com".',
    );
  knownOptions("subdomain()", options, ["ignore", "nested", "name"]);
  const suffix = `.${base}`;
  const ignored = new Set((options.ignore ?? ["www"]).map((label) => label.toLowerCase()));
  const nested = options.nested === true;
  const name = options.name ?? `subdomain:${base}`;
  return Object.freeze({
    name,
    spoofable: false,
    resolve: ({ host }) => {
      const asked = hostName(host, name);
      if (asked === undefined || !asked.endsWith(suffix)) return undefined;
      const below = asked.slice(0, -suffix.length);
      const label = below.slice(below.lastIndexOf(".") + 1);
      if (label !== below && !nested) throw malformed(name, "one label below the base domain");
      return ignored.has(label) ? undefined : { by: "slug", value: label };
    },
  } satisfies Resolver);
}
