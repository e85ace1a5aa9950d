import { PartywallError } from "../../errors.js";
import type { Partywall } from "../../partywall.js";
import { auditDatabase } from "../../guards/postgres/audit/audit.js";
import type { AuditSubject, Finding } from "../../guards/postgres/audit/check.js";
import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { tableName, type TableName } from "../../guards/postgres/ddl/identifier.js";
import type { PartywallConfig } from "../define-config.js";
import { SCOPE, type AuditRequest } from "./audit-request.js";

/** What an audit of one database found. */
export interface PostgresAudit {
  readonly database: string;
  /** Role name of the application's login. */
  readonly login: string;
  readonly findings: readonly Finding[];
}

/** The connection of a guarded pool in a system scope, by what is used of it. */
interface GuardedPool {
  query(text: string): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
  connect(): Promise<SqlClient & { release(destroy?: boolean): void }>;
}

/** The guarded pool of an instance; undefined where it has no PostgreSQL guard. */
export function poolOf(pw: Partywall): GuardedPool | undefined {
  return ((pw.postgres ?? {}) as { readonly pool?: GuardedPool }).pool;
}

/**
 * Asks an application's own connections which logins they use, and reads the catalogue through `client`, or in a system scope
 * where there is none. Rejects where something could not be asked.
 */
export async function auditPostgres(
  pw: Partywall,
  pool: GuardedPool,
  request: AuditRequest,
  client?: SqlClient,
): Promise<PostgresAudit> {
  const ask = "select current_user as login, current_database() as database";
  const app = (await pw.central(() => pool.query(ask))).rows[0] as unknown as Identity;
  const system = (await pw.system(SCOPE, () => pool.query(ask))).rows[0] as unknown as Identity;
  const subject = subjectOf(request, app.login, system.login);
  const audited =
    client === undefined
      ? await pw.system(SCOPE, () => auditThrough(pool, subject))
      : await auditElsewhere(client, subject, app.database);
  const differences = (["app", "system"] as const).flatMap((purpose) =>
    differing(purpose, request.roles[purpose], purpose === "app" ? app.login : system.login),
  );
  return { ...app, findings: [...differences, ...audited] };
}

/** Audits the catalogue alone, for the logins that are named. */
export async function auditPostgresCatalogue(
  client: SqlClient,
  request: AuditRequest & { readonly roles: { readonly app: string; readonly system: string } },
): Promise<PostgresAudit> {
  const { app, system } = request.roles;
  const findings = await auditDatabase(client, subjectOf(request, app, system));
  return { database: await databaseOf(client), login: app, findings };
}

interface Identity {
  readonly login: string;
  readonly database: string;
}

function differing(purpose: "app" | "system", said: string | undefined, used: string): Finding[] {
  if (said === undefined || said === used) return [];
  return [
    {
      code: "login-differs",
      severity: "high",
      object: used,
      why: `The application connects as ${used} where the configuration says ${said}, so the wall may have been built for another login.`,
      fix: `Let guardPg({ ${purpose} }) and postgres.roles.${purpose} name the same login.`,
    },
  ];
}

async function auditThrough(pool: GuardedPool, subject: AuditSubject): Promise<Finding[]> {
  const client = await pool.connect();
  try {
    return await auditDatabase(client, subject);
  } finally {
    client.release();
  }
}

async function auditElsewhere(
  client: SqlClient,
  subject: AuditSubject,
  database: string,
): Promise<Finding[]> {
  const found = await databaseOf(client);
  if (found !== database) {
    throw new PartywallError(
      "PW_CONFIG",
      `The address leads to the database ${JSON.stringify(found)}, but the application uses ${JSON.stringify(database)}. Name the application's database.`,
    );
  }
  return auditDatabase(client, subject);
}

async function databaseOf(client: SqlClient): Promise<string> {
  const { rows } = await client.query("select pg_catalog.current_database() as database");
  return String(rows[0]?.["database"]);
}

function subjectOf(request: AuditRequest, login: string, system: string): AuditSubject {
  const { migrator } = request.roles;
  return {
    login,
    system,
    ...(migrator === undefined ? {} : { migrator }),
    tenantColumn: request.tenantColumn ?? "tenant_id",
    declared: declaredTables(request.tables),
  };
}

function declaredTables(
  tables: PartywallConfig["tables"] = {},
): NonNullable<AuditSubject["declared"]> {
  return Object.entries(tables).map(([name, choice]) => {
    const table: TableName = tableName(name);
    return { ...table, kind: typeof choice === "string" ? choice : choice.kind };
  });
}
