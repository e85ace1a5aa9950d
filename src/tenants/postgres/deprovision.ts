import { PartywallError } from "../../errors.js";
import { quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";
import type { TenantStatus } from "../../scope/tenant.js";
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
import { homeOf, untouched, type ProvisionedTenant, type Works } from "./works.js";

/** A tenant as the registry has it; what `pw.tenants.get()` and `list()` give. */
export interface RegisteredTenant extends ProvisionedTenant {
  readonly status: TenantStatus;
}

/** How a home is taken down. */
export interface DeprovisionOptions {
  /** The tenant's slug, so that no other is meant. */
  readonly confirm: string;
  /** Looks at everything, and drops nothing; default false. */
  readonly dryRun?: boolean;
}

/** What was dropped, or would be. */
export interface DeprovisionReport {
  /** For example `schema "t_acme"`; nothing for a tenant that lives in rows, or whose home was gone already. */
  readonly dropped: readonly string[];
  /** Roles that own or may use something elsewhere, and were only kept from logging in. */
  readonly kept: readonly string[];
}

/** Takes down a tenant's home; see `Provisioner.deprovision`. */
export async function deprovision(
  works: Works,
  tenant: RegisteredTenant,
  options: DeprovisionOptions,
): Promise<DeprovisionReport> {
  if (options.confirm !== tenant.slug) {
    throw refused(
      "`confirm` is not the tenant's slug. Pass the slug, so that no other tenant is meant.",
    );
  }
  if (tenant.status !== "suspended" && tenant.status !== "deleted") {
    throw refused(`it is ${tenant.status}. Suspend or delete it first.`);
  }
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

function refused(why: string): PartywallError {
  return new PartywallError("PW_PLACEMENT", `The tenant's home was not taken down: ${why}`);
}
