import { PartywallError } from "../errors.js";

/** What was asked for is not done, and nothing has been changed. */
export function refused(message: string, cause?: unknown): PartywallError {
  return new PartywallError("PW_TENANT_DATA_REFUSED", message, { cause });
}

/** An archive that is not as it was written. */
export function invalidArchive(message: string, cause?: unknown): PartywallError {
  return new PartywallError("PW_ARCHIVE_INVALID", message, { cause });
}

/** The database did not do what it was asked; `cause` is what it said, and may name values. */
export function failed(message: string, cause: unknown): PartywallError {
  return new PartywallError("PW_TENANT_DATA_FAILED", message, { cause });
}
