import { PartywallError } from "../../../errors.js";
import type { SqlClient } from "./catalog.js";
import { qualified, quoteIdentifier, quoteLiteral } from "./identifier.js";
import { databasePrivileges, type Privilege } from "./privileges.js";
import type { WallRoles } from "./roles.js";
import { holdColumn, holdsColumn, homeMark, markedTenant } from "./tenant-schema.js";
import { takePrivileges } from "./take-privileges.js";

/** A database that holds one tenant, and who may use it. */
export interface TenantDatabaseOptions {
  readonly roles: Pick<WallRoles, "app" | "system" | "migrator">;
  readonly tenantId: string;
  /** A login of this tenant's own, which then is the only one of the application's that may connect. */
  readonly login?: string | undefined;
  /** Name of the tenant column of those tables that have one; default `"tenant_id"`. */
  readonly tenantColumn?: string | undefined;
}

interface DatabaseRow {
  readonly database: string;
  readonly mark: string | null;
  readonly login: string;
  readonly superuser: boolean;
  readonly schemas: readonly string[];
  readonly objects: readonly {
    readonly schema: string;
    readonly name: string;
    readonly isSequence: boolean;
    readonly type: string | null;
    readonly held: boolean;
  }[];
}

const DATABASE = `select d.datname as database, pg_catalog.shobj_description(d.oid, 'pg_database') as mark, current_user as login,
  (select rolsuper from pg_catalog.pg_roles where rolname = current_user) as superuser,
  (select coalesce(pg_catalog.json_agg(nspname order by nspname), '[]') from own) as schemas,
  coalesce((select pg_catalog.json_agg(pg_catalog.json_build_object('schema', own.nspname, 'name', c.relname, 'isSequence', c.relkind = 'S',
      'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
      'held', c.relispartition or ${holdsColumn("c.oid", "a", "$2::text")}) order by own.nspname, c.relname)
    from own join pg_catalog.pg_class c on c.relnamespace = own.oid
    left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = $1 and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p')
    where c.relkind in ('r', 'p', 'v', 'S')), '[]') as objects
from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()`;

const OWN_SCHEMAS = `with own as (
  select oid, nspname from pg_catalog.pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'partywall'))
`;

/**
 * Makes the connected database one tenant's home: it is marked as this tenant's, only the system login may let the
 * application connect (which admitting the tenant does), and a tenant column is held to the tenant's id. Idempotent; run
 * it after each migration. Resolves to the rights that could not be taken. Throws `PW_CONFIG` where the database is
 * another tenant's.
 *
 * @param client a connected client (not a pool) of the database's owner or a superuser; never the application's
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { wallTenantDatabase } from "partywall/guards/postgres";
 *
 * const client = new pg.Client({ connectionString: process.env["MIGRATION_URL"], database: "acme" });
 * await client.connect();
 * await wallTenantDatabase(client, {
 *   roles: { app: "shop_app", system: "shop_system" },
 *   tenantId: "7f0c3c1e-5d0e-4a52-9f0e-0d3c5f1b2a34",
 * });
 * await client.end();
 * ```
 */
export async function wallTenantDatabase(
  client: SqlClient,
  options: TenantDatabaseOptions,
): Promise<Privilege[]> {
  const { roles, tenantId, tenantColumn = "tenant_id" } = options;
  const { rows } = await client.query(OWN_SCHEMAS + DATABASE, [tenantColumn, tenantId]);
  const found = rows[0] as unknown as DatabaseRow;
  const owner = markedTenant(found.mark);
  if (owner !== undefined && owner !== tenantId) {
    throw new PartywallError(
      "PW_CONFIG",
      `The database ${JSON.stringify(found.database)} is another tenant's home. Give each tenant a database of its own.`,
    );
  }
  const app = options.login ?? roles.app;
  await client.query("begin");
  try {
    for (const sql of statements(found, { ...options, tenantColumn, app })) await client.query(sql);
    await client.query("commit");
  } catch (error) {
    // A connection that broke cannot be rolled back either; what broke it is what must be told.
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
  const migrator = roles.migrator ?? (found.superuser ? undefined : found.login);
  return takePrivileges(
    client,
    databasePrivileges(found.database, {
      app,
      system: roles.system,
      ...(migrator === undefined ? {} : { migrator }),
    }),
  );
}

function statements(
  { database, schemas, objects }: DatabaseRow,
  options: TenantDatabaseOptions & { readonly tenantColumn: string; readonly app: string },
): string[] {
  const { roles, tenantId, tenantColumn } = options;
  const name = quoteIdentifier(database);
  const app = quoteIdentifier(options.app);
  const system = quoteIdentifier(roles.system);
  // The shared login has no business here where the tenant has one of its own.
  const nobody = [
    ...new Set(["public", ...(options.login === undefined ? [] : [quoteIdentifier(roles.app)])]),
  ].join(", ");
  return [
    `comment on database ${name} is ${quoteLiteral(homeMark(tenantId))}`,
    `revoke all on database ${name} from ${nobody}`,
    `grant connect on database ${name} to ${system} with grant option`,
    ...schemas.flatMap((schema) => [
      `revoke all on schema ${quoteIdentifier(schema)} from ${nobody}`,
      `grant usage on schema ${quoteIdentifier(schema)} to ${app}, ${system}`,
    ]),
    ...objects.flatMap(({ schema, name: table, isSequence, type, held }) => {
      const object = qualified({ schema, name: table });
      if (isSequence) return [`grant usage on sequence ${object} to ${app}, ${system}`];
      return [
        ...(type === null ? [] : holdColumn(object, tenantColumn, tenantId, type, held)),
        `revoke all on ${object} from ${nobody}`,
        `grant select, insert, update, delete on ${object} to ${app}, ${system}`,
      ];
    }),
  ];
}
