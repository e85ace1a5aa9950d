import { PartywallError } from "../../errors.js";
import type { SqlClient } from "../../guards/postgres/index.js";
import { quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";
import {
  createTableStatements,
  grantStatements,
  tableExists,
} from "../../registry/postgres-table.js";
import type { Draft } from "./draft.js";

const NAMES = { schema: "partywall", table: "tenants" };
const TABLE = `${NAMES.schema}.${NAMES.table}`;

/** Creates the table that the registry keeps tenants in, and lets its login to it. Throws `PW_CONFIG` where there is no such login. */
export async function planRegistry(client: SqlClient, draft: Draft): Promise<void> {
  const { registry } = draft.options;
  if (registry === undefined) return;
  const login = quoteIdentifier(registry);
  const { rows } = await client.query(
    `select exists (select from pg_catalog.pg_roles where rolname = $1) as known, found.present from (${tableExists(NAMES)}) found`,
    [registry],
  );
  if (rows[0]?.["known"] !== true) {
    throw new PartywallError(
      "PW_CONFIG",
      `There is no role ${JSON.stringify(registry)} on this server, which is to keep the registry of tenants. Create the login first (docs/guides/logins.md).`,
    );
  }
  const wasThere = rows[0]?.["present"] === true;
  draft.step({
    id: "registry",
    phase: "expand",
    title: wasThere
      ? `Let the registry's login to the list of tenants, ${TABLE}`
      : `Create the list of tenants, ${TABLE}, and let the registry's login to it`,
    sql: [...createTableStatements(NAMES), ...grantStatements(NAMES, login)],
    // Of one that was there the rights stay too: another application may have asked for them.
    down: wasThere ? [] : [dropSql],
  });
}

// Whoever made it meanwhile owns it, and whoever uses it has a tenant in it.
const dropSql = `do $registry$ begin
  if exists (select from pg_catalog.pg_class where oid = pg_catalog.to_regclass('${TABLE}')
      and relowner = (select oid from pg_catalog.pg_roles where rolname = current_user)) then
    lock table ${TABLE} in access exclusive mode;
    if not exists (select from ${TABLE}) then
      drop table if exists ${TABLE}_domains;
      drop table ${TABLE};
    end if;
  end if;
end $registry$`;
