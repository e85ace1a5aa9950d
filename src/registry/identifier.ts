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
    const { id, slug } = key as { readonly id?: unknown; readonly slug?: unknown };
    if (typeof id === "string" && slug === undefined) return idKey(id);
    if (typeof slug === "string" && id === undefined) {
      if (isSlug(slug)) return { slug };
      throw unknownTenant();
    }
  }
  throw new PartywallError(
    "PW_TENANT_INVALID",
    "A tenant is named by its id as a string, by { id } or by { slug }; something else was given.",
  );
}

function idKey(id: string): StoreKey {
  if (isTenantId(id)) return { id };
  throw unknownTenant();
}
