import { refused } from "../refusal.js";
import { exportTenant } from "./export.js";
import { importTenant, type ImportOptions, type ImportReport } from "./import.js";
import type { Premises } from "./premises.js";

/**
 * Copies one tenant's data from its premises into others, straight from one connection to the other: on one server or
 * two, under another strategy or id. What holds for `exportTenant` and `importTenant` holds here: one snapshot, one
 * transaction, and nothing half-done.
 *
 * Throws what those two throw, and `PW_TENANT_DATA_REFUSED` where both premises have the same client.
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { copyTenant } from "partywall/tenants";
 *
 * const [shared, own] = ["SHARED_URL", "OWN_URL"].map((name) => new pg.Client(process.env[name]));
 * if (!shared || !own) throw new Error("two clients are needed");
 * await Promise.all([shared.connect(), own.connect()]);
 * await copyTenant(
 *   { client: shared, strategy: "row", tenantId: "acme" },
 *   { client: own, strategy: "database", tenantId: "acme" },
 * );
 * ```
 */
export async function copyTenant(
  from: Premises,
  to: Premises,
  options: ImportOptions = {},
): Promise<ImportReport> {
  if (from.client === to.client) {
    throw refused("Both premises have the same client, and each needs a connection. Give two.");
  }
  const { signal } = options;
  return importTenant(to, exportTenant(from, signal ? { signal } : {}), options);
}
