import type { Partywall } from "../../partywall.js";
import type { TenantRecord } from "../../registry/record.js";

/**
 * Registers the tenant that the adopted rows belong to, or goes on where that was cut short. One that is registered
 * already stays as it is. Throws what `pw.tenants.create` throws.
 */
export async function registerFirst(
  pw: Partywall,
  tenant: { readonly id: string; readonly slug: string; readonly name: string },
): Promise<TenantRecord> {
  const known = await pw.tenants.find({ id: tenant.id });
  if (known !== undefined && known.status !== "provisioning") return known;
  return pw.tenants.create(tenant);
}
