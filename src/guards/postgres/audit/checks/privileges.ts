import { quoteIdentifier, quoteLiteral } from "../../ddl/identifier.js";
import { databasePrivileges } from "../../ddl/privileges.js";
import type { Severity } from "../../../severity.js";
import type { AuditSubject, Check } from "../check.js";

// How bad it is that a right was not taken; one that is not named here is as bad as most.
const SEVERITY: Readonly<Record<string, Severity>> = {
  "role-attributes": "critical",
  languages: "medium",
  "large-objects": "medium",
  "prepared-statements": "medium",
  "system-signal": "low",
};

/** The rights that half of the wall consists of taking away, each that is still there. */
export function privilegeChecks(subject: AuditSubject, database: string): Check[] {
  const roles = {
    app: subject.login,
    system: subject.system,
    ...(subject.migrator === undefined ? {} : { migrator: subject.migrator }),
  };
  return databasePrivileges(database, roles).map(({ code, otherwise, sql, open, superuser }) => ({
    code: `privilege-${code}`,
    severity: SEVERITY[code] ?? "high",
    why: `A right was not taken: ${otherwise}.`,
    fix: superuser
      ? "Take it, as a superuser."
      : "Take it; what another role granted, that role must take.",
    sql: mending(code, sql, subject),
    find: `select ${literalOf(code === "system-signal" ? subject.system : subject.login)} as object where ${open}`,
  }));
}

function literalOf(role: string): string {
  return `quote_ident(${quoteLiteral(role)})`;
}

// One statement can only take its own attributes; the worse ones have findings of their own, but this must mend alone.
function mending(code: string, sql: string, { login }: AuditSubject): string {
  return code === "role-attributes"
    ? `alter role ${quoteIdentifier(login)} nosuperuser nobypassrls nocreatedb nocreaterole noreplication`
    : sql;
}
