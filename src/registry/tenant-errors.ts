import { PartywallError } from "../errors.js";
import type { TenantStatus } from "../scope/tenant.js";
import type { TenantRecord } from "./record.js";

/** `PW_TENANT_INVALID`: what was asked for cannot be. */
export function invalid(what: string): PartywallError {
  return new PartywallError(
    "PW_TENANT_INVALID",
    `The tenant or the request for tenants is not valid: ${what}.`,
  );
}

/** `PW_TENANT_EXISTS`: a unique value is taken. */
export function exists(what: "id" | "slug" | "domain"): PartywallError {
  return new PartywallError(
    "PW_TENANT_EXISTS",
    `A tenant with this ${what} is registered already${what === "domain" ? "" : "; slugs of deleted tenants stay reserved"}. Choose another.`,
  );
}

/** `PW_TENANT_CONFLICT`: the record changed between reading and writing it. */
export function conflict(id: string): PartywallError {
  return new PartywallError(
    "PW_TENANT_CONFLICT",
    `Tenant ${JSON.stringify(id)} was changed by somebody else at the same time. Read it again and repeat the change.`,
  );
}

/** `PW_TENANT_CONFLICT`: the tenant's status does not allow the change. */
export function misplaced(record: TenantRecord, to: TenantStatus): PartywallError {
  return new PartywallError(
    "PW_TENANT_CONFLICT",
    `Tenant ${JSON.stringify(record.id)} is ${record.status} and cannot become ${to} this way.`,
  );
}

/** `PW_PROVISION_FAILED`: the place in which the tenant is to live is not there yet. */
export function notProvisioned(id: string, retry: string, cause: unknown): PartywallError {
  return new PartywallError(
    "PW_PROVISION_FAILED",
    `Tenant ${JSON.stringify(id)} could not be provisioned, so it is not active. Repeat ${retry}. See cause.`,
    { cause },
  );
}

/** `PW_GUARD_FAILED`: the registry and the guards' databases do not agree yet. */
export function guardsFailed(message: string, faults: readonly unknown[]): PartywallError {
  const cause = faults.length === 1 ? faults[0] : new AggregateError(faults, "guards failed");
  return new PartywallError("PW_GUARD_FAILED", `${message} See cause.`, { cause });
}
