import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import { planTenantSchema, wallTenantSchema } from "../../guards/postgres/ddl/tenant-schema.js";
import type { Placement } from "../../scope/tenant.js";
import { transaction, type AdminClient } from "./admin.js";
import { cloneSchema } from "./clone-schema.js";
import { dropSchema } from "./drop-schema.js";
import { homePlace } from "./home-place.js";
import { markText, readMark, type Mark } from "./marks.js";
import { marksFor, moveIn, type HomeMarks } from "./move-in.js";
import { createLogin, dropLogin, ownLogin } from "./own-login.js";
import { stampRows } from "./stamp-rows.js";
import { homeOf, untouched, type ProvisionedTenant } from "../home.js";
import type { Works } from "./works.js";

const SCHEMA = `select pg_catalog.obj_description(oid, 'pg_namespace') as mark
from pg_catalog.pg_namespace where nspname = $1`;

/** What an advisory lock on a tenant's schema is called. */
export const schemaLock = (schema: string): string => `schema ${schema}`;

/** Whether a schema is there, and what it is marked as. */
export async function readSchemaMark(
  client: SqlClient,
  schema: string,
): Promise<{ readonly there: boolean; readonly mark: Mark | undefined }> {
  const { rows } = await client.query(SCHEMA, [schema]);
  return { there: rows.length > 0, mark: readMark(rows[0]?.["mark"] as string | null | undefined) };
}

/** Marks a schema. */
export async function markSchema(client: SqlClient, schema: string, mark: Mark): Promise<void> {
  await client.query(
    `comment on schema ${quoteIdentifier(schema)} is ${quoteLiteral(markText(mark))}`,
  );
}

/**
 * Creates and fills a schema; what was there before is not touched. Filled from the template it is there whole or not at
 * all; filled by the application it is marked as `begun` first.
 */
export async function makeSchema(
  client: SqlClient,
  works: Works,
  placement: Placement & { readonly name: string },
  marks: HomeMarks,
  standing: { readonly there: boolean },
): Promise<void> {
  const { name } = placement;
  const template = works.schemaTemplate;
  if (template !== undefined) {
    // What a migrator began before there was a template.
    if (standing.there) await dropSchema(client, name);
    return transaction(client, async () => {
      await client.query(`create schema ${quoteIdentifier(name)}`);
      await markSchema(client, name, marks.filled);
      const tenant = { column: works.tenantColumn, id: marks.tenant?.id };
      await cloneSchema(client, template, name, tenant);
    });
  }
  if (!standing.there) {
    await transaction(client, async () => {
      await client.query(`create schema ${quoteIdentifier(name)}`);
      await markSchema(client, name, marks.begun);
    });
  }
  await works.migrate?.(homePlace(works, placement, marks.tenant));
  await markSchema(client, name, marks.filled);
}

/** Provisions a tenant's schema, from wherever an earlier attempt has left it. */
export async function provisionSchema(
  client: AdminClient,
  works: Works,
  tenant: ProvisionedTenant,
): Promise<void> {
  const name = homeOf(tenant);
  const { id } = tenant;
  const standing = await readSchemaMark(client, name);
  const { there, mark } = standing;
  if (there) assertSchemaOf(mark, tenant);
  // Of a home that is marked, the rights that are taken last may be missing.
  if (mark?.stage === "home") return wallSchema(client, works, tenant);
  let isLoginNew = false;
  try {
    isLoginNew = await createLogin(client, works, tenant);
    if (mark?.stage === "claimed") await moveIn(client, "schema", tenant);
    else if (mark?.stage !== "settling") {
      const placement = { ...tenant.placement, name };
      await makeSchema(client, works, placement, marksFor(tenant), standing);
    }
    await stampRows(client, works.tenantColumn, id, name);
    await works.seed?.(homePlace(works, tenant.placement, tenant));
    await wallSchema(client, works, tenant);
  } catch (error) {
    if (!there) {
      await takeBack(client, tenant);
      // Where the home stays, so does its login, for the next attempt.
      if (isLoginNew) await dropLogin(client, tenant).catch(() => undefined);
    }
    throw error;
  }
}

/** Puts a tenant's schema behind the wall. */
export async function wallSchema(
  client: SqlClient,
  { roles, tenantColumn }: Works,
  tenant: ProvisionedTenant,
): Promise<void> {
  const login = ownLogin(tenant);
  const options = { roles, tenantId: tenant.id, schema: homeOf(tenant), tenantColumn };
  if (login !== undefined) {
    await wallTenantSchema(client, { ...options, login });
    return;
  }
  // In one round trip, for a sign-up waits for it.
  await transaction(client, async () => {
    await client.query((await planTenantSchema(client, options)).join(";\n"));
  });
}

/** Throws `PW_PLACEMENT` unless a schema is marked as this tenant's, finished or not. */
export function assertSchemaOf(mark: Mark | undefined, tenant: ProvisionedTenant): void {
  if (mark !== undefined && "tenantId" in mark && mark.tenantId === tenant.id) return;
  throw untouched(
    `schema ${JSON.stringify(homeOf(tenant))}`,
    mark === undefined
      ? "was there before and is not marked as a tenant's home. Choose another name for the tenant's."
      : "is not this tenant's home. Choose another name for the tenant's.",
  );
}

// What this attempt has created, and nothing else; what cannot be taken back now is found and resumed by its mark.
async function takeBack(client: AdminClient, tenant: ProvisionedTenant): Promise<void> {
  try {
    const name = homeOf(tenant);
    const { there, mark } = await readSchemaMark(client, name);
    if (!there || mark === undefined || !("tenantId" in mark) || mark.tenantId !== tenant.id)
      return;
    await dropSchema(client, name);
  } catch {
    // Why provisioning failed is what must be told.
  }
}
