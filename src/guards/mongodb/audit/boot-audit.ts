import { PartywallError } from "../../../errors.js";
import { SEVERITIES, type Severity } from "../../severity.js";
import { auditCodes } from "./checks.js";
import type { MongoAudit } from "./options.js";

/**
 * Which findings of the audit keep an application from starting.
 *
 * @example
 * ```ts
 * import type { MongoBootAudit } from "partywall/guards/mongodb";
 *
 * export const audit: MongoBootAudit = { severity: "high", accept: ["connection-unguarded"] };
 * ```
 */
export interface MongoBootAudit {
  /** The mildest finding that is refused; default `"high"`. */
  readonly severity?: Severity;
  /** Codes of findings that are known and may stay, or need not be looked at; default none. */
  readonly accept?: readonly string[];
  /** Whether documents are read too; default false: what costs is left to `partywall audit`. */
  readonly documents?: boolean;
}

/** Reads the option of `guardMongo()`. Throws `PW_CONFIG` for a severity or a code that there is not. */
export function bootAudit(option: "refuse" | MongoBootAudit): Required<MongoBootAudit> {
  if (option !== "refuse" && (typeof option !== "object" || option === null)) {
    throw new PartywallError(
      "PW_CONFIG",
      'guardMongo() got an `audit` that is neither "refuse" nor { severity, accept, documents }.',
    );
  }
  const { severity = "high", accept = [], documents = false } = option === "refuse" ? {} : option;
  if (!SEVERITIES.includes(severity)) {
    throw new PartywallError(
      "PW_CONFIG",
      `guardMongo() got an \`audit.severity\` that no finding has. It is one of ${SEVERITIES.join(", ")}.`,
    );
  }
  const known = auditCodes();
  const unknown = accept.find((code) => !known.includes(code));
  if (unknown !== undefined) {
    throw new PartywallError(
      "PW_CONFIG",
      `guardMongo() got ${JSON.stringify(unknown)} in \`audit.accept\`, which no finding has. The codes are in docs/reference/audit.md.`,
    );
  }
  return { severity, accept, documents };
}

const MOST_NAMED = 20;

/**
 * Throws `PW_GUARD_BYPASSED` with the codes and objects of what is at least so bad and was not accepted, what could not be
 * looked at among it: a question that was not answered is no clean bill.
 */
export function refuseFindings(
  { findings, unseen }: MongoAudit,
  { severity, accept }: Required<MongoBootAudit>,
): void {
  const worst = SEVERITIES.indexOf(severity);
  const refused = [
    ...findings,
    ...unseen.map((one) => ({ ...one, object: `${one.object}: could not be looked at` })),
  ].filter((one) => SEVERITIES.indexOf(one.severity) <= worst && !accept.includes(one.code));
  if (refused.length === 0) return;
  const named = refused.slice(0, MOST_NAMED).map(({ code, object }) => `${code} (${object})`);
  const more = refused.length - named.length;
  throw new PartywallError(
    "PW_GUARD_BYPASSED",
    `The audit found ways around the guard: ${named.join(", ")}${more === 0 ? "" : ` and ${more} more`}. Run partywall audit for what mends them; nothing should be served until then.`,
  );
}
