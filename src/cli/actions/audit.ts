import { PartywallError } from "../../errors.js";
import type { Partywall } from "../../partywall.js";
import { auditDatabase } from "../../guards/postgres/audit/audit.js";
import { auditCodes } from "../../guards/postgres/audit/checks.js";
import { SEVERITIES, type Severity } from "../../guards/severity.js";
import type { AuditSubject, Finding } from "../../guards/postgres/audit/check.js";
import { mendingScript } from "../../guards/postgres/audit/mending-script.js";
import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { tableName, type TableName } from "../../guards/postgres/ddl/identifier.js";
import type { PartywallConfig } from "../define-config.js";
import { codeOf, causeLine } from "../error-report.js";

/** A finding, and whether somebody has said that it may stay. */
export interface AuditFinding extends Finding {
  readonly accepted: boolean;
}

/** What an audit found. */
export interface AuditReport {
  readonly database: string;
  /** Role name of the application's login. */
  readonly login: string;
  /** Whether `pw.ready()` could prove that the wall stands. */
  readonly proof: "stands" | "failed" | "not run";
  /** The worst first. */
  readonly findings: readonly AuditFinding[];
}

/** What is the same in an audit through the application and in one of the catalogue alone. */
export interface AuditRequest {
  readonly tables: PartywallConfig["tables"];
  readonly tenantColumn: string | undefined;
  /** Role names as they are said to be. */
  readonly roles: Partial<Record<"app" | "system" | "migrator", string>>;
  /** Codes of findings that may stay. */
  readonly accept: readonly string[];
}

/** The connection of a guarded pool in a system scope, by what is used of it. */
interface GuardedPool {
  query(text: string): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
  connect(): Promise<SqlClient & { release(destroy?: boolean): void }>;
}

const SCOPE = { reason: "partywall audit reads the catalogue", actor: "partywall audit" };

/** Every code that a finding may have. */
export function findingCodes(): string[] {
  return ["proof-failed", "login-differs", ...auditCodes()];
}

/**
 * Audits the wall of a running application: lets `pw.ready()` prove it, asks the application's own connections which
 * logins they use, and reads the catalogue through `client`, or in a system scope where there is none. Rejects where
 * something could not be asked.
 */
export async function auditApplication(
  pw: Partywall,
  request: AuditRequest,
  client?: SqlClient,
): Promise<AuditReport> {
  const pool = poolOf(pw);
  const fault = await proofFault(pw);
  const ask = "select current_user as login, current_database() as database";
  const app = (await pw.central(() => pool.query(ask))).rows[0] as unknown as Identity;
  const system = (await pw.system(SCOPE, () => pool.query(ask))).rows[0] as unknown as Identity;
  const subject = subjectOf(request, app.login, system.login);
  const audited =
    client === undefined
      ? await pw.system(SCOPE, () => auditThrough(pool, subject))
      : await auditElsewhere(client, subject, app.database);
  const findings = [
    ...(fault === undefined ? [] : [proofFailed(app.login, fault)]),
    ...(["app", "system"] as const).flatMap((purpose) =>
      differing(purpose, request.roles[purpose], purpose === "app" ? app.login : system.login),
    ),
    ...audited,
  ];
  return {
    database: app.database,
    login: app.login,
    proof: fault === undefined ? "stands" : "failed",
    findings: accepted(findings, request.accept),
  };
}

/** Audits the catalogue alone, for the logins that are named; nothing is proved of a running application. */
export async function auditCatalogue(
  client: SqlClient,
  request: AuditRequest & { readonly roles: { readonly app: string; readonly system: string } },
): Promise<AuditReport> {
  const { app, system } = request.roles;
  const findings = await auditDatabase(client, subjectOf(request, app, system));
  return {
    database: await databaseOf(client),
    login: app,
    proof: "not run",
    findings: accepted(findings, request.accept),
  };
}

/** The SQL that mends what was found and not accepted, as one script. */
export function mendingSql({ findings }: AuditReport): string {
  return mendingScript(findings.filter((one) => !one.accepted));
}

/** Whether a finding is at least so bad, and was not accepted. */
export function failsAt(severity: Severity | "none", report: AuditReport): boolean {
  if (severity === "none") return false;
  const worst = SEVERITIES.indexOf(severity);
  return report.findings.some((one) => !one.accepted && SEVERITIES.indexOf(one.severity) <= worst);
}

interface Identity {
  readonly login: string;
  readonly database: string;
}

function poolOf(pw: Partywall): GuardedPool {
  const { pool } = (pw.postgres ?? {}) as { readonly pool?: GuardedPool };
  if (pool !== undefined) return pool;
  throw new PartywallError(
    "PW_CONFIG",
    "The application's instance has no PostgreSQL guard, so there is no wall to audit. Give createPartywall({ postgres: guardPg(…) }).",
  );
}

/** What the proof says is wrong. Throws what kept it from being made. */
async function proofFault(pw: Partywall): Promise<string | undefined> {
  try {
    await pw.ready();
    return undefined;
  } catch (error) {
    if (codeOf(error) !== "PW_GUARD_BYPASSED") throw error;
    return causeLine(error);
  }
}

function proofFailed(login: string, why: string): Finding {
  return {
    code: "proof-failed",
    severity: "critical",
    object: login,
    why: `${why}.`,
    fix: "Mend what the other findings name; pw.ready() refuses until the wall stands.",
  };
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

function accepted(findings: readonly Finding[], codes: readonly string[]): AuditFinding[] {
  return findings.map((finding) => ({ ...finding, accepted: codes.includes(finding.code) }));
}
