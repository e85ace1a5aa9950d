import { PartywallError } from "../../../errors.js";
import type { SqlClient } from "../ddl/catalog.js";
import { auditDatabase } from "./audit.js";
import { SEVERITIES, type Severity } from "../../severity.js";
import { auditCodes } from "./checks.js";

/** Which findings of the audit keep an application from starting. */
export interface BootAudit {
  /** The mildest finding that is refused; default `"high"`. */
  readonly severity?: Severity;
  /** Codes of findings that are known and may stay; default none. */
  readonly accept?: readonly string[];
  /** Name of the tenant column; default `"tenant_id"`. */
  readonly tenantColumn?: string;
}

/** Reads the option of `guardPg()`. Throws `PW_CONFIG` for a severity or a code that there is not. */
export function bootAudit(option: "refuse" | BootAudit): Required<BootAudit> {
  const {
    severity = "high",
    accept = [],
    tenantColumn = "tenant_id",
  } = option === "refuse" ? {} : option;
  if ((option as unknown) !== "refuse" && (typeof option !== "object" || option === null)) {
    throw new PartywallError(
      "PW_CONFIG",
      'guardPg() got an `audit` that is neither "refuse" nor { severity, accept, tenantColumn }.',
    );
  }
  if (!SEVERITIES.includes(severity)) {
    throw new PartywallError(
      "PW_CONFIG",
      `guardPg() got an \`audit.severity\` that no finding has. It is one of ${SEVERITIES.join(", ")}.`,
    );
  }
  const known = auditCodes();
  const unknown = accept.find((code) => !known.includes(code));
  if (unknown !== undefined) {
    throw new PartywallError(
      "PW_CONFIG",
      `guardPg() got ${JSON.stringify(unknown)} in \`audit.accept\`, which no finding has. The codes are in docs/reference/audit.md.`,
    );
  }
  return { severity, accept, tenantColumn };
}

const MOST_NAMED = 20;

/**
 * Audits the database and throws `PW_GUARD_BYPASSED` with the codes and objects of what is at least so bad and was not
 * accepted. Throws what the database refuses: a question that was not answered is no clean bill.
 */
export async function refuseFindings(
  client: SqlClient,
  login: string,
  { severity, accept, tenantColumn }: Required<BootAudit>,
): Promise<void> {
  const { rows } = await client.query("select current_user as system");
  const findings = await auditDatabase(client, {
    login,
    system: String(rows[0]?.["system"]),
    tenantColumn,
  });
  const worst = SEVERITIES.indexOf(severity);
  const refused = findings.filter(
    (one) => SEVERITIES.indexOf(one.severity) <= worst && !accept.includes(one.code),
  );
  if (refused.length === 0) return;
  const named = refused.slice(0, MOST_NAMED).map(({ code, object }) => `${code} (${object})`);
  const more = refused.length - named.length;
  throw new PartywallError(
    "PW_GUARD_BYPASSED",
    `The audit found ways around the wall: ${named.join(", ")}${more === 0 ? "" : ` and ${more} more`}. Run partywall audit --fix for the SQL that mends them; nothing should be served until then.`,
  );
}
