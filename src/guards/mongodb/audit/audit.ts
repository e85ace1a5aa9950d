import { SEVERITIES } from "../../severity.js";
import type { Check, Found, MongoFinding, MongoUnseen } from "./check.js";
import { asked, type Look } from "./look.js";

/**
 * Asks one server every question of the audit and lists what leads around the guard, the worst first, and what could not be
 * looked at. Reads only. Rejects with what is no answer of the server, such as a connection that broke.
 */
export async function auditServer(
  look: Look,
  checks: readonly Check[],
): Promise<{ readonly findings: MongoFinding[]; readonly unseen: MongoUnseen[] }> {
  const findings: MongoFinding[] = [];
  const unseen: MongoUnseen[] = [];
  for (const check of checks) {
    const { code, severity } = check;
    for (const one of await asked("the server", () => check.find(look))) {
      if ("unseen" in one) unseen.push({ code, severity, object: one.object, why: one.unseen });
      else findings.push(finding(check, one));
    }
  }
  return { findings: findings.toSorted(bySeverity), unseen: unseen.toSorted(bySeverity) };
}

function finding({ code, severity, why, fix }: Check, found: Found): MongoFinding {
  const { object, detail = "", mongosh } = found;
  const filled = (text: string): string =>
    text.replaceAll(/\{(object|detail)\}/g, (_, name) => (name === "object" ? object : detail));
  return {
    code,
    severity,
    object,
    why: filled(why),
    fix: filled(fix),
    ...(mongosh === undefined ? {} : { mongosh }),
  };
}

/** The order in which they are told: the worst first. */
export function bySeverity(
  a: Pick<MongoFinding, "code" | "severity" | "object">,
  b: Pick<MongoFinding, "code" | "severity" | "object">,
): number {
  return (
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    a.code.localeCompare(b.code) ||
    a.object.localeCompare(b.object)
  );
}
