import type { Check } from "./check.js";
import { collectionChecks } from "./checks/collections.js";
import { connectionChecks } from "./checks/connections.js";
import { documentChecks } from "./checks/documents.js";
import { homeChecks } from "./checks/homes.js";
import { indexChecks } from "./checks/indexes.js";
import { loginChecks } from "./checks/login.js";
import { modelChecks } from "./checks/models.js";
import { referenceChecks } from "./checks/references.js";
import { serverChecks } from "./checks/server.js";

/** Every question of the audit. */
export const CHECKS: readonly Check[] = [
  ...modelChecks,
  ...connectionChecks,
  ...loginChecks,
  ...homeChecks,
  ...documentChecks,
  ...referenceChecks,
  ...indexChecks,
  ...collectionChecks,
  ...serverChecks,
];

/** The codes of every question, for those who choose among them. */
export const auditCodes = (): string[] => CHECKS.map(({ code }) => code);
