import { PartywallError } from "../../errors.js";

// A URL parser drops controls and blanks at the ends, and takes a backslash for a slash (WHATWG URL, §4.4).
const CHANGED_BY_PARSERS = /[\\\s\p{Cc}\p{Cf}\p{Cs}]/u;
/** What a router may take for another path once it has decoded it. */
const TWOFOLD = /^\.\.?$|[/\\\p{Cc}]/u;

/**
 * The path in its encoded form, query and fragment behind it. Throws `PW_URL_REFUSED` unless it begins with one slash and is
 * read in only one way: no dot segments, no empty segments but the last, no encoded slash or backslash.
 */
export function pathIn(given: unknown): string {
  if (typeof given !== "string" || !given.startsWith("/") || CHANGED_BY_PARSERS.test(given))
    throw refused();
  const end = given.search(/[?#]/);
  const path = end === -1 ? given : given.slice(0, end);
  const segments = path.split("/").slice(1).map(decoded);
  if (segments.some((segment) => TWOFOLD.test(segment)) || segments.slice(0, -1).includes(""))
    throw refused();
  const { pathname, search, hash } = new URL(`http://partywall.invalid${given}`);
  return `${pathname}${search}${hash}`;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw refused();
  }
}

function refused(): PartywallError {
  return new PartywallError(
    "PW_URL_REFUSED",
    "urls(): a path was given that could lead elsewhere. Give one that begins with one slash, without dot segments, empty segments, " +
      "backslashes, blanks or control characters; encode what comes from users with encodeURIComponent().",
  );
}
