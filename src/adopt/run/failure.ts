import { PartywallError } from "../../errors.js";
import type { Step } from "../step.js";

/** An adoption that may not be run as it was asked for; nothing was changed. */
export function refusal(message: string): PartywallError {
  return new PartywallError("PW_ADOPTION_REFUSED", message);
}

/** A step that did not succeed. What was done before it stays done and noted. */
export function stepFailure(step: Step, what: string, remedy: string, cause?: unknown) {
  return new PartywallError(
    "PW_ADOPTION_FAILED",
    `The step ${step.id} of the adoption ${what}. ${remedy}`,
    cause === undefined ? undefined : { cause },
  );
}

/** SQLSTATE of what the server refused; undefined for what did not come from the server. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Whether a query failed because its connection is gone, with its session and its transaction. */
export function isConnectionLost(error: unknown): boolean {
  const state = sqlState(error);
  return state === undefined || /^(?:08|57P0[1-5])/.test(state);
}
