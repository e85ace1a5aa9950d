import { PartywallError, TenantContextError } from "../../errors.js";
import { outsideScope } from "../../scope/current.js";
import type { Scope } from "../../scope/scope.js";

/** The refusal of an operation that was issued outside every scope. */
export const noScope = (): PartywallError =>
  outsideScope(
    "A MongoDB operation was issued outside any scope, so nothing was sent. Wrap the call in pw.run(tenant, fn), or in pw.central(fn) for shared collections.",
  );

/** The refusal of what was built in one scope and is to run in another. */
export function scopeSwitch(inSession: boolean): PartywallError {
  return inSession
    ? new PartywallError(
        "PW_TRANSACTION_SCOPE",
        "A session was used in another scope than the one it belongs to, so nothing was sent. Start sessions and transactions in the scope that uses them.",
      )
    : new PartywallError(
        "PW_SCOPE_SWITCH",
        "A query or cursor that was built in one scope was awaited or read in another, so nothing was sent. Build and await it in the same scope.",
      );
}

/** The refusal of what a system scope left behind when it closed. */
export const systemEnded = (): PartywallError =>
  outsideScope(
    "A query, cursor or session of a system scope was used outside it, so nothing was sent. Await and read it inside pw.system().",
  );

/** The refusal of what is for every tenant's documents, in another scope than a system scope. */
export function onlyInSystem(kind: Exclude<Scope["kind"], "system"> | undefined): PartywallError {
  const message =
    "Documents of every tenant were asked for outside a system scope, so nothing was sent. Wrap the call in pw.system({ reason }, fn), and await it there.";
  if (kind === undefined) return outsideScope(message);
  return kind === "central"
    ? new TenantContextError("PW_CENTRAL_SCOPE", message)
    : new PartywallError("PW_SCOPE_SWITCH", message);
}

/** The refusal of a command that did not come by the guarded client. */
export const bypassed = (what: string): PartywallError =>
  new PartywallError(
    "PW_GUARD_BYPASSED",
    `${what}, so nothing was sent. Use the client of guardMongo(), or its MongoClient class, with the very copy of mongodb that was passed to it (npm ls mongodb).`,
  );

/** The refusal of a command of a tenant that was expelled. */
export const expelled = (): PartywallError =>
  new PartywallError(
    "PW_SEAL_REFUSED",
    "The tenant was suspended, moved or erased while its scope was open, so nothing was sent. Check the tenant's status.",
  );

/** The refusal of a command of a tenant that lives elsewhere by now. */
export const moved = (): PartywallError =>
  new PartywallError(
    "PW_PLACEMENT_STALE",
    "The tenant was moved while its scope was open, so nothing was sent. Open its scope again.",
  );

/** The refusal of a database that no tenant shares. */
export const foreignDatabase = (): PartywallError =>
  new PartywallError(
    "PW_STATEMENT_REFUSED",
    "A command names a database that is not open to this scope, so nothing was sent. Leave the database to the connection string of `app`, name it in `databases` of guardMongo(), or use a system scope.",
  );

/** The refusal of a cursor that the scope did not open. */
export const foreignCursor = (): PartywallError =>
  new PartywallError(
    "PW_STATEMENT_REFUSED",
    "A command names a cursor that this scope did not open, so nothing was sent. Read a cursor in the scope that opened it.",
  );

/** The refusal of an audit outside a system scope. */
export const auditOutsideSystem = (): PartywallError =>
  new PartywallError(
    "PW_STATEMENT_REFUSED",
    "The audit reads every tenant's documents and was not asked for in a system scope, so nothing was read. Call it in pw.system({ reason }, fn).",
  );

/**
 * Makes an error fit to pass through the driver. It copies the own properties of what fails a bulk write onto an error of
 * its own whose `name` cannot be set; the copy has the code, and the error as its cause. And where a commit fails it asks
 * for labels that its own errors have.
 */
export function passable(error: PartywallError): PartywallError {
  const { code, message } = error;
  Object.defineProperties(error, {
    name: { enumerable: false },
    hasErrorLabel: { value: () => false },
    addErrorLabel: { value: () => undefined },
  });
  if (error.cause === undefined) {
    const value = new PartywallError(code, message);
    Object.defineProperty(error, "cause", { value, enumerable: true, configurable: true });
  }
  return error;
}
