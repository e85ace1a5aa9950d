import type { AuditSubject, Check } from "./check.js";
import { columnChecks } from "./checks/columns.js";
import { functionChecks } from "./checks/functions.js";
import { grantChecks } from "./checks/grants.js";
import { hookChecks } from "./checks/hooks.js";
import { indexChecks } from "./checks/indexes.js";
import { keyChecks } from "./checks/keys.js";
import { loginChecks } from "./checks/login.js";
import { policyChecks } from "./checks/policies.js";
import { privilegeChecks } from "./checks/privileges.js";
import { reachChecks } from "./checks/reach.js";
import { rolloutChecks } from "./checks/rollouts.js";
import { ruleChecks } from "./checks/rules.js";
import { serverChecks } from "./checks/server.js";
import { settingChecks } from "./checks/settings.js";
import { tableChecks } from "./checks/tables.js";
import { viewChecks } from "./checks/views.js";
import { wallFunctionChecks } from "./checks/wall-functions.js";

/** Every question of the audit. */
export function checksFor(subject: AuditSubject, database: string): Check[] {
  return [
    ...loginChecks,
    ...settingChecks,
    ...tableChecks,
    ...policyChecks(subject),
    ...grantChecks,
    ...columnChecks,
    ...indexChecks,
    ...rolloutChecks,
    ...keyChecks,
    ...viewChecks,
    ...ruleChecks,
    ...functionChecks,
    ...wallFunctionChecks(subject),
    ...hookChecks,
    ...reachChecks,
    ...serverChecks,
    ...privilegeChecks(subject, database),
  ];
}

/** The codes of every question, for those who choose among them. */
export function auditCodes(): string[] {
  const nobody = { login: "nobody", system: "nobody", tenantColumn: "nothing" };
  return checksFor(nobody, "nothing").map(({ code }) => code);
}
