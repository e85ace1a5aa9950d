import { PartywallError } from "../errors.js";
import type { Scope } from "./scope.js";

/** What is open where something is about to be opened. */
export type ScopeState = "none" | Scope["kind"];

/** What may be opened or used; `each` and `tenants` stand for `pw.each` and `pw.tenants`. */
export type Opening = Scope["kind"] | "each" | "tenants";

/** `same`: only for the tenant that is current already. */
export type Verdict = "allow" | "same" | "refuse";

/**
 * Which scope may open which. This table is the rule: the code reads it, the reference page repeats it and one
 * test walks it. `pw.run` and `pw.resume` of a tenant are the column `tenant`.
 */
export const OPENING_RULES = {
  none: { tenant: "allow", central: "allow", system: "allow", each: "allow", tenants: "allow" },
  tenant: {
    tenant: "same",
    central: "refuse",
    system: "refuse",
    each: "refuse",
    tenants: "refuse",
  },
  central: { tenant: "allow", central: "allow", system: "allow", each: "allow", tenants: "allow" },
  system: { tenant: "allow", central: "allow", system: "allow", each: "allow", tenants: "allow" },
} as const satisfies Record<ScopeState, Record<Opening, Verdict>>;

const NAMES: Record<Opening, string> = {
  tenant: "a scope of another tenant",
  central: "a central scope",
  system: "a system scope",
  each: "pw.each()",
  tenants: "pw.tenants",
};

/**
 * The refusal when `from` may not open `opening`, undefined when it may. For a tenant, `tenantId` is the one to open.
 */
export function refusal(
  from: Scope | undefined,
  opening: Opening,
  tenantId?: string,
): PartywallError | undefined {
  const verdict: Verdict = OPENING_RULES[from?.kind ?? "none"][opening];
  if (verdict === "allow") return undefined;
  if (verdict === "same" && from?.kind === "tenant" && from.tenant.id === tenantId)
    return undefined;
  return new PartywallError(
    "PW_SCOPE_SWITCH",
    `${NAMES[opening]} was asked for inside a tenant scope, which cannot be left from within. ` +
      "Open it where the tenant scope was opened, before pw.run().",
  );
}
