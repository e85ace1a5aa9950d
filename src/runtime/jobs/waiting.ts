import { PartywallError } from "../../errors.js";

const WAITING: readonly string[] = [
  "PW_TENANT_SUSPENDED",
  "PW_TENANT_NOT_READY",
  "PW_REGISTRY_UNAVAILABLE",
];

/** Whether a job whose tenant could not be entered waits for it, and is neither done nor failed. */
export function mustWait(error: unknown): boolean {
  return error instanceof PartywallError && WAITING.includes(error.code);
}
