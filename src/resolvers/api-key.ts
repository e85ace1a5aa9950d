import { PartywallError } from "../errors.js";
import { ambiguous, malformed } from "./identifier.js";
import { knownOptions } from "./known-options.js";
import type { Candidate, Resolver } from "./resolver.js";

/** How {@link apiKey} reads the key. */
export interface ApiKeyOptions {
  /** The header that holds the key; default `"x-api-key"`, or `"authorization"` where there is a `scheme`. */
  readonly header?: string;
  /** The scheme before the key, for example `"Bearer"`; default none. A value of another scheme is no key. */
  readonly scheme?: string;
  /** Name in the chain; default `"api-key"`. */
  readonly name?: string;
}

/** `token68`, RFC 9110 §11.2, and what else keys are made of: no blank, no comma. */
const KEY = /^[\x21-\x2b\x2d-\x7e]{1,512}$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Finds the tenant whose API key the request holds. `lookup` is the application's: it is given the key, is awaited, and
 * gives the tenant's id, a candidate, or `undefined` for a key that nobody has. Let it compare hashes, not keys.
 *
 * No key names no tenant. A key that nobody has is refused with `PW_TENANT_INVALID` and never falls through to another
 * resolver; so is one that no key can be. Two keys are refused with `PW_TENANT_AMBIGUOUS`. What `lookup` throws is the
 * framework's 500. The key is in no error. Throws `PW_CONFIG` on a header or scheme that cannot be.
 *
 * @example
 * ```ts
 * import { createHash } from "node:crypto";
 * import { apiKey } from "partywall/resolvers";
 *
 * const sha256 = (key: string) => createHash("sha256").update(key).digest("hex");
 * const tenants = new Map([[sha256("pw_live_1234"), "t1"]]);
 * const resolver = apiKey(async (key) => tenants.get(sha256(key)));
 * const headers = new Headers({ "x-api-key": "pw_live_1234" });
 * const request = { method: "GET", host: "example.com", url: "/", headers, native: undefined };
 * console.log(await resolver.resolve(request)); // { by: 'id', value: 't1' }
 * ```
 */
export function apiKey(
  lookup: (
    key: string,
  ) => string | Candidate | undefined | PromiseLike<string | Candidate | undefined>,
  options: ApiKeyOptions = {},
): Resolver {
  if (typeof lookup !== "function")
    throw refused("it needs a function that finds the tenant of a key");
  knownOptions("apiKey()", options, ["header", "scheme", "name"]);
  const { scheme, name = "api-key" } = options;
  const { header = scheme === undefined ? "x-api-key" : "authorization" } = options;
  for (const token of [header, scheme ?? "-"])
    if (typeof token !== "string" || !TOKEN.test(token))
      throw refused('header and scheme are tokens, like "x-api-key" and "Bearer"');
  const field = header.toLowerCase();
  return Object.freeze({
    name,
    spoofable: false,
    vary: Object.freeze([field]),
    async resolve({ headers }) {
      const value = headers.get(field);
      const key = value === null ? undefined : keyIn(value, scheme, name);
      if (key === undefined) return undefined;
      if (!KEY.test(key)) throw malformed(name, "an API key");
      const found = await lookup(key);
      if (found === undefined) throw malformed(name, "a key that is known");
      return typeof found === "string" ? { by: "id", value: found } : found;
    },
  } satisfies Resolver);
}

function keyIn(value: string, scheme: string | undefined, resolver: string): string | undefined {
  const text = value.trim();
  if (scheme === undefined) {
    // Every framework joins a repeated header with a comma.
    if (text.includes(",")) throw ambiguous(resolver, "its header more than once");
    return text;
  }
  const prefix = `${scheme.toLowerCase()} `;
  const parts = text.split(",").map((part) => part.trim());
  const ours = parts.filter((part) => `${part} `.toLowerCase().startsWith(prefix));
  if (ours.length === 0) return undefined;
  if (parts.length > 1) throw ambiguous(resolver, "its header more than once");
  return text.slice(prefix.length).trim();
}

function refused(what: string): PartywallError {
  return new PartywallError("PW_CONFIG", `apiKey() cannot be built: ${what}.`);
}
