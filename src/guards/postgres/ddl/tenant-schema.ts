import { PartywallError } from "../../../errors.js";
import type { SqlClient } from "./catalog.js";
import { qualified, quoteIdentifier, quoteLiteral } from "./identifier.js";
import { databasePrivileges, type Privilege } from "./privileges.js";
import type { WallRoles } from "./roles.js";
import { takePrivileges } from "./take-privileges.js";

/** A schema that holds one tenant, and who may use it. */
export interface TenantSchemaOptions {
  readonly roles: Pick<WallRoles, "app" | "system" | "migrator">;
  readonly tenantId: string;
  readonly schema: string;
  /** A login of this tenant's own, which then is the only one of the application's that reaches the tables. */
  readonly login?: string | undefined;
  /** Name of the tenant column of those tables that have one; default `"tenant_id"`. */
  readonly tenantColumn?: string | undefined;
}

/** The constraint that holds a tenant column to the tenant whose home the table is in. */
export const HOME_CONSTRAINT = "partywall_home";

/** Stands in front of the tenant's id in the comment that marks a schema or database as a tenant's. */
const MARK = "partywall: home of tenant ";

/** The comment that marks a schema or database as a tenant's home. */
export const homeMark = (tenantId: string): string => `${MARK}${tenantId}`;

/** The tenant whose home a comment marks; undefined where it marks none. */
export function markedTenant(comment: string | null): string | undefined {
  return comment?.startsWith(MARK) === true ? comment.slice(MARK.length) : undefined;
}

interface SchemaRow {
  readonly there: boolean;
  readonly walled: boolean;
  readonly comment: string | null;
  readonly superuser: boolean;
  readonly login: string;
  readonly objects: readonly {
    readonly name: string;
    readonly kind: "r" | "p" | "v" | "S";
    /** The tenant column's type as SQL writes it; null where there is no such column. */
    readonly type: string | null;
    /** Whether the tenant column is held to the tenant already. */
    readonly held: boolean;
    readonly partition: boolean;
  }[];
}

/**
 * An SQL expression: whether a constraint holds a tenant column to a tenant, to the letter what {@link holdColumn} writes.
 *
 * @param table oid of the table
 * @param column alias of the column's row of `pg_attribute`
 * @param tenantId the tenant's id, a text
 */
export const holdsColumn = (table: string, column: string, tenantId: string): string => {
  const type = `pg_catalog.format_type(${column}.atttypid, ${column}.atttypmod)`;
  return `exists (select from pg_catalog.pg_constraint k where k.conrelid = ${table} and k.conname = '${HOME_CONSTRAINT}' and k.convalidated
    and pg_catalog.pg_get_expr(k.conbin, k.conrelid) = case when ${column}.attname is null then '' when ${column}.atttypid = 'pg_catalog.varchar'::pg_catalog.regtype
      then pg_catalog.format('((%I)::text = (%L::%s)::text)', ${column}.attname, ${tenantId}, ${type})
      else pg_catalog.format('(%I = %L::%s)', ${column}.attname, ${tenantId}, ${type}) end)`;
};

// A sequence of an identity column needs no right of its own.
const SCHEMA = `select n.oid is not null as there,
  pg_catalog.to_regprocedure('partywall.home_text()') is not null as walled,
  pg_catalog.obj_description(n.oid, 'pg_namespace') as comment, current_user as login,
  (select rolsuper from pg_catalog.pg_roles where rolname = current_user) as superuser,
  coalesce((select pg_catalog.json_agg(pg_catalog.json_build_object('name', c.relname, 'kind', c.relkind,
      'type', pg_catalog.format_type(a.atttypid, a.atttypmod), 'partition', c.relispartition,
      'held', ${holdsColumn("c.oid", "a", "$3::text")}) order by c.relname)
    from pg_catalog.pg_class c
    left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = $2 and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p')
    where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'S') and not (c.relkind = 'S' and exists (
      select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'i'))), '[]') as objects
from (select pg_catalog.to_regnamespace(pg_catalog.quote_ident($1)) as oid) n`;

/**
 * Puts a tenant's own schema behind the wall, in one transaction: the schema is marked as this tenant's, each of its
 * tables refuses every other tenant by a forced policy, also under a qualified name, and a tenant column is held to
 * the tenant's id. Idempotent; run it after each migration of the schema. Resolves to the rights of the tenant's own
 * `login` that could not be taken; none without one. Throws `PW_CONFIG` where there is no such schema, it is another
 * tenant's, or the database has no wall yet.
 *
 * Source: PostgreSQL manual, chapter 5.9 "Row Security Policies".
 *
 * @param client a connected client (not a pool) of the login that owns the schema; never the application's
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { wallTenantSchema } from "partywall/guards/postgres";
 *
 * const client = new pg.Client(process.env["MIGRATION_URL"]);
 * await client.connect();
 * await wallTenantSchema(client, {
 *   roles: { app: "shop_app", system: "shop_system" },
 *   tenantId: "7f0c3c1e-5d0e-4a52-9f0e-0d3c5f1b2a34",
 *   schema: "t_acme",
 * });
 * await client.end();
 * ```
 */
export async function wallTenantSchema(
  client: SqlClient,
  options: TenantSchemaOptions,
): Promise<Privilege[]> {
  await client.query("begin");
  try {
    for (const sql of await planTenantSchema(client, options)) await client.query(sql);
    await client.query("commit");
  } catch (error) {
    // A connection that broke cannot be rolled back either; what broke it is what must be told.
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
  if (options.login === undefined) return [];
  const { rows } = await client.query("select pg_catalog.current_database() as database");
  const roles = { ...options.roles, app: options.login };
  return takePrivileges(client, databasePrivileges(String(rows[0]?.["database"]), roles));
}

/** The statements of {@link wallTenantSchema}, in order; reads the catalogue and sends nothing else. */
export async function planTenantSchema(
  client: SqlClient,
  options: TenantSchemaOptions,
): Promise<string[]> {
  const { roles, tenantId, schema, tenantColumn = "tenant_id" } = options;
  const home = quoteIdentifier(schema);
  const { rows } = await client.query(SCHEMA, [schema, tenantColumn, tenantId]);
  const row = rows[0] as unknown as SchemaRow;
  const refuse = (what: string) =>
    new PartywallError("PW_CONFIG", `The schema ${JSON.stringify(schema)} ${what}`);
  if (!row.there) throw refuse("is not in this database. Create it first, or mend its name.");
  if (!row.walled) throw refuse("cannot be walled: build the wall first, with applyWall().");
  const owner = markedTenant(row.comment);
  if (owner !== undefined && owner !== tenantId) {
    throw refuse("is another tenant's home. Give each tenant a schema of its own.");
  }
  if (/^pg_|^information_schema$|^partywall$|^public$/.test(schema)) {
    throw refuse("is not one tenant's to hold. Give each tenant a schema of its own.");
  }
  const migrator = roles.migrator ?? (row.superuser ? undefined : row.login);
  const users = {
    app: quoteIdentifier(options.login ?? roles.app),
    across: [roles.system, ...(migrator === undefined ? [] : [migrator])].map(quoteIdentifier),
    system: quoteIdentifier(roles.system),
    // With a login of its own the shared one has no business here.
    others: options.login === undefined ? [] : [quoteIdentifier(roles.app)],
  };
  const nobody = ["public", users.app, ...users.others].join(", ");
  return [
    `comment on schema ${home} is ${quoteLiteral(homeMark(tenantId))}`,
    `revoke all on schema ${home} from ${nobody}`,
    `grant usage on schema ${home} to ${users.app}, ${users.system}`,
    ...(options.login === undefined
      ? []
      : [
          `grant usage on schema partywall to ${users.app}`,
          `grant execute on function partywall.enter(bytea), partywall.home_text() to ${users.app}`,
        ]),
    ...row.objects.flatMap(({ name, kind, type, held, partition }) => {
      const object = qualified({ schema, name });
      switch (kind) {
        case "S":
          return [
            `revoke all on sequence ${object} from ${nobody}`,
            `grant usage on sequence ${object} to ${users.app}, ${users.system}`,
          ];
        case "v":
          return [
            `alter view ${object} set (security_invoker = true)`,
            `revoke all on ${object} from ${nobody}`,
            `grant select, insert, update, delete on ${object} to ${users.app}, ${users.system}`,
          ];
        default:
          return [
            ...(type === null
              ? []
              : holdColumn(object, tenantColumn, tenantId, type, held || partition)),
            ...homePolicies(object, tenantId, users),
            `revoke all on ${object} from ${nobody}`,
            `grant select, insert, update, delete on ${object} to ${users.app}, ${users.system}`,
          ];
      }
    }),
  ];
}

/** Holds a tenant column to one tenant: stamped without asking who is sealed, so that rows can be moved as they are. */
export function holdColumn(
  table: string,
  name: string,
  tenantId: string,
  type: string,
  isHeld: boolean,
): string[] {
  const column = quoteIdentifier(name);
  const id = `${quoteLiteral(tenantId)}::${type}`;
  return [
    `alter table ${table} alter column ${column} set default ${id}`,
    ...(isHeld
      ? []
      : [
          `alter table ${table} drop constraint if exists ${HOME_CONSTRAINT}, add constraint ${HOME_CONSTRAINT} check (${column} = ${id})`,
        ]),
  ];
}

function homePolicies(
  table: string,
  tenantId: string,
  { app, across }: { readonly app: string; readonly across: readonly string[] },
): string[] {
  // A sub-select, evaluated once a statement.
  const mine = `(select partywall.home_text()) = ${quoteLiteral(tenantId)}`;
  return [
    `alter table ${table} enable row level security, force row level security`,
    `drop policy if exists partywall_home on ${table}`,
    `create policy partywall_home on ${table} as restrictive for all to ${app} using (${mine}) with check (${mine})`,
    `drop policy if exists partywall_app on ${table}`,
    `create policy partywall_app on ${table} as permissive for all to ${app} using (true) with check (true)`,
    `drop policy if exists partywall_across on ${table}`,
    `create policy partywall_across on ${table} as permissive for all to ${across.join(", ")} using (true) with check (true)`,
  ];
}
