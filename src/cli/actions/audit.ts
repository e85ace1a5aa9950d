import { PartywallError } from "../../errors.js";
import type { Partywall } from "../../partywall.js";
import type { MongoFinding, MongoUnseen } from "../../guards/mongodb/index.js";
import { auditCodes as mongoCodes } from "../../guards/mongodb/audit/checks.js";
import { mongoMendingScript } from "../../guards/mongodb/audit/mending-script.js";
import { auditCodes } from "../../guards/postgres/audit/checks.js";
import type { Finding } from "../../guards/postgres/audit/check.js";
import { mendingScript } from "../../guards/postgres/audit/mending-script.js";
import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { SEVERITIES, type Severity } from "../../guards/severity.js";
import { codeOf, causeLine } from "../error-report.js";
import { auditMongodb, mongoGuardOf } from "./audit-mongodb.js";
import { auditPostgres, auditPostgresCatalogue, poolOf } from "./audit-postgres.js";
import type { AuditRequest } from "./audit-request.js";

/** What can be audited. */
export type AuditedWire = "postgres" | "mongodb";

/** A finding, and whether somebody has said that it may stay. */
export interface AuditFinding extends Finding {
  /** Absent for PostgreSQL. */
  readonly wire?: "mongodb";
  readonly mongosh?: string;
  readonly accepted: boolean;
}

/** What an audit found. */
export interface AuditReport {
  /** The application's database; PostgreSQL's where it has both. */
  readonly database: string;
  /** The application's login in it: a role, or a user of MongoDB. */
  readonly login: string;
  /** Whether `pw.ready()` could prove that the wall stands. */
  readonly proof: "stands" | "failed" | "not run";
  /** The worst first, of one database after the other. */
  readonly findings: readonly AuditFinding[];
  /** MongoDB, where it was audited. */
  readonly mongodb?: {
    readonly database: string;
    /** Empty where the server asks for none. */
    readonly login: string;
    /** What could not be looked at: nothing is known of it. */
    readonly unseen: readonly (MongoUnseen & { readonly accepted: boolean })[];
  };
}

/** Every code that a finding may have. */
export function findingCodes(): string[] {
  return ["proof-failed", "login-differs", ...auditCodes(), ...mongoCodes()];
}

/** The walls of an application that can be audited. Throws `PW_CONFIG` where it has none. */
export function auditedWires(pw: Partywall): AuditedWire[] {
  const wires: AuditedWire[] = [
    ...(poolOf(pw) === undefined ? [] : ["postgres" as const]),
    ...(mongoGuardOf(pw) === undefined ? [] : ["mongodb" as const]),
  ];
  if (wires.length > 0) return wires;
  throw new PartywallError(
    "PW_CONFIG",
    "The application's instance has neither a PostgreSQL nor a MongoDB guard, so there is no wall to audit. Give createPartywall({ postgres: guardPg(…) }) or ({ mongodb: guardMongo(…) }).",
  );
}

/**
 * Audits the walls of a running application: lets `pw.ready()` prove them, and looks at each of `wires`; at PostgreSQL through
 * `client`, or in a system scope where there is none. Rejects where something could not be asked.
 */
export async function auditApplication(
  pw: Partywall,
  wires: readonly AuditedWire[],
  request: AuditRequest,
  client?: SqlClient,
): Promise<AuditReport> {
  const fault = await proofFault(pw);
  const pool = wires.includes("postgres") ? poolOf(pw) : undefined;
  const guard = wires.includes("mongodb") ? mongoGuardOf(pw) : undefined;
  const postgres = pool && (await auditPostgres(pw, pool, request, client));
  const mongodb = guard && (await auditMongodb(pw, guard, request));
  const { database, login } = (postgres ?? mongodb)!;
  const failed =
    fault === undefined ? [] : [{ ...proofFailed(login || database, fault), ...wireOf(!postgres) }];
  const findings = [
    ...failed,
    ...(postgres?.findings ?? []),
    ...(mongodb?.findings ?? []).map((one: MongoFinding) => ({ ...one, ...wireOf(true) })),
  ];
  return {
    database,
    login,
    proof: fault === undefined ? "stands" : "failed",
    findings: accepted(findings, request.accept),
    ...(mongodb === undefined
      ? {}
      : {
          mongodb: {
            database: mongodb.database,
            login: mongodb.login,
            unseen: accepted(mongodb.unseen, request.accept),
          },
        }),
  };
}

/** Audits the catalogue of PostgreSQL alone, for the logins that are named; nothing is proved of a running application. */
export async function auditCatalogue(
  client: SqlClient,
  request: AuditRequest & { readonly roles: { readonly app: string; readonly system: string } },
): Promise<AuditReport> {
  const { findings, ...audited } = await auditPostgresCatalogue(client, request);
  return { ...audited, proof: "not run", findings: accepted(findings, request.accept) };
}

/** What mends what was found and not accepted, as one script: SQL, or JavaScript for mongosh where MongoDB was audited alone. */
export function mendingText({ findings }: AuditReport, wires: readonly AuditedWire[]): string {
  const left = findings.filter((one) => !one.accepted);
  return wires.includes("postgres") ? mendingScript(left) : mongoMendingScript(left);
}

/** Whether a finding, or what could not be looked at, is at least so bad, and was not accepted. */
export function failsAt(severity: Severity | "none", { findings, mongodb }: AuditReport): boolean {
  if (severity === "none") return false;
  const worst = SEVERITIES.indexOf(severity);
  return [...findings, ...(mongodb?.unseen ?? [])].some(
    (one) => !one.accepted && SEVERITIES.indexOf(one.severity) <= worst,
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

const wireOf = (isMongodb: boolean): { readonly wire?: "mongodb" } =>
  isMongodb ? { wire: "mongodb" } : {};

function accepted<T extends { readonly code: string }>(
  findings: readonly T[],
  codes: readonly string[],
): (T & { readonly accepted: boolean })[] {
  return findings.map((finding) => ({ ...finding, accepted: codes.includes(finding.code) }));
}
