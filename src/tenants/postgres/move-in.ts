import { quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import { lockKey, transaction, vacantLock, type AdminClient } from "./admin.js";
import { markText, type Mark } from "./marks.js";
import { homeOf, untouched, type ProvisionedTenant } from "../home.js";

/** What a home is marked as while it is made. */
export interface HomeMarks {
  readonly begun: Mark;
  readonly filled: Mark;
  /** Whose it will be; absent for one that is made ahead. */
  readonly tenant?: ProvisionedTenant;
}

/** The marks of a home that is made for a tenant. */
export function marksFor(tenant: ProvisionedTenant): HomeMarks {
  const { id: tenantId } = tenant;
  return {
    begun: { stage: "building", tenantId },
    filled: { stage: "settling", tenantId },
    tenant,
  };
}

const COMMENT = {
  schema: `select pg_catalog.obj_description(oid, 'pg_namespace') as mark from pg_catalog.pg_namespace where nspname = $1`,
  database: `select pg_catalog.shobj_description(oid, 'pg_database') as mark from pg_catalog.pg_database where datname = $1`,
} as const;

/**
 * Begins to move into a home that was promised: from now on rows of the tenant's may be in it, and it can no longer be
 * given back. Throws `PW_PLACEMENT` where it has been given back already.
 */
export async function moveIn(
  client: AdminClient,
  strategy: "schema" | "database",
  tenant: ProvisionedTenant,
): Promise<void> {
  const name = homeOf(tenant);
  const home = quoteIdentifier(name);
  await transaction(client, async () => {
    await client.query("select pg_catalog.pg_advisory_xact_lock($1)", [
      lockKey(vacantLock(strategy)),
    ]);
    const { rows } = await client.query(COMMENT[strategy], [name]);
    if (rows[0]?.["mark"] !== markText({ stage: "claimed", tenantId: tenant.id })) {
      throw untouched(
        `${strategy} ${JSON.stringify(name)}`,
        "is no longer promised to this tenant. Claim another.",
      );
    }
    const mark = quoteLiteral(markText({ stage: "settling", tenantId: tenant.id }));
    await client.query(`comment on ${strategy} ${home} is ${mark}`);
  });
}
