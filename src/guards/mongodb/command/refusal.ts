import { PartywallError, TenantContextError } from "../../../errors.js";

// What a caller names a command or operator may be data that went astray: only what looks like a name is repeated.
const NAME = /^[$\w.-]{1,64}$/;

/** A name of a command, stage, operator or option, fit for a message. */
export const named = (name: unknown): string =>
  typeof name === "string" && NAME.test(name) ? `"${name}"` : "of no proper name";

/** The error of what may not be sent: `what` is a clause that names it, `instead` says what to do. */
export function refused(what: string, instead: string): PartywallError {
  return new PartywallError("PW_STATEMENT_REFUSED", `${what}, so nothing was sent. ${instead}`);
}

/** The error of a write that carries another tenant, or would change the tenant of a document. */
export function mismatched(what: string): PartywallError {
  return new PartywallError(
    "PW_WRITE_MISMATCH",
    `${what}, so nothing was sent. Leave the field out: the guard sets it.`,
  );
}

/** The error of a tenant's collection in central scope. */
export function tenantless(collection: string): TenantContextError {
  return new TenantContextError(
    "PW_CENTRAL_SCOPE",
    `The collection ${named(collection)} holds tenants' documents and no tenant is current, so nothing was sent. ` +
      "Open the tenant's scope with pw.run(), or declare the collection shared.",
  );
}

/** What to do where only the system scope may. */
export const IN_SYSTEM = "Do it in pw.system({ reason }, fn).";
