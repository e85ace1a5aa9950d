import { domainToASCII } from "node:url";

const SLUG = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
// Half a surrogate pair is refused too: encoded as UTF-8 all of them become the same character.
const FORBIDDEN = /[\p{Control}\p{Surrogate}]/u;
const LONGEST_TEXT = 200;

/** Whether a value can be a tenant id: 1 to 200 characters, no control characters, well-formed Unicode. */
export function isTenantId(value: unknown): value is string {
  return isText(value);
}

/** Whether a value can be a slug: a DNS label in lower case. */
export function isSlug(value: unknown): value is string {
  return typeof value === "string" && SLUG.test(value);
}

/** Whether a value can be a tenant's name: 1 to 200 characters, not blank, no control characters. */
export function isName(value: unknown): value is string {
  return isText(value) && value.trim() !== "";
}

/** Labels of letters, digits and inner dashes, the last one not a number: never an IP address. */
const HOST_NAME =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*(?![0-9]+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Whether a value is the name of a host in lower case and ASCII: one label or more, and no IP address. */
export function isHostName(value: unknown): value is string {
  return typeof value === "string" && HOST_NAME.test(value);
}

/**
 * A domain as it is kept and looked up: in lower case, in ASCII (UTS #46), without a final dot. Undefined for what is no
 * domain of two labels or more: a port, an address, a single label.
 */
export function domainName(value: unknown): string | undefined {
  const name = hostNameOf(value);
  return name?.includes(".") === true ? name : undefined;
}

/** As {@link domainName}, of one label too. */
export function hostNameOf(value: unknown): string | undefined {
  // What a URL's host ends at, or has decoded, is cut off or changed without a word.
  if (typeof value !== "string" || value.length > 1000 || /[\s%/\\:?#@[\]]/.test(value))
    return undefined;
  const ascii = domainToASCII(value.replace(/\.$/, ""));
  return isHostName(ascii) ? ascii : undefined;
}

function isText(value: unknown): value is string {
  return (
    typeof value === "string" &&
    value.length > 0 &&
    value.length <= LONGEST_TEXT &&
    !FORBIDDEN.test(value)
  );
}
