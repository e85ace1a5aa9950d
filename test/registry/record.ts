import type { TenantRecord } from "partywall/registry";

/** A sound record, with changes. */
export function record(changes: Partial<Record<keyof TenantRecord, unknown>> = {}): TenantRecord {
  return {
    id: "acme",
    slug: "acme",
    name: "Acme",
    domains: [],
    status: "active",
    placement: { strategy: "row" },
    fields: {},
    settings: {},
    version: 1,
    createdAt: "2026-01-02T03:04:05.678Z",
    updatedAt: "2026-01-02T03:04:05.678Z",
    ...changes,
  } as TenantRecord;
}
