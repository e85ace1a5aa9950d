import type { AuditSubject, Check } from "./check.js";
import { functionChecks } from "./checks/functions.js";
import { keyChecks } from "./checks/keys.js";
import { loginChecks } from "./checks/login.js";
import { privilegeChecks } from "./checks/privileges.js";
import { rolloutChecks } from "./checks/rollouts.js";
import { ruleChecks } from "./checks/rules.js";
import { tableChecks } from "./checks/tables.js";
import { viewChecks } from "./checks/views.js";

/** Every question of the audit. */
export function checksFor(subject: AuditSubject, database: string): Check[] {
  return [
    ...loginChecks,
    ...tableChecks,
    ...rolloutChecks,
    ...keyChecks,
    ...viewChecks,
    ...ruleChecks,
    ...functionChecks,
    ...privilegeChecks(subject, database),
  ];
}

/** The codes of every question, for those who choose among them. */
export function auditCodes(): string[] {
  const nobody = { login: "nobody", system: "nobody", tenantColumn: "nothing" };
  return checksFor(nobody, "nothing").map(({ code }) => code);
}
