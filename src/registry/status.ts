import type { TenantStatus } from "../scope/tenant.js";

/** Every status, in the order of a tenant's life. */
export const STATUSES = [
  "provisioning",
  "active",
  "suspended",
  "deleted",
] as const satisfies TenantStatus[];

/** Statuses a listing shows unless told otherwise. */
export const LIVING: readonly TenantStatus[] = ["provisioning", "active", "suspended"];

/** From which statuses each change of status starts; being there already is accepted, so that it can be repeated. */
export const STATUS_RULES = {
  active: ["provisioning", "suspended", "active"],
  suspended: ["active", "suspended"],
  deleted: ["provisioning", "active", "suspended", "deleted"],
} as const satisfies Partial<Record<TenantStatus, readonly TenantStatus[]>>;
