import { createHash } from "node:crypto";

const LONGEST_SLUG = 40;

/**
 * A name for a tenant's schema or database: the slug so that people recognise it, and a digest of the id so that no two
 * tenants get the same. At most 61 bytes of a-z, 0-9 and `_`, so it needs no quotes. It stays as it is when the slug
 * changes later: keep it in the placement.
 *
 * @example
 * ```ts
 * import { homeName } from "partywall/tenants";
 *
 * const id = "7f0c3c1e-5d0e-4a52-9f0e-0d3c5f1b2a34";
 * console.log(homeName({ id, slug: "acme" })); // t_acme_6e0f5b1a9d3c2b47
 * ```
 */
export function homeName(tenant: { readonly id: string; readonly slug: string }): string {
  const slug = tenant.slug
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, "_")
    .slice(0, LONGEST_SLUG);
  const digest = createHash("sha256").update(tenant.id).digest("hex").slice(0, 16);
  return `t_${slug}_${digest}`;
}
