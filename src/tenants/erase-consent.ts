import type { TenantRecord } from "../registry/record.js";
import { refused } from "./refusal.js";

/** What somebody who decided to erase a tenant has to show. */
export interface EraseConsent {
  /** The tenant's record in the registry, freshly read: it must be suspended or deleted. */
  readonly record: Pick<TenantRecord, "id" | "slug" | "status">;
  /** The tenant's slug or id, from whoever decided this; not needed with `dryRun`. */
  readonly confirm?: string;
  /** Tells what would go, and changes nothing. Default `false`. */
  readonly dryRun?: boolean;
}

/** Throws `PW_TENANT_DATA_REFUSED` unless a tenant's data may be erased: it is out, and somebody who says which it is has confirmed. */
export function assertMayErase(tenantId: string, consent: EraseConsent): void {
  const { record, confirm, dryRun } = consent;
  if (record?.id !== tenantId) {
    throw refused("The record is not that of the tenant of these premises. Nothing was done.");
  }
  if (dryRun) return;
  if (record.status !== "suspended" && record.status !== "deleted") {
    throw refused(
      `The tenant ${record.slug} is ${record.status}: it may be at work. Nothing was done. Suspend or delete it first (pw.tenants.suspend).`,
    );
  }
  if (confirm !== record.slug && confirm !== record.id) {
    throw refused(
      `This erases all data of ${record.slug} and must be confirmed. Nothing was done. Give its slug as confirm.`,
    );
  }
}
