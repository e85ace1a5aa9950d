import { PartywallError } from "../errors.js";
import type { TenantEntry } from "./directory.js";

/** Throws unless a scope may be opened for the tenant: only an active tenant can be entered. */
export function assertEnterable({ tenant }: TenantEntry): void {
  switch (tenant.status) {
    case "active":
      break;
    case "suspended":
      throw new PartywallError(
        "PW_TENANT_SUSPENDED",
        `Tenant ${JSON.stringify(tenant.id)} is suspended. Restore it with pw.tenants.restore() to let it in again.`,
      );
    case "provisioning":
      throw new PartywallError(
        "PW_TENANT_NOT_READY",
        `Tenant ${JSON.stringify(tenant.id)} is still being provisioned. Try again when pw.tenants.create() has finished.`,
      );
    case "deleted":
      throw unknownTenant();
  }
}

/** The one answer for a tenant that does not exist, was deleted, or is named in a way no tenant can be. */
export function unknownTenant(): PartywallError {
  return new PartywallError(
    "PW_TENANT_UNKNOWN",
    "No such tenant is registered. Check the identifier, or create the tenant with pw.tenants.create().",
  );
}
