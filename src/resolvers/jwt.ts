import { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify } from "jose";
import type { CryptoKey, JSONWebKeySet, JWTVerifyGetKey, JWTVerifyOptions, KeyObject } from "jose";
import { PartywallError } from "../errors.js";
import { bearerToken } from "./bearer.js";
import { ambiguous, malformed } from "./identifier.js";
import { algorithmsFor, checkedKey } from "./jwt-key.js";
import type { VerificationKey } from "./jwt-key.js";
import { knownOptions } from "./known-options.js";
import type { Resolver } from "./resolver.js";

interface JwtCommonOptions {
  /** The claim that names the tenant, a string at the top level of the token; default `"tid"`. */
  readonly claim?: string;
  /** What the claim holds; default `"id"`. */
  readonly by?: "id" | "slug";
  /** Signature algorithms accepted; default `["HS256"]` for a secret, `["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]` otherwise. */
  readonly algorithms?: readonly string[];
  /** Accepted `iss`; not checked unless given. */
  readonly issuer?: string | readonly string[];
  /** Whether a token without `exp` is refused; default `true`. */
  readonly requireExpiry?: boolean;
  /** Whether a valid token without the claim names no tenant instead of being refused; default `false`. */
  readonly claimOptional?: boolean;
  /** Clock difference to the issuer that is tolerated, in seconds; default 0. */
  readonly clockTolerance?: number;
  /** Name in the chain; default `"jwt"`. */
  readonly name?: string;
}

/** How {@link jwt} verifies and reads a token: with one `key`, or with a key set, where `audience` must be decided. */
export type JwtOptions = JwtCommonOptions &
  (
    | {
        /** A secret of at least the hash's length as bytes or key object, or a public key. PEM text and JWK: import them first. */
        readonly key: Uint8Array | KeyObject | CryptoKey;
        /** Accepted `aud`; not checked unless given. */
        readonly audience?: string | readonly string[] | false;
      }
    | {
        /** Address of a key set (https, or http on this machine), a key set, or a function of `jose`. */
        readonly jwks: URL | JSONWebKeySet | JWTVerifyGetKey;
        /** Accepted `aud`. A key set signs for every application of its issuer; `false` states that this one's tokens carry none. */
        readonly audience: string | readonly string[] | false;
      }
  );

/**
 * Finds the tenant in a claim of a verified bearer token (RFC 6750, RFC 7519); not spoofable. Needs `jose`.
 *
 * No bearer token names no tenant. One that is expired, not for this audience, badly signed or without a string in
 * the claim is refused with `PW_TENANT_INVALID` and never falls through to another resolver; two `Authorization`
 * headers with `PW_TENANT_AMBIGUOUS`; a key set that cannot be fetched with `PW_REGISTRY_UNAVAILABLE`.
 * Throws `PW_CONFIG` on a short secret, PEM text as a secret, a private key, `none`, or an algorithm of another kind of key.
 *
 * @example
 * ```ts
 * import { SignJWT } from "jose";
 * import { jwt } from "partywall/resolvers/jwt";
 *
 * const key = new TextEncoder().encode("a secret of at least thirty-two bytes");
 * const token = await new SignJWT({ tid: "t1" }).setProtectedHeader({ alg: "HS256" }).setExpirationTime("5m").sign(key);
 * const headers = new Headers({ authorization: `Bearer ${token}` });
 * const request = { method: "GET", host: "example.com", url: "/", headers, native: undefined };
 * console.log(await jwt({ key }).resolve(request)); // { by: 'id', value: 't1' }
 * ```
 */
export function jwt(options: JwtOptions): Resolver {
  knownOptions("jwt()", options, OPTIONS);
  const { claim = "tid", by = "id", claimOptional = false, name = "jwt" } = options;
  const { key, secretBytes } = "jwks" in options ? keySet(options) : checkedKey(options.key);
  const verification: JWTVerifyOptions = {
    algorithms: algorithmsFor(options.algorithms, secretBytes),
    requiredClaims: options.requireExpiry === false ? [] : ["exp"],
    clockTolerance: options.clockTolerance ?? 0,
    ...given("issuer", options.issuer),
    ...given("audience", options.audience),
  };
  return Object.freeze({
    name,
    spoofable: false,
    vary: Object.freeze(["authorization"]),
    async resolve({ headers }) {
      const bearer = bearerToken(headers.get("authorization"));
      if (bearer === undefined) return undefined;
      if (bearer === "many") throw ambiguous(name, "more than one Authorization header");
      if (bearer === "malformed") throw malformed(name, "a bearer token");
      const { payload } = await jwtVerify(bearer.token, key, verification).catch(
        (error: unknown) => {
          throw verdict(error, name);
        },
      );
      const value = Object.hasOwn(payload, claim) ? payload[claim] : undefined;
      if (value === undefined && claimOptional) return undefined;
      if (typeof value !== "string")
        throw malformed(name, "a token whose tenant claim is a string");
      return { by, value };
    },
  } satisfies Resolver);
}

const OPTIONS = [
  "key",
  "jwks",
  "algorithms",
  "issuer",
  "audience",
  "requireExpiry",
  "clockTolerance",
  "claim",
  "claimOptional",
  "by",
  "name",
];

function keySet(options: Extract<JwtOptions, { jwks: unknown }>): VerificationKey<JWTVerifyGetKey> {
  const { jwks, audience } = options;
  if ("key" in options) throw refused("give either key or jwks");
  if (audience === undefined)
    throw refused(
      "a key set signs for every application of its issuer. Give audience, or false if its tokens carry none",
    );
  if (typeof jwks === "function") return { key: jwks };
  if (!(jwks instanceof URL)) return { key: localKeySet(jwks) };
  const local = ["localhost", "127.0.0.1", "[::1]"].includes(jwks.hostname);
  if (jwks.protocol !== "https:" && !(jwks.protocol === "http:" && local))
    throw refused("keys fetched without https can be replaced on the way. Use an https address");
  return { key: createRemoteJWKSet(jwks) };
}

function localKeySet(jwks: JSONWebKeySet): JWTVerifyGetKey {
  try {
    return createLocalJWKSet(jwks);
  } catch (cause) {
    throw refused("jwks is neither a URL, a key set ({ keys: [...] }) nor a function", { cause });
  }
}

/** Errors of the token; every other one is a failure of ours, such as a key set that cannot be fetched. */
const TOKEN_ERRORS = [
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
  errors.JWKSMultipleMatchingKeys,
  errors.JWKSNoMatchingKey,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JWTClaimValidationFailed,
  errors.JWTExpired,
  errors.JWTInvalid,
];

function verdict(error: unknown, name: string): PartywallError {
  // jose's claim errors carry the payload in their cause, so only the code goes on.
  if (TOKEN_ERRORS.some((kind) => error instanceof kind))
    return malformed(name, "a valid token", (error as errors.JOSEError).code);
  return new PartywallError(
    "PW_REGISTRY_UNAVAILABLE",
    `The resolver "${name}" could not get the keys to verify a token with. Check the address of its key set.`,
    { cause: error },
  );
}

function given(
  name: "issuer" | "audience",
  value: string | readonly string[] | false | undefined,
): JWTVerifyOptions {
  if (value === undefined || value === false) return {};
  const accepted = typeof value === "string" ? [value] : [...value];
  if (
    accepted.length === 0 ||
    accepted.some((entry) => typeof entry !== "string" || entry.trim() === "")
  )
    throw refused(`${name} is empty. Give its value, or leave it out`);
  return { [name]: accepted };
}

function refused(what: string, options?: ErrorOptions): PartywallError {
  return new PartywallError("PW_CONFIG", `jwt() cannot be built: ${what}.`, options);
}
