import { PartywallError } from "../../errors.js";
import { quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";
import {
  assertMayDeprovision,
  type DeprovisionOptions,
  type DeprovisionReport,
  type RegisteredTenant,
} from "../deprovision.js";
import { homeOf, untouched, type ProvisionedTenant } from "../home.js";
import type { AdminClient } from "./admin.js";
import {
  assertDatabaseOf,
  databaseLock,
  readDatabaseMark,
  unfinishedName,
} from "./database-home.js";
import { dropSchema } from "./drop-schema.js";
import { dropLogin, hasLogin, ownLogin } from "./own-login.js";
import { assertSchemaOf, readSchemaMark, schemaLock } from "./schema-home.js";
import type { Works } from "./works.js";

/** Takes down a tenant's home; see `Provisioner.deprovision`. */
export async function deprovision(
  works: Works,
  tenant: RegisteredTenant,
  options: DeprovisionOptions,
): Promise<DeprovisionReport> {
  assertMayDeprovision(tenant, options);
  return takeDown(works, tenant, options.dryRun === true);
}

/** Takes down a home from which the database keeps its tenant out; see `Provisioner.vacate`. */
export async function takeDown(
  works: Works,
  tenant: ProvisionedTenant,
  dryRun: boolean,
): Promise<DeprovisionReport> {
  const { strategy, server } = tenant.placement;
  if (strategy === "row") return { dropped: [], kept: [] };
  const home = homeOf(tenant);
  const isSchema = strategy === "schema";
  return works.admins.alone(
    server,
    isSchema ? schemaLock(home) : databaseLock(home),
    async (client) => {
      const dropped = isSchema
        ? await takeDownSchema(client, tenant, dryRun)
        : await takeDownDatabase(client, works, tenant, dryRun);
      const login = ownLogin(tenant);
      if (login === undefined) return { dropped, kept: [] };
      const role = `role ${JSON.stringify(login)}`;
      if (dryRun) {
        const isThere = await hasLogin(client, tenant);
        return { dropped: isThere ? [...dropped, role] : dropped, kept: [] };
      }
      const { was, gone } = await dropLogin(client, tenant);
      return {
        dropped: was && gone ? [...dropped, role] : dropped,
        kept: was && !gone ? [role] : [],
      };
    },
  );
}

// The registry's word may be old; the database's own is not.
const ADMITTED = `select exists (select from partywall.seals
  where tenant = $1 and home_schema = $2 and expires_at > pg_catalog.now()) as admitted`;

async function takeDownSchema(
  client: AdminClient,
  tenant: ProvisionedTenant,
  dryRun: boolean,
): Promise<string[]> {
  const name = homeOf(tenant);
  const { there, mark } = await readSchemaMark(client, name);
  if (!there) return [];
  assertSchemaOf(mark, tenant);
  const { rows } = await client.query(ADMITTED, [tenant.id, name]);
  if (rows[0]?.["admitted"] !== false) throw stillAdmitted(`schema ${JSON.stringify(name)}`);
  if (!dryRun) await dropSchema(client, name);
  return [`schema ${JSON.stringify(name)}`];
}

const MAY_CONNECT = `select exists (select from pg_catalog.pg_database d, pg_catalog.aclexplode(d.datacl) a join pg_catalog.pg_roles r on r.oid = a.grantee
  where d.datname = $1 and a.privilege_type = 'CONNECT' and r.rolname = any ($2)) as admitted`;

async function takeDownDatabase(
  client: AdminClient,
  works: Works,
  tenant: ProvisionedTenant,
  dryRun: boolean,
): Promise<string[]> {
  const name = homeOf(tenant);
  const unfinished = unfinishedName(name, tenant.id);
  const dropped: string[] = [];
  if ((await readDatabaseMark(client, unfinished)).there) dropped.push(unfinished);
  const { there, mark } = await readDatabaseMark(client, name);
  if (there) {
    assertDatabaseOf(mark, tenant);
    const apps = [works.roles.app, ownLogin(tenant)].filter((role) => role !== undefined);
    const { rows } = await client.query(MAY_CONNECT, [name, apps]);
    if (rows[0]?.["admitted"] !== false) throw stillAdmitted(`database ${JSON.stringify(name)}`);
    dropped.push(name);
  }
  for (const one of dryRun ? [] : dropped) await dropDatabase(client, one);
  return dropped.map((one) => `database ${JSON.stringify(one)}`);
}

async function dropDatabase(client: AdminClient, name: string): Promise<void> {
  try {
    await client.query(`drop database ${quoteIdentifier(name)}`);
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== "55006") throw cause;
    throw new PartywallError(
      "PW_PROVISION_FAILED",
      `The database ${JSON.stringify(name)} was not dropped: somebody is connected to it. End those connections and try again.`,
      { cause },
    );
  }
}

function stillAdmitted(home: string): PartywallError {
  return untouched(
    home,
    "still lets the tenant in. Suspend or delete the tenant first, with pw.tenants.",
  );
}
