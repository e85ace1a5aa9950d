/** `Bearer` and a token68, RFC 6750 §2.1. */
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;
const SCHEME = /(?:^|,)\s*bearer(?=[\s,]|$)/i;

/**
 * The bearer token in an `Authorization` value; `undefined` when it holds none. Repeated headers arrive joined by
 * commas, so a bearer scheme beside a comma is `"many"`: RFC 9110 §11.6.2 allows one set of credentials.
 */
export function bearerToken(
  authorization: string | null,
): { readonly token: string } | undefined | "many" | "malformed" {
  if (authorization === null || !SCHEME.test(authorization)) return undefined;
  if (authorization.includes(",")) return "many";
  const token = BEARER.exec(authorization.trim())?.[1];
  return token === undefined ? "malformed" : { token };
}
