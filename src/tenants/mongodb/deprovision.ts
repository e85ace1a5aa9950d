import {
  assertMayDeprovision,
  type DeprovisionOptions,
  type DeprovisionReport,
  type RegisteredTenant,
} from "../deprovision.js";
import { homeOf, type ProvisionedTenant } from "../home.js";
import type { AdminClient } from "./admin.js";
import { dropDatabase, takeLease } from "./database-home.js";
import { assertDatabaseName } from "./database-name.js";
import { assertMarkedFor, contentsOf, readMark, titleOf } from "./mark.js";
import type { Works } from "./works.js";

const NOTHING: DeprovisionReport = { dropped: [], kept: [] };

/** Takes down a tenant's home; see `Provisioner.deprovision`. */
export async function deprovision(
  works: Works,
  tenant: RegisteredTenant,
  options: DeprovisionOptions,
): Promise<DeprovisionReport> {
  assertMayDeprovision(tenant, options);
  return takeDown(works, tenant, options.dryRun === true);
}

/** Takes down a home that nobody enters any more; see `Provisioner.vacate`. */
export async function takeDown(
  works: Works,
  tenant: ProvisionedTenant,
  dryRun: boolean,
): Promise<DeprovisionReport> {
  const { strategy, server } = tenant.placement;
  if (strategy === "row") return NOTHING;
  return works.admins.with(server, (client) => takeDownDatabase(client, works, tenant, dryRun));
}

async function takeDownDatabase(
  client: AdminClient,
  works: Works,
  tenant: ProvisionedTenant,
  dryRun: boolean,
): Promise<DeprovisionReport> {
  const name = homeOf(tenant);
  await assertDatabaseName(client, name, [works.template?.database]);
  const database = client.db(name);
  const read = async (): Promise<boolean> => {
    const mark = await readMark(database);
    if (mark === undefined && (await contentsOf(database)).length === 0) return false;
    assertMarkedFor(database, mark, tenant, works.realm);
    return true;
  };
  const report = { dropped: [titleOf(name)], kept: [] };
  if (!(await read())) return NOTHING;
  if (dryRun) return report;
  const lease = await takeLease(database);
  if (lease === "gone") return NOTHING;
  try {
    // Whose it is may have changed while this one waited.
    if (!(await read())) return NOTHING;
    await dropDatabase(database, lease);
  } finally {
    await lease.release();
  }
  return report;
}
