import { PartywallError } from "../errors.js";
import { ambiguous } from "./identifier.js";
import { knownOptions } from "./known-options.js";
import { decoded } from "./percent.js";
import type { Resolver } from "./resolver.js";

/** How {@link cookie} reads its cookie. */
export interface CookieOptions {
  /** What the cookie holds; default `"slug"`. */
  readonly by?: "id" | "slug";
  /** Why this cookie can be trusted; without it the chain needs `authorize`. */
  readonly trust?: string;
  /** Name in the chain; default `cookie:<name>`. */
  readonly name?: string;
}

/** `cookie-name`, RFC 6265 §4.1.1: a token. */
const COOKIE_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Finds the tenant in a cookie, percent-decoded as frameworks write it; spoofable, so `tenancy` demands `authorize` or
 * `trust`.
 *
 * A cookie sent twice is refused with `PW_TENANT_AMBIGUOUS`: a sibling domain can set one beside yours, and frameworks
 * differ in which they take. A name that begins with `__Host-` keeps siblings out. An empty or malformed cookie is
 * refused with `PW_TENANT_INVALID`. Throws `PW_CONFIG` on a name that no cookie can have.
 *
 * Source: RFC 6265 §4.2 and §5.4; `__Host-`: RFC 6265bis §4.1.3.2.
 *
 * @example
 * ```ts
 * import { cookie } from "partywall/resolvers";
 *
 * const headers = new Headers({ cookie: "theme=dark; __Host-tenant=acme" });
 * const request = { method: "GET", host: "example.com", url: "/", headers, native: undefined };
 * console.log(await cookie("__Host-tenant").resolve(request)); // { by: 'slug', value: 'acme' }
 * ```
 */
export function cookie(cookieName: string, options: CookieOptions = {}): Resolver {
  if (typeof cookieName !== "string" || !COOKIE_NAME.test(cookieName))
    throw new PartywallError(
      "PW_CONFIG",
      'cookie() was given a name that no cookie can have. Pass one like "__Host-tenant".',
    );
  knownOptions("cookie()", options, ["by", "trust", "name"]);
  const { by = "slug", trust, name = `cookie:${cookieName}` } = options;
  return Object.freeze({
    name,
    spoofable: true,
    ...(trust === undefined ? {} : { trust }),
    vary: Object.freeze(["cookie"]),
    resolve: ({ headers }) => {
      const values = valuesOf(cookieName, headers.get("cookie") ?? "");
      const [value] = values;
      if (value === undefined) return undefined;
      if (values.length > 1) throw ambiguous(name, "its cookie more than once");
      return { by, value: decoded(value, name, "a well-formed cookie") };
    },
  } satisfies Resolver);
}

function valuesOf(cookieName: string, header: string): string[] {
  const values: string[] = [];
  // Some joints between headers are commas; a value of ours has none, so that whatever follows one counts as well.
  for (const pair of header.split(/[;,]/)) {
    const equals = pair.indexOf("=");
    if (equals === -1 || pair.slice(0, equals).trim() !== cookieName) continue;
    const value = pair.slice(equals + 1).trim();
    values.push(/^".*"$/.test(value) ? value.slice(1, -1) : value);
  }
  return values;
}
