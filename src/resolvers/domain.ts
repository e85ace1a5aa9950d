import { PartywallError } from "../errors.js";
import { domainName, hostNameOf } from "../scope/names.js";
import { hostName } from "./host.js";
import { knownOptions } from "./known-options.js";
import type { Resolver } from "./resolver.js";

/** How {@link domain} reads the host. */
export interface DomainOptions {
  /** Name in the chain; default `"domain"`. */
  readonly name?: string;
}

/**
 * Finds the tenant to whom the host belongs as a domain of its own: `shop.acme.com`, as given to
 * `pw.tenants.addDomain()`. The application's own domains, and all below them, are no tenant's, nor is an IP address or a
 * single label; every other host is looked up in the registry, and one that is nobody's is an unknown tenant.
 *
 * Case, port and a final dot do not matter. `X-Forwarded-Host` is never read: let the proxy keep `Host`. It is not counted as
 * spoofable, for the reason that {@link subdomain} is not. Throws `PW_CONFIG` when one of `own` is not a domain.
 *
 * @example
 * ```ts
 * import { domain, subdomain } from "partywall/resolvers";
 *
 * export const resolve = [subdomain("example.com"), domain(["example.com"])];
 * const headers = new Headers();
 * const request = { method: "GET", host: "Shop.Acme.com:443", url: "/", headers, native: undefined };
 * console.log(await domain(["example.com"]).resolve(request)); // { by: 'domain', value: 'shop.acme.com' }
 * ```
 */
export function domain(own: readonly string[], options: DomainOptions = {}): Resolver {
  const names = Array.isArray(own) ? own.map(hostNameOf) : [undefined];
  if (names.includes(undefined))
    throw new PartywallError(
      "PW_CONFIG",
      'domain() needs the list of the application\'s own domains, which are no tenant\'s, like ["example.com"] or ["localhost"]; [] where there are none.',
    );
  knownOptions("domain()", options, ["name"]);
  const { name = "domain" } = options;
  const isOwn = (host: string) =>
    names.some((one) => host === one || host.endsWith(`.${one as string}`));
  return Object.freeze({
    name,
    spoofable: false,
    resolve: ({ host }) => {
      const asked = hostName(host, name);
      const value = domainName(asked);
      return value === undefined || isOwn(value) ? undefined : { by: "domain", value };
    },
  } satisfies Resolver);
}
