import { PartywallError, TenantContextError } from "../../errors.js";
import type { GuardHost } from "../../scope/guard.js";
import {
  HELD,
  HOME_MISSING,
  NO_TENANT,
  NOT_CANONICAL,
  NOT_HOME,
  SEAL_REFUSED,
} from "./ddl/seal-sql.js";
import { HOME_CONSTRAINT } from "./ddl/tenant-schema.js";
import { isCopy } from "./statement.js";
import type { Ticket } from "./ticket.js";

interface ServerError extends Error {
  readonly code?: string;
  readonly severity?: string;
  readonly routine?: string;
  readonly constraint?: string;
  where?: string | undefined;
}

/** Whether an error is the server's own message, not the socket's or the driver's. */
export function isServerError(error: Error): error is ServerError {
  return "severity" in error && "code" in error;
}

/** Whether a kept statement is gone from the server, or its result no longer has the columns it had. */
export function isNameError(error: Error): boolean {
  if (!isServerError(error)) return false;
  return (
    error.code === "26000" || (error.code === "0A000" && error.routine === "RevalidateCachedQuery")
  );
}

/** Takes a statement's name out of what the server says of it, as if it had been sent unnamed. */
export function withoutName(error: Error, name: string): void {
  if (!error.message.includes(name)) return;
  const { stack } = error;
  error.message = error.message.replaceAll(name, "");
  if (stack !== undefined) error.stack = stack.replaceAll(name, "");
}

/** SQLSTATE of a backend that was ended from outside, before the statement was. */
export const SHUT_DOWN = "57P01";

// The statement was cut short from outside, or the transaction was already aborted: the seal is not at fault.
const NOT_THE_SEAL = /^(?:25P02|57|53|58|08|40)/;

/** Records and tells that a connection's transaction is another scope's. */
export function transactionScope(host: GuardHost): PartywallError {
  host.denied({ code: "PW_TRANSACTION_SCOPE", wire: "postgres" });
  return new PartywallError(
    "PW_TRANSACTION_SCOPE",
    "The connection is in a transaction that another scope began, so the statement was not sent. Use a connection taken in this scope, and end transactions in the scope that began them.",
  );
}

/** Translates a failed seal. The caller's statement never ran. */
export function sealError(error: Error): Error {
  const told = refusedSeal(error);
  const { code } = error as { code?: unknown };
  const isAway = code === SEAL_REFUSED || code === HELD;
  return isAway && told instanceof PartywallError ? displaced(told) : told;
}

function refusedSeal(error: Error): Error {
  // A session can have its parameters told in an error's context; here that is the secret.
  if (isServerError(error)) delete error.where;
  if (!isServerError(error) || NOT_THE_SEAL.test(error.code ?? "")) return error;
  if (error.code === HOME_MISSING) {
    return new PartywallError(
      "PW_PLACEMENT",
      "The statement was not run: the schema in which the tenant is placed is not in the database, or the application's login has no USAGE on it. Provision the schema, or put it behind the wall with wallTenantSchema().",
      { cause: error },
    );
  }
  if (error.code === HELD) {
    return new PartywallError(
      "PW_PLACEMENT_STALE",
      "The statement was not run: the tenant is being moved to another place, which takes a moment. Repeat the transaction.",
      { cause: error },
    );
  }
  const why =
    error.code === SEAL_REFUSED
      ? "does not know this tenant's seal: the tenant is suspended, erased, moved or was never admitted, or the secret has changed"
      : error.code === "3F000" || error.code === "42883"
        ? "has no wall: the function partywall.enter is missing. Build it with applyWall()"
        : `would not seal the transaction (SQLSTATE ${error.code ?? "unknown"})`;
  return new PartywallError(
    "PW_SEAL_REFUSED",
    `The statement was not run: the database ${why}. See docs/security.md.`,
    { cause: error },
  );
}

/**
 * Whether an error says that the tenant was not where the statement was sent, or is held there, and that nothing of the
 * statement was kept: it may be sent again once the tenant is found.
 */
export function isDisplaced(error: Error): error is PartywallError {
  return DISPLACED.has(error);
}

/** Notes that an error says so. What tenant SQL raises by itself never does. */
export function displaced(error: PartywallError): PartywallError {
  DISPLACED.add(error);
  return error;
}

const DISPLACED = new WeakSet<Error>();

/** The SQLSTATE of the server's error behind one of Partywall's, if there is one. */
export function sqlStateOf({ cause }: PartywallError): string | undefined {
  return cause instanceof Error && isServerError(cause) ? cause.code : undefined;
}

/** What is told of a connection that a tenant's own database has ended. */
export function shutDown(options?: ErrorOptions): PartywallError {
  return displaced(
    new PartywallError(
      "PW_PLACEMENT_STALE",
      "The statement was not run to its end, and nothing of its transaction was kept: the tenant's database ended the connection, as where the tenant is moved or suspended. Repeat the transaction.",
      options,
    ),
  );
}

/** Translates what the wall refused into Partywall's own errors; every other error passes as it is. */
export function wallError(error: Error, ticket: Ticket, text: unknown): Error {
  if (!isServerError(error)) return error;
  const cause = { cause: error };
  if (error.code === SHUT_DOWN && ticket.place?.database !== undefined) {
    return shutDown(cause);
  }
  if (error.code === NO_TENANT) {
    if (ticket.kind === "unscoped") {
      return new TenantContextError(
        "PW_NO_SCOPE",
        "A statement was issued outside any scope, which a rollout lets pass, but it touched tenant rows of a table that is enforced, so the database refused it. Wrap the call in pw.run(tenant, fn).",
        cause,
      );
    }
    return ticket.kind === "tenant"
      ? new PartywallError(
          "PW_WALL_REFUSED",
          "The statement touched tenant rows after its transaction had ended (a COMMIT or ROLLBACK inside one text), so the database refused it. Send transaction control as statements of their own.",
          cause,
        )
      : new TenantContextError(
          "PW_CENTRAL_SCOPE",
          `The statement touched tenant rows where no tenant is current (${ticket.kind}), so the database refused it. Use pw.run(tenant, fn).`,
          cause,
        );
  }
  if (error.code === NOT_CANONICAL) {
    return new PartywallError(
      "PW_WALL_REFUSED",
      "The tenant's id is not written as the tenant column writes it (a uuid in lower case with dashes, a bigint without sign or leading zeros), so the database refused the statement. Create the tenant with the id in that form.",
      cause,
    );
  }
  if (error.code === SEAL_REFUSED) return refusedSeal(error);
  if (error.code === NOT_HOME) {
    return new PartywallError(
      "PW_PLACEMENT",
      "The statement touched a table that belongs to another strategy than the tenant's own placement, so the database refused it. A table is missing in the tenant's schema, or a name leads out of it.",
      cause,
    );
  }
  const isOutOfHome = error.code === "23514" && error.constraint === HOME_CONSTRAINT;
  if (isOutOfHome || (error.code === "42501" && error.routine === "ExecWithCheckOptions")) {
    return new PartywallError(
      "PW_WRITE_MISMATCH",
      "A row was written with another tenant's id, so the database refused it. Leave the tenant column out; the database stamps it.",
      cause,
    );
  }
  if (error.code === "0A000" && typeof text === "string" && isCopy(text)) {
    return new PartywallError(
      "PW_COPY_FROM",
      "PostgreSQL does not run COPY FROM on tables with row security. Use insertRows() from partywall/guards/postgres.",
      cause,
    );
  }
  return error;
}
