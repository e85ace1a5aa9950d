import { ERROR_CODES, PartywallError, type ErrorCode } from "../../errors.js";
import type { SealedTask } from "./envelope.js";

/** What a thread is sent: a task, and the number that its answer bears. */
export interface Question extends SealedTask {
  readonly task: number;
}

/** What comes back for a task. */
export type Answer =
  | { readonly task: number; readonly value: unknown }
  | { readonly task: number; readonly error: unknown; readonly code?: ErrorCode };

/** The answer of a task that failed. Cloning keeps of an error its name, message and cause, but not its code. */
export function failure(task: number, error: unknown): Answer {
  return {
    task,
    error,
    ...(error instanceof PartywallError ? { code: error.code } : {}),
  };
}

/** The error of an answer, in this thread's classes. */
export function errorOf({ error, code }: { readonly error: unknown; readonly code?: ErrorCode }) {
  if (code === undefined || !Object.hasOwn(ERROR_CODES, code)) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new PartywallError(code, message, { cause: error });
}
