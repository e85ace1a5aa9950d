import { PartywallError } from "../../../errors.js";
import * as backend from "./backend.js";
import type { Errand } from "./errand.js";

/** An error as the server would tell it. */
export function refusal(error: Error, errand: Errand | undefined): Buffer {
  const mark = errand?.refuse(error);
  return backend.complaint("E", error, {
    ...("severity" in error ? {} : { severity: "ERROR" }),
    // What drivers call a connection that was lost.
    ...("code" in error ? {} : { code: "CONNECTION_CLOSED" }),
    ...(mark === undefined ? {} : { routine: mark }),
  });
}

/** What is told of a statement that its caller cancelled before it was sent. */
export const cancelled = () =>
  Object.assign(new Error("canceling statement due to user request"), { code: "57014" });

/** What is told of a transaction whose connection is gone. */
export const lost = () =>
  Object.assign(new Error("The connection was lost, and the transaction with it."), {
    code: "CONNECTION_CLOSED",
  });

/** What is told a driver that asks for replication. */
export const replication = () =>
  new PartywallError(
    "PW_STATEMENT_REFUSED",
    "The driver asked for replication, which tells the changes of all tenants, so nothing was sent.",
  );

/** What is told of a statement with a name. */
export const namedStatement = () =>
  new PartywallError(
    "PW_STATEMENT_REFUSED",
    "The driver named a prepared statement, which tenant SQL could replace, so nothing was sent. Leave `prepare` as the adapter sets it.",
  );

/** What is told of a message that belongs to no statement that was issued. */
export const unexpected = () =>
  new PartywallError(
    "PW_STATEMENT_REFUSED",
    "The driver sent a part of the protocol that belongs to no statement it issued, so nothing was sent.",
  );
