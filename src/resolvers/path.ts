import { PartywallError } from "../errors.js";
import { malformed } from "./identifier.js";
import { knownOptions } from "./known-options.js";
import { decoded } from "./percent.js";
import type { Resolver } from "./resolver.js";

/** How {@link path} reads the path. */
export interface PathOptions {
  /** What the segment holds; default `"slug"`. */
  readonly by?: "id" | "slug";
  /** Name in the chain; default `path:<pattern>`. */
  readonly name?: string;
}

const SEGMENT = ":tenant";
/** The authority of an absolute-form target, RFC 9112 §3.2.2. */
const ORIGIN = /^https?:\/\/[^/?#]*/i;

/**
 * Finds the tenant in a segment of the path: `acme` in `/t/acme/orders` for `path("/t/:tenant")`. The pattern is matched
 * from the beginning of the path as the client sent it, wherever the application is mounted; a path of another form, or
 * one that ends before the segment, names no tenant.
 *
 * A path that routers and proxies read in different ways is refused with `PW_TENANT_INVALID`: one with dot segments, with
 * empty segments before the tenant's, with a backslash, or with an encoded slash.
 *
 * It is not counted as spoofable, because the path is the tenant's public address. It says whose door the client knocks
 * at, not that it may enter: give `authorize` wherever anything behind that door is private. Throws `PW_CONFIG` on a
 * pattern without exactly one `:tenant`.
 *
 * @example
 * ```ts
 * import { path } from "partywall/resolvers";
 *
 * const headers = new Headers();
 * const request = { method: "GET", host: "example.com", url: "/t/acme/orders?page=2", headers, native: undefined };
 * console.log(await path("/t/:tenant").resolve(request)); // { by: 'slug', value: 'acme' }
 * ```
 */
export function path(pattern: string, options: PathOptions = {}): Resolver {
  const wanted = typeof pattern === "string" ? pattern.split("/").slice(1) : [];
  const isPattern =
    wanted.filter((segment) => segment === SEGMENT).length === 1 &&
    wanted.every((segment) => segment === SEGMENT || /^[\w.~-]*[\w~-][\w.~-]*$/.test(segment));
  if (!isPattern || !pattern.startsWith("/"))
    throw new PartywallError(
      "PW_CONFIG",
      'path() needs a pattern that begins with a slash and has one :tenant among plain segments, like "/t/:tenant".',
    );
  knownOptions("path()", options, ["by", "name"]);
  const { by = "slug", name = `path:${pattern}` } = options;
  const at = wanted.indexOf(SEGMENT);
  return Object.freeze({
    name,
    spoofable: false,
    resolve: ({ url }) => {
      const segments = segmentsOf(url, name);
      if (wanted.some((segment, index) => segment !== SEGMENT && segment !== segments[index])) {
        return undefined;
      }
      const value = segments[at];
      // A slash at the end is no segment.
      if (value === undefined || (value === "" && segments.length === at + 1)) return undefined;
      if (value === "") throw malformed(name, EXPECTED);
      return { by, value };
    },
  } satisfies Resolver);
}

const EXPECTED = "a path that can be read in only one way";

function segmentsOf(url: string, resolver: string): string[] {
  const target = url.replace(ORIGIN, "").split(/[?#]/, 1)[0] ?? "";
  const segments = target
    .split("/")
    .slice(1)
    .map((segment) => decoded(segment, resolver, EXPECTED));
  const isTwofold = (segment: string) =>
    segment === "." || segment === ".." || segment.includes("/") || segment.includes("\\");
  // Routers skip or keep empty segments as they like; at the end there may be one.
  if (segments.some(isTwofold) || segments.slice(0, -1).includes(""))
    throw malformed(resolver, EXPECTED);
  return segments;
}
