import { PartywallError } from "../errors.js";
import { ambiguous } from "./identifier.js";
import { knownOptions } from "./known-options.js";
import type { Resolver } from "./resolver.js";

/** How {@link query} reads its parameter. */
export interface QueryOptions {
  /** What the parameter holds; default `"slug"`. */
  readonly by?: "id" | "slug";
  /** Why this parameter can be trusted; without it the chain needs `authorize`. */
  readonly trust?: string;
  /** Name in the chain; default `query:<name>`. */
  readonly name?: string;
}

/**
 * Finds the tenant in a parameter of the query string, read as forms are (`URLSearchParams`); spoofable, so `tenancy`
 * demands `authorize` or `trust`.
 *
 * A parameter given twice, or also as a list (`tenant[]=`), is refused with `PW_TENANT_AMBIGUOUS`, since frameworks differ
 * in which one they take; an empty or malformed one with `PW_TENANT_INVALID`. Throws `PW_CONFIG` on an empty name.
 *
 * @example
 * ```ts
 * import { query } from "partywall/resolvers";
 *
 * const headers = new Headers();
 * const request = { method: "GET", host: "example.com", url: "/orders?tenant=acme", headers, native: undefined };
 * console.log(await query("tenant").resolve(request)); // { by: 'slug', value: 'acme' }
 * ```
 */
export function query(parameter: string, options: QueryOptions = {}): Resolver {
  if (typeof parameter !== "string" || parameter === "")
    throw new PartywallError(
      "PW_CONFIG",
      'query() needs the name of a parameter, like query("tenant").',
    );
  knownOptions("query()", options, ["by", "trust", "name"]);
  const { by = "slug", trust, name = `query:${parameter}` } = options;
  return Object.freeze({
    name,
    spoofable: true,
    ...(trust === undefined ? {} : { trust }),
    resolve: ({ url }) => {
      const from = url.indexOf("?");
      if (from === -1) return undefined;
      const parameters = new URLSearchParams(url.slice(from + 1).split("#", 1)[0]);
      const names = [...parameters.keys()].filter((one) => isOf(one, parameter));
      if (names.length > 1 || (names.length === 1 && names[0] !== parameter))
        throw ambiguous(name, "its parameter more than once, or as a list");
      const value = parameters.get(parameter);
      return value === null ? undefined : { by, value };
    },
  } satisfies Resolver);
}

// `tenant[]`, `tenant[0]`, `tenant.id`: what query parsers put under the same name.
function isOf(name: string, parameter: string): boolean {
  return name === parameter || name.startsWith(`${parameter}[`) || name.startsWith(`${parameter}.`);
}
