import { PartywallError } from "../errors.js";
import { ambiguous } from "./identifier.js";
import { knownOptions } from "./known-options.js";
import type { Resolver } from "./resolver.js";

/** How {@link header} reads its header. */
export interface HeaderOptions {
  /** What the header holds; default `"slug"`. */
  readonly by?: "id" | "slug";
  /** Why this header can be trusted, for example what strips it from outside requests; without it the chain needs `authorize`. */
  readonly trust?: string;
  /** Name in the chain; default `header:<name>`. */
  readonly name?: string;
}

/** A field name: RFC 9110 §5.1, `token`. */
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Finds the tenant in a request header; spoofable, so `tenancy` demands `authorize` or `trust`.
 *
 * A header sent twice, or holding a comma, is refused with `PW_TENANT_AMBIGUOUS`; an empty or malformed one with
 * `PW_TENANT_INVALID`. Throws `PW_CONFIG` on a name no header can have.
 *
 * @example
 * ```ts
 * import { header } from "partywall/resolvers";
 *
 * const fromClient = header("x-tenant"); // needs authorize
 * const fromGateway = header("x-tenant-id", {
 *   by: "id",
 *   trust: "set by our gateway, which removes it from every request that comes from outside",
 * });
 * console.log(fromClient.name, fromGateway.spoofable); // header:x-tenant true
 * ```
 */
export function header(name: string, options: HeaderOptions = {}): Resolver {
  if (typeof name !== "string" || !FIELD_NAME.test(name))
    throw new PartywallError(
      "PW_CONFIG",
      'header() was given a name that no HTTP header can have. Pass one like "x-tenant".',
    );
  knownOptions("header()", options, ["by", "trust", "name"]);
  const { by = "slug", trust } = options;
  const field = name.toLowerCase();
  const resolver = options.name ?? `header:${field}`;
  return Object.freeze({
    name: resolver,
    spoofable: true,
    ...(trust === undefined ? {} : { trust }),
    vary: Object.freeze([field]),
    resolve: ({ headers }) => {
      const value = headers.get(field);
      if (value === null) return undefined;
      // Every framework joins a repeated header with a comma, and which copy a proxy checked cannot be known.
      if (value.includes(",")) throw ambiguous(resolver, "its header more than once");
      return { by, value };
    },
  } satisfies Resolver);
}
