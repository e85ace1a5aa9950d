import type { TenantPatch, TenantRecord } from "./record.js";
import { compareIds, type StorePage, type TenantStore } from "./store.js";

/**
 * Keeps tenant records in the memory of this process: for tests, trials and fixed sets of tenants. Nothing
 * survives a restart and other processes see nothing of it.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { memoryStore } from "partywall/registry";
 *
 * const pw = createPartywall({ store: memoryStore() });
 * await pw.tenants.create({ id: "acme", slug: "acme", name: "Acme" });
 * console.log((await pw.tenants.get("acme")).status); // active
 * ```
 */
export function memoryStore(): TenantStore {
  const records = new Map<string, TenantRecord>();
  const bySlug = (slug: string): TenantRecord | undefined =>
    [...records.values()].find((one) => one.slug === slug);
  const byDomain = (domain: string): TenantRecord | undefined =>
    [...records.values()].find((one) => one.domains.includes(domain));

  return {
    async find(key) {
      if ("id" in key) return records.get(key.id);
      return "slug" in key ? bySlug(key.slug) : byDomain(key.domain);
    },
    async list({ after, limit, status }: StorePage) {
      return [...records.values()]
        .filter((one) => status.includes(one.status))
        .filter((one) => after === undefined || compareIds(one.id, after) > 0)
        .toSorted((a, b) => compareIds(a.id, b.id))
        .slice(0, limit);
    },
    async insert(record) {
      if (records.has(record.id)) return "id-taken";
      if (bySlug(record.slug) !== undefined) return "slug-taken";
      records.set(record.id, record);
      return "inserted";
    },
    async update(id, expectedVersion, patch: TenantPatch) {
      const record = records.get(id);
      if (record?.version !== expectedVersion) return "conflict";
      if (patch.slug !== undefined && (bySlug(patch.slug)?.id ?? id) !== id) return "slug-taken";
      if (patch.domains?.some((domain) => (byDomain(domain)?.id ?? id) !== id))
        return "domain-taken";
      records.set(id, Object.freeze({ ...record, ...patch, version: expectedVersion + 1 }));
      return "updated";
    },
  };
}
