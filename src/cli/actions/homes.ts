import type { TenantRecord } from "../../registry/record.js";
import type { EachError } from "../../scope/each.js";
import type { MigrateAllOptions } from "../../tenants/migrate-all.js";
import type { Provisioner } from "../../tenants/postgres/provisioner.js";
import { causeLine, codeOf } from "../error-report.js";

/** What `tenant migrate` did. */
export interface HomesReport {
  readonly succeeded: number;
  readonly failed: readonly { readonly tenantId: string; readonly why: string }[];
}

/** Migrates homes, and reports those that could not be. Rejects where it was stopped or the tenants could not be listed. */
export async function migrateHomes(
  homes: Provisioner,
  tenants: Iterable<TenantRecord> | AsyncIterable<TenantRecord>,
  options: MigrateAllOptions,
): Promise<HomesReport> {
  try {
    const { succeeded } = await homes.migrateAll(tenants, options);
    return { succeeded, failed: [] };
  } catch (error) {
    // By its code: the application may have a copy of the package of its own.
    if (codeOf(error) !== "PW_EACH_FAILED") throw error;
    const { failures, succeeded, cause } = error as EachError;
    if (failures.length === 0 || options.signal?.aborted === true) throw cause ?? error;
    return {
      succeeded,
      failed: failures.map((one) => ({ tenantId: one.tenantId, why: causeLine(one.error) })),
    };
  }
}
