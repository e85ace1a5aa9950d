import { domainToASCII } from "node:url";
import { PartywallError } from "../errors.js";
import type { TenantKey } from "../scope/directory.js";
import { unknownTenant } from "../scope/enterable.js";
import type { StoreKey } from "./store.js";

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

/** Labels of letters, digits and inner dashes, at least two of them, the last one not a number: never an IP address. */
const DOMAIN =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?![0-9]+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * A domain as it is kept and looked up: in lower case, in ASCII (UTS #46), without a final dot. Undefined for what is no
 * domain of two labels or more: a port, an address, a single label.
 */
export function domainName(value: unknown): string | undefined {
  // What a URL's host ends at, or has decoded, is cut off or changed without a word.
  if (typeof value !== "string" || value.length > 1000 || /[\s%/\\:?#@[\]]/.test(value))
    return undefined;
  const ascii = domainToASCII(value.replace(/\.$/, ""));
  return DOMAIN.test(ascii) ? ascii : undefined;
}

function isText(value: unknown): value is string {
  return (
    typeof value === "string" &&
    value.length > 0 &&
    value.length <= LONGEST_TEXT &&
    !FORBIDDEN.test(value)
  );
}

/**
 * The key to ask the store for. Throws `PW_TENANT_INVALID` for what is no key at all, and `PW_TENANT_UNKNOWN`,
 * without asking the store, for an id or slug that no tenant can have.
 */
export function storeKey(key: TenantKey): StoreKey {
  if (typeof key === "string") return idKey(key);
  if (typeof key === "object" && key !== null) {
    const { id, slug, domain } = key as Partial<Record<"id" | "slug" | "domain", unknown>>;
    const [only, ...more] = [id, slug, domain].filter((one) => one !== undefined);
    if (typeof only === "string" && more.length === 0) {
      if (only === id) return idKey(only);
      if (only === slug) return slugKey(only);
      return domainKey(only);
    }
  }
  throw new PartywallError(
    "PW_TENANT_INVALID",
    "A tenant is named by its id as a string, by { id }, { slug } or { domain }; something else was given.",
  );
}

function slugKey(slug: string): StoreKey {
  if (isSlug(slug)) return { slug };
  throw unknownTenant();
}

function domainKey(given: string): StoreKey {
  const domain = domainName(given);
  if (domain !== undefined) return { domain };
  throw unknownTenant();
}

function idKey(id: string): StoreKey {
  if (isTenantId(id)) return { id };
  throw unknownTenant();
}
