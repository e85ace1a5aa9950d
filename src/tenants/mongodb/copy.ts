import { isDeepStrictEqual } from "node:util";
import { refused } from "../refusal.js";
import { exportTenant } from "./export.js";
import { importTenant, type ImportOptions, type ImportReport } from "./import.js";
import type { Premises } from "./premises.js";

/**
 * Copies one tenant's data from its premises into others: on one server or two, under another strategy or id. What holds for
 * `exportTenant` and `importTenant` holds here.
 *
 * Throws what those two throw, and `PW_TENANT_DATA_REFUSED` where both premises are the same.
 *
 * @example
 * ```ts
 * import { BSON, MongoClient } from "mongodb";
 * import { copyTenant } from "partywall/tenants/mongodb";
 *
 * const client = new MongoClient(process.env["ADMIN_MONGODB_URL"] ?? "");
 * const acme = { client, bson: BSON, tenantId: "7f0c3c1e" };
 * await copyTenant(
 *   { ...acme, strategy: "row", database: "shop" },
 *   { ...acme, strategy: "database", database: "t_acme" },
 * );
 * await client.close();
 * ```
 */
export async function copyTenant(
  from: Premises,
  to: Premises,
  options: ImportOptions = {},
): Promise<ImportReport> {
  assertApart(from, to);
  const { signal } = options;
  return importTenant(to, exportTenant(from, signal ? { signal } : {}), options);
}

// A tenant's own database within the one that tenants share would be read while it is written.
function assertApart(from: Premises, to: Premises): void {
  const sameDatabase = from.client === to.client && from.database === to.database;
  const bothByRow = from.strategy === "row" && to.strategy === "row";
  const apart = bothByRow && !isDeepStrictEqual(tenantOf(from), tenantOf(to));
  if (!sameDatabase || apart) return;
  throw refused("Both premises are the same documents. Give two places, or two tenants.");
}

const tenantOf = ({ tenantField, tenantId, tenantValue }: Premises) => [
  tenantField,
  tenantValue ?? tenantId,
];
