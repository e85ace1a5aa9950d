import { PartywallError } from "../../../errors.js";
import { assertTable, readTenantTable, type SqlClient } from "./catalog.js";
import { confinementSql, readConfined } from "./confinement.js";
import { quoteIdentifier, tableName, type TableName } from "./identifier.js";
import { sharedTableSql, tableSql } from "./policies.js";
import { databasePrivileges, type Privilege } from "./privileges.js";
import type { SealForm, WallRoles } from "./roles.js";
import { readDefault, RolloutPlan, type WallRollout } from "./rollout.js";
import { dropRolloutFunctions, sealSql } from "./seal-sql.js";
import { retried, takePrivileges } from "./take-privileges.js";

/** What stands behind the wall. */
export interface WallOptions {
  readonly roles: WallRoles;
  /** Tables whose rows belong to a tenant: `"orders"`, `"sales.orders"` or `{ schema, name, column }`. */
  readonly tables: readonly (string | (TableName & { readonly column?: string }))[];
  /** Tables that every scope may read; `writable` ones may be written from every scope too. */
  readonly shared?: readonly (string | (TableName & { readonly writable?: boolean }))[];
  /** Name of the tenant column; default `"tenant_id"`. */
  readonly tenantColumn?: string;
  /** Form of the seal; default: `parameter` where the login may grant it (a superuser), `mac` elsewhere. */
  readonly seal?: SealForm;
  /** Tables that are only observed or stamped yet; left out, every table is enforced. See `docs/guides/rollout.md`. */
  readonly rollout?: WallRollout;
}

/** The statements that build a wall, in order. */
export interface WallPlan {
  readonly seal: SealForm;
  /** Statements that must all succeed, in one transaction. */
  readonly statements: readonly string[];
  /** Rights to take, each by itself: what a managed server refuses is reported and does not stop the others. */
  readonly privileges: readonly Privilege[];
}

/** What {@link applyWall} did. */
export interface WallReport {
  readonly seal: SealForm;
  /** Rights that could not be taken, with what stays open. */
  readonly missing: readonly Privilege[];
}

interface Standing {
  readonly login: string;
  readonly database: string;
  readonly superuser: boolean;
  readonly version: number;
  readonly roles: string[];
  /** Whether the functions are there that tables in rollout call. */
  readonly rollout: boolean;
}

async function readStanding(client: SqlClient, roles: readonly string[]): Promise<Standing> {
  const { rows } = await client.query(
    `select current_user as login, pg_catalog.current_database() as database,
  (select rolsuper from pg_catalog.pg_roles where rolname = current_user) as superuser,
  pg_catalog.current_setting('server_version_num')::int as version,
  array(select rolname::text from pg_catalog.pg_roles where rolname = any($1::text[])) as roles,
  pg_catalog.to_regprocedure('partywall.observe(regclass,text,text,bigint)') is not null as rollout`,
    [roles],
  );
  return rows[0] as unknown as Standing;
}

/**
 * Reads the live catalogue and returns the statements that put the tables behind the wall; sends nothing else.
 * Building it again on the same database is harmless. Throws `PW_CONFIG` for a server older than PostgreSQL 15,
 * a login or table that does not exist, a tenant column of an unknown type, or a rollout without a near end or of a
 * table that is none of these.
 *
 * @param client a connected client of the login that owns the tables; never the application's
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { planWall, printWall } from "partywall/guards/postgres";
 *
 * const client = new pg.Client(process.env["MIGRATION_URL"]);
 * await client.connect();
 * const plan = await planWall(client, {
 *   roles: { app: "shop_app", system: "shop_system" },
 *   tables: ["orders", "customers"],
 * });
 * console.log(printWall(plan)); // a migration
 * await client.end();
 * ```
 */
export async function planWall(client: SqlClient, options: WallOptions): Promise<WallPlan> {
  const { app, system, migrator } = options.roles;
  const named = [app, system, ...(migrator === undefined ? [] : [migrator])];
  for (const role of named) quoteIdentifier(role);
  const standing = await readStanding(client, named);
  if (standing.version < 150_000) {
    throw new PartywallError(
      "PW_CONFIG",
      "The server is older than PostgreSQL 15, which the seal needs. Upgrade the server.",
    );
  }
  for (const role of named) {
    if (!standing.roles.includes(role)) {
      throw new PartywallError(
        "PW_CONFIG",
        `There is no role ${JSON.stringify(role)} on this server. Create the login first (docs/guides/logins.md).`,
      );
    }
  }
  if (app === system) {
    throw new PartywallError(
      "PW_CONFIG",
      "The application and the system login are the same role, so no policy could tell them apart. Create two.",
    );
  }
  const roles: WallRoles =
    migrator === undefined && !standing.superuser
      ? { ...options.roles, migrator: standing.login }
      : options.roles;
  const seal = options.seal ?? (standing.superuser ? "parameter" : "mac");
  const column = options.tenantColumn ?? "tenant_id";
  const rollout = new RolloutPlan(options.rollout);
  const tables: string[] = [];
  const schemas = new Set<string>();
  for (const entry of options.tables) {
    const table = tableName(entry);
    schemas.add(table.schema);
    const own = typeof entry === "string" ? column : (entry.column ?? column);
    const mode = rollout.modeOf(table);
    for (const target of await readTenantTable(client, table, own)) {
      rollout.note(target.table, mode);
      const { until } = rollout;
      const stage =
        mode === undefined || until === undefined
          ? undefined
          : { mode, until, standing: await readDefault(client, target) };
      tables.push(...tableSql(target, roles, stage));
      for (const owner of await readConfined(client, target.table)) {
        tables.push(...confinementSql(target, owner));
      }
    }
  }
  rollout.assertUsed();
  // Those that are there follow the form of the seal, for tables of another run may call them.
  const statements = [...sealSql(roles, seal, rollout.isOpen || standing.rollout), ...tables];
  if (standing.rollout && !rollout.isOpen) statements.push(dropRolloutFunctions);
  for (const entry of options.shared ?? []) {
    const table = tableName(entry);
    schemas.add(table.schema);
    await assertTable(client, table);
    const writable = typeof entry !== "string" && entry.writable === true;
    statements.push(...sharedTableSql(table, roles, writable));
  }
  for (const schema of schemas) {
    statements.push(
      `grant usage on schema ${quoteIdentifier(schema)} to ${quoteIdentifier(app)}, ${quoteIdentifier(system)}`,
    );
  }
  return { seal, statements, privileges: databasePrivileges(standing.database, roles) };
}

/**
 * Prints a plan as one SQL script, for a migration.
 *
 * @example
 * ```ts
 * import { printWall } from "partywall/guards/postgres";
 *
 * console.log(printWall({ seal: "mac", statements: ["select 1"], privileges: [] }));
 * ```
 */
export function printWall(plan: WallPlan): string {
  const privileges = plan.privileges.map(
    (privilege) =>
      `-- ${privilege.code}${privilege.superuser ? " (superuser)" : ""}; without it, ${privilege.otherwise}\n${privilege.sql};`,
  );
  return [`begin;`, ...plan.statements.map((sql) => `${sql};`), `commit;`, ...privileges, ""].join(
    "\n",
  );
}

/**
 * Plans and builds the wall in one transaction, then takes the rights one by one and reports those the server
 * would not let go. Throws what {@link planWall} throws and what the database refuses; nothing is half-built.
 *
 * @param client a connected client (not a pool) of the login that owns the tables
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { applyWall } from "partywall/guards/postgres";
 *
 * const client = new pg.Client(process.env["MIGRATION_URL"]);
 * await client.connect();
 * const report = await applyWall(client, {
 *   roles: { app: "shop_app", system: "shop_system" },
 *   tables: ["orders"],
 * });
 * for (const right of report.missing) console.warn(`${right.code}: ${right.otherwise}`);
 * await client.end();
 * ```
 */
export async function applyWall(client: SqlClient, options: WallOptions): Promise<WallReport> {
  const plan = await retried(() => build(client, options));
  return { seal: plan.seal, missing: await takePrivileges(client, plan.privileges) };
}

async function build(client: SqlClient, options: WallOptions): Promise<WallPlan> {
  await client.query("begin");
  try {
    // One builder of this database at a time.
    await client.query("select pg_catalog.pg_advisory_xact_lock(7023, 1)");
    const plan = await planWall(client, options);
    for (const sql of plan.statements) await client.query(sql);
    await client.query("commit");
    return plan;
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}
