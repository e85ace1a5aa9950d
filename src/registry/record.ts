import type { Placement, TenantStatus } from "../scope/tenant.js";

/**
 * One tenant as the registry keeps it: plain JSON data, frozen when it comes from `pw.tenants`.
 *
 * @example
 * ```ts
 * import type { TenantRecord } from "partywall/registry";
 *
 * const line = (record: TenantRecord) => `${record.slug} (${record.status}) since ${record.createdAt}`;
 * ```
 */
export interface TenantRecord<Fields = Readonly<Record<string, unknown>>> {
  /** Never changes; 1 to 200 characters. */
  readonly id: string;
  /** A DNS label; unique, also among deleted tenants. */
  readonly slug: string;
  readonly name: string;
  /** Domains of its own, in ascending order, in lower case and ASCII; each belongs to one tenant. */
  readonly domains: readonly string[];
  readonly status: TenantStatus;
  readonly placement: Placement;
  readonly fields: Fields;
  /** What of the settings is the tenant's own; the defaults are not among them. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Starts at 1 and grows by 1 with every change. */
  readonly version: number;
  /** ISO 8601 in UTC, with milliseconds. */
  readonly createdAt: string;
  /** ISO 8601 in UTC, with milliseconds. */
  readonly updatedAt: string;
}

/** What of a record may change; the version is the store's to raise. */
export type TenantPatch = Partial<
  Pick<TenantRecord, "slug" | "name" | "domains" | "status" | "placement" | "fields" | "settings">
> &
  Pick<TenantRecord, "updatedAt">;
