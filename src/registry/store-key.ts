import { PartywallError } from "../errors.js";
import type { TenantKey } from "../scope/directory.js";
import { unknownTenant } from "../scope/enterable.js";
import { domainName, isSlug, isTenantId } from "../scope/names.js";
import type { StoreKey } from "./store.js";

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
