import { randomBytes } from "node:crypto";
import { PartywallError } from "../../errors.js";
import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import { scramVerifier } from "../../guards/postgres/ddl/scram.js";
import { transaction } from "./admin.js";
import { loginMark } from "./marks.js";
import { homeOf, untouched, type ProvisionedTenant } from "../home.js";
import type { Works } from "./works.js";

const LONGEST = 63;
const ROLE = `select r.oid, pg_catalog.shobj_description(r.oid, 'pg_authid') as mark
from pg_catalog.pg_roles r where r.rolname = $1`;

/** The name of a tenant's own login; undefined where it has none. Throws `PW_PLACEMENT` for a home whose name is too long. */
export function ownLogin(tenant: ProvisionedTenant): string | undefined {
  if (tenant.placement.secret === undefined) return undefined;
  const name = `${homeOf(tenant)}_login`;
  if (Buffer.byteLength(name) <= LONGEST) return name;
  throw new PartywallError(
    "PW_PLACEMENT",
    "The name of the home leaves no room for the name of its login. Use one of 57 bytes or fewer.",
  );
}

/**
 * Gives a tenant a login of its own, with a new password that the application's keeper of secrets gets before the
 * server knows it. Resolves to whether this call created the role. Throws `PW_PLACEMENT` for a role that is not marked
 * as this tenant's, `PW_CONFIG` where nobody keeps the secret.
 */
export async function createLogin(
  client: SqlClient,
  { storeSecret }: Works,
  tenant: ProvisionedTenant,
): Promise<boolean> {
  const name = ownLogin(tenant);
  if (name === undefined) return false;
  if (storeSecret === undefined) {
    throw new PartywallError(
      "PW_CONFIG",
      "The placement has a secret, but the provisioner got no `storeSecret` to hand the password to. Nothing was created.",
    );
  }
  const found = (await client.query(ROLE, [name])).rows[0];
  if (found !== undefined && found["mark"] !== loginMark(tenant.id)) {
    throw untouched(
      `role ${JSON.stringify(name)}`,
      "is there already and not this tenant's login. Give the home another name.",
    );
  }
  const password = randomBytes(24).toString("base64url");
  await storeSecret(tenant.placement.secret!, { user: name, password });
  const role = quoteIdentifier(name);
  await transaction(client, async () => {
    const verb = found === undefined ? "create" : "alter";
    await client.query(
      `${verb} role ${role} login password ${quoteLiteral(scramVerifier(password))}`,
    );
    await client.query(`comment on role ${role} is ${quoteLiteral(loginMark(tenant.id))}`);
    if (tenant.placement.strategy === "schema") {
      const { rows } = await client.query("select pg_catalog.current_database() as name");
      await client.query(
        `grant connect on database ${quoteIdentifier(String(rows[0]?.["name"]))} to ${role}`,
      );
    }
  });
  return found === undefined;
}

/** Whether a tenant's own login is there and marked as the tenant's. */
export async function hasLogin(client: SqlClient, tenant: ProvisionedTenant): Promise<boolean> {
  const { rows } = await client.query(ROLE, [ownLogin(tenant)]);
  return rows[0]?.["mark"] === loginMark(tenant.id);
}

/**
 * Drops a tenant's own login. Resolves to whether there was one marked as the tenant's, and whether it is gone: one that
 * owns or may use something beside the home stays, and can no longer log in.
 */
export async function dropLogin(
  client: SqlClient,
  tenant: ProvisionedTenant,
): Promise<{ readonly was: boolean; readonly gone: boolean }> {
  const name = ownLogin(tenant);
  if (name === undefined) return { was: false, gone: true };
  if (!(await hasLogin(client, tenant))) return { was: false, gone: true };
  const role = quoteIdentifier(name);
  await client.query(`alter role ${role} nologin password null`);
  try {
    await transaction(client, async () => {
      const { rows } = await client.query(
        "select pg_catalog.current_database() as name, pg_catalog.to_regprocedure('partywall.enter(bytea)') is not null as walled",
      );
      await client.query(
        `revoke all on database ${quoteIdentifier(String(rows[0]?.["name"]))} from ${role}`,
      );
      if (rows[0]?.["walled"] === true) {
        await client.query(`revoke all on schema partywall from ${role}`);
        await client.query(`revoke all on all functions in schema partywall from ${role}`);
      }
      await client.query(`drop role ${role}`);
    });
  } catch (error) {
    if ((error as { code?: unknown }).code === "2BP01") return { was: true, gone: false };
    throw error;
  }
  return { was: true, gone: true };
}
