import { PartywallError } from "../../../errors.js";
import type { SqlClient } from "../ddl/catalog.js";
import { SEVERITIES } from "../../severity.js";
import { quoteIdentifier } from "../ddl/identifier.js";
import type { AuditSubject, Check, Finding, Found } from "./check.js";
import { checksFor } from "./checks.js";
import { relations } from "./relations.js";

/**
 * Asks the live catalogue every question of the audit and lists what leads around the wall, the worst first. Reads
 * only, in one transaction; every login may. Throws `PW_CONFIG` where there is no such login, and what the database
 * refuses: an audit that could not ask everything finds nothing out.
 *
 * @param client a connected client (not a pool)
 * @param checks the questions; all there are unless told
 */
export async function auditDatabase(
  client: SqlClient,
  subject: AuditSubject,
  checks?: readonly Check[],
): Promise<Finding[]> {
  await client.query("begin isolation level repeatable read read only");
  try {
    // What the catalogue prints then names every schema but its own, as the checks expect.
    await client.query("set local search_path = pg_catalog, pg_temp");
    const findings: Finding[] = [];
    const questions = checks ?? checksFor(subject, await readDatabase(client, subject));
    const prelude = relations(subject);
    for (const check of questions) {
      const found = await look(client, check, prelude);
      findings.push(...found.map((one) => finding(check, one, subject)));
    }
    await client.query("commit");
    return findings.toSorted(bySeverity);
  } catch (error) {
    // A connection that broke cannot be rolled back either; what broke it is what must be told.
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}

async function readDatabase(client: SqlClient, { login, system }: AuditSubject): Promise<string> {
  const { rows } = await client.query(
    `select current_database() as database, array(select rolname::text from pg_roles where rolname = any($1::text[])) as roles`,
    [[login, system]],
  );
  const { database, roles } = rows[0] as { database: string; roles: string[] };
  for (const role of [login, system]) {
    if (roles.includes(role)) continue;
    throw new PartywallError(
      "PW_CONFIG",
      `There is no role ${JSON.stringify(role)} on this server, so its way around the wall cannot be looked for. Mend its name.`,
    );
  }
  return database;
}

async function look(
  client: SqlClient,
  { find }: Check,
  prelude: string,
): Promise<readonly Found[]> {
  if (typeof find === "function") return find(client);
  const { rows } = await client.query(prelude + find);
  return rows as unknown as Found[];
}

function finding(
  { code, severity, why, fix, sql: common }: Check,
  { object, sql = common }: Found,
  subject: AuditSubject,
): Finding {
  const login = quoteIdentifier(subject.login);
  const filled = (text: string): string =>
    text.replaceAll(/\{(object|login)\}/g, (_, name) => (name === "object" ? object : login));
  return {
    code,
    severity,
    object,
    why: filled(why),
    fix: filled(fix),
    // What a query found is SQL already: a name in it may look like a placeholder.
    ...(sql === undefined || sql === null ? {} : { sql: sql === common ? filled(sql) : sql }),
  };
}

function bySeverity(a: Finding, b: Finding): number {
  return (
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    a.code.localeCompare(b.code) ||
    a.object.localeCompare(b.object)
  );
}
