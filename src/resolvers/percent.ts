import { malformed } from "./identifier.js";

/** A percent-encoded text decoded once, RFC 3986 §2.1; throws `PW_TENANT_INVALID` where it is not well formed. */
export function decoded(text: string, resolver: string, expected: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    throw malformed(resolver, expected);
  }
}
