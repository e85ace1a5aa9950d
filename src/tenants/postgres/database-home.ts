import { createHash } from "node:crypto";
import { PartywallError } from "../../errors.js";
import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import { wallTenantDatabase } from "../../guards/postgres/ddl/tenant-database.js";
import type { Placement } from "../../scope/tenant.js";
import type { AdminClient } from "./admin.js";
import { homePlace } from "./home-place.js";
import { markText, readMark, type Mark } from "./marks.js";
import { marksFor, moveIn, type HomeMarks } from "./move-in.js";
import { createLogin, dropLogin, ownLogin } from "./own-login.js";
import { stampRows } from "./stamp-rows.js";
import { homeOf, untouched, type ProvisionedTenant } from "../home.js";
import type { Works } from "./works.js";

const DATABASE = `select pg_catalog.shobj_description(oid, 'pg_database') as mark
from pg_catalog.pg_database where datname = $1`;

/** What an advisory lock on a tenant's database is called. */
export const databaseLock = (database: string): string => `database ${database}`;

/** Whether a database is there, and what it is marked as. */
export async function readDatabaseMark(
  client: SqlClient,
  database: string,
): Promise<{ readonly there: boolean; readonly mark: Mark | undefined }> {
  const { rows } = await client.query(DATABASE, [database]);
  return { there: rows.length > 0, mark: readMark(rows[0]?.["mark"] as string | null | undefined) };
}

/** Marks a database. */
export async function markDatabase(client: SqlClient, database: string, mark: Mark): Promise<void> {
  await client.query(
    `comment on database ${quoteIdentifier(database)} is ${quoteLiteral(markText(mark))}`,
  );
}

/**
 * Creates and fills a database. A database cannot be created and marked in one transaction, so it is created under a
 * name that nobody else uses, marked, and then given its own, which PostgreSQL refuses where that is taken.
 */
export async function makeDatabase(
  client: SqlClient,
  works: Works,
  placement: Placement & { readonly name: string },
  marks: HomeMarks & { readonly unfinished: string },
  standing: { readonly there: boolean },
): Promise<void> {
  const { name } = placement;
  const template = works.databaseTemplate;
  if (!standing.there) {
    const { unfinished } = marks;
    if (!(await readDatabaseMark(client, unfinished)).there) {
      await createDatabase(client, works, unfinished);
    }
    await markDatabase(client, unfinished, template === undefined ? marks.begun : marks.filled);
    const quoted = quoteIdentifier(unfinished);
    await client.query(`revoke all on database ${quoted} from public`);
    await rename(client, unfinished, name);
    if (template !== undefined) return;
  }
  await works.migrate?.(homePlace(works, placement, marks.tenant));
  await markDatabase(client, name, marks.filled);
}

/** The name of a database that has none of its own yet; also after a crash it is found by it. */
export function unfinishedName(database: string, tenantId: string): string {
  const digest = createHash("sha256")
    .update(JSON.stringify([database, tenantId]))
    .digest("hex");
  return `partywall_unfinished_${digest.slice(0, 32)}`;
}

async function createDatabase(client: SqlClient, works: Works, name: string): Promise<void> {
  const template = works.databaseTemplate;
  const source = quoteIdentifier(template?.database ?? "template0");
  const copy = template === undefined ? "" : ` strategy ${template.copy ?? "wal_log"}`;
  try {
    await client.query(`create database ${quoteIdentifier(name)} template ${source}${copy}`);
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== "55006") throw cause;
    throw new PartywallError(
      "PW_PROVISION_FAILED",
      `The template database ${JSON.stringify(template?.database)} could not be copied: somebody is connected to it. Nothing was created. End those connections, keep applications out of it (revoke connect), and try again.`,
      { cause },
    );
  }
}

async function rename(client: SqlClient, from: string, to: string): Promise<void> {
  try {
    await client.query(`alter database ${quoteIdentifier(from)} rename to ${quoteIdentifier(to)}`);
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== "42P04") throw cause;
    await client.query(`drop database ${quoteIdentifier(from)}`);
    throw untouched(`database ${JSON.stringify(to)}`, "was created by somebody else meanwhile.");
  }
}

/** Provisions a tenant's database, from wherever an earlier attempt has left it. */
export async function provisionDatabase(
  client: AdminClient,
  works: Works,
  tenant: ProvisionedTenant,
): Promise<void> {
  const name = homeOf(tenant);
  const { id } = tenant;
  const standing = await readDatabaseMark(client, name);
  const { there, mark } = standing;
  if (there) assertDatabaseOf(mark, tenant);
  // Of a home that is marked, the rights that are taken last may be missing.
  if (mark?.stage === "home") return wallDatabase(works, tenant);
  const unfinished = unfinishedName(name, id);
  const wasBegun = (await readDatabaseMark(client, unfinished)).there;
  let isLoginNew = false;
  try {
    isLoginNew = await createLogin(client, works, tenant);
    if (mark?.stage === "claimed") await moveIn(client, "database", tenant);
    else if (mark?.stage !== "settling") {
      const marks = { ...marksFor(tenant), unfinished };
      await makeDatabase(client, works, { ...tenant.placement, name }, marks, standing);
    }
    await works.admins.with(tenant.placement.server, name, async (inside) => {
      await stampRows(inside, works.tenantColumn, id);
    });
    await works.seed?.(homePlace(works, tenant.placement, tenant));
    await wallDatabase(works, tenant);
  } catch (error) {
    if (!there && !wasBegun) {
      await takeBack(client, tenant);
      // Where the home stays, so does its login, for the next attempt.
      if (isLoginNew) await dropLogin(client, tenant).catch(() => undefined);
    }
    throw error;
  }
}

/** Puts a tenant's database behind the wall. */
export async function wallDatabase(works: Works, tenant: ProvisionedTenant): Promise<void> {
  const login = ownLogin(tenant);
  await works.admins.with(tenant.placement.server, homeOf(tenant), async (inside) => {
    await wallTenantDatabase(inside, {
      roles: works.roles,
      tenantId: tenant.id,
      tenantColumn: works.tenantColumn,
      ...(login !== undefined && { login }),
    });
  });
}

/** Throws `PW_PLACEMENT` unless a database is marked as this tenant's, finished or not. */
export function assertDatabaseOf(mark: Mark | undefined, tenant: ProvisionedTenant): void {
  if (mark !== undefined && "tenantId" in mark && mark.tenantId === tenant.id) return;
  throw untouched(
    `database ${JSON.stringify(homeOf(tenant))}`,
    mark === undefined
      ? "was there before and is not marked as a tenant's home. Choose another name for the tenant's."
      : "is not this tenant's home. Choose another name for the tenant's.",
  );
}

// What this attempt has created, and nothing else; what cannot be taken back now is found and resumed by its mark.
async function takeBack(client: AdminClient, tenant: ProvisionedTenant): Promise<void> {
  try {
    const name = homeOf(tenant);
    const { mark } = await readDatabaseMark(client, name);
    const isOurs = mark !== undefined && "tenantId" in mark && mark.tenantId === tenant.id;
    const created = isOurs ? name : unfinishedName(name, tenant.id);
    await client.query(`drop database if exists ${quoteIdentifier(created)} with (force)`);
  } catch {
    // Why provisioning failed is what must be told.
  }
}
