/**
 * The catalogue of every error Partywall raises: `status` is the HTTP status a framework answers with,
 * `expose` says whether the message may be shown to a caller outside the application.
 */
export const ERROR_CODES = {
  PW_CONFIG: { status: 500, expose: false },
  PW_USAGE: { status: 400, expose: false },
  PW_INCOMPATIBLE_COPY: { status: 500, expose: false },
  PW_NO_SCOPE: { status: 500, expose: false },
  PW_CENTRAL_SCOPE: { status: 500, expose: false },
  PW_SCOPE_SWITCH: { status: 500, expose: false },
  PW_SYSTEM_REASON: { status: 500, expose: false },
  PW_SCOPE_LIFECYCLE: { status: 500, expose: false },
  PW_AUDIT_FAILED: { status: 500, expose: false },
  PW_EACH_FAILED: { status: 500, expose: false },
  PW_SNAPSHOT_INVALID: { status: 500, expose: false },
  PW_SNAPSHOT_EXPIRED: { status: 500, expose: false },
  PW_TENANT_UNKNOWN: { status: 404, expose: true },
  PW_TENANT_FORBIDDEN: { status: 404, expose: true },
  PW_TENANT_AMBIGUOUS: { status: 400, expose: true },
  PW_TENANT_UNRESOLVED: { status: 404, expose: true },
  PW_TENANT_SUSPENDED: { status: 403, expose: true },
  PW_TENANT_NOT_READY: { status: 503, expose: true },
  PW_TENANT_INVALID: { status: 400, expose: true },
  PW_TENANT_EXISTS: { status: 409, expose: true },
  PW_TENANT_CONFLICT: { status: 409, expose: true },
  PW_REGISTRY_UNAVAILABLE: { status: 503, expose: false },
  PW_REGISTRY_CONTRACT: { status: 500, expose: false },
  PW_WRITE_MISMATCH: { status: 403, expose: true },
  PW_SEAL_REFUSED: { status: 500, expose: false },
  PW_PLACEMENT: { status: 500, expose: false },
  PW_PLACEMENT_STALE: { status: 503, expose: false },
  PW_PROVISION_FAILED: { status: 503, expose: false },
  PW_POOL_EXHAUSTED: { status: 503, expose: false },
  PW_WALL_REFUSED: { status: 500, expose: false },
  PW_GUARD_FAILED: { status: 500, expose: false },
  PW_GUARD_DETACHED: { status: 500, expose: false },
  PW_GUARD_BYPASSED: { status: 500, expose: false },
  PW_TRANSACTION_SCOPE: { status: 500, expose: false },
  PW_UNIT_OF_WORK_SCOPE: { status: 500, expose: false },
  PW_CONTAINER_SCOPE: { status: 500, expose: false },
  PW_COPY_FROM: { status: 500, expose: false },
  PW_LISTEN_ON_POOL: { status: 500, expose: false },
  PW_STATEMENT_REFUSED: { status: 500, expose: false },
  PW_QUERY_TIMEOUT: { status: 503, expose: false },
  PW_ADOPTION_REFUSED: { status: 500, expose: false },
  PW_ADOPTION_FAILED: { status: 500, expose: false },
  PW_TENANT_DATA_REFUSED: { status: 500, expose: false },
  PW_TENANT_DATA_FAILED: { status: 500, expose: false },
  PW_ARCHIVE_INVALID: { status: 500, expose: false },
  PW_URL_REFUSED: { status: 500, expose: false },
  PW_PATH_REFUSED: { status: 400, expose: false },
  PW_SIGNATURE_REFUSED: { status: 403, expose: true },
} as const satisfies Record<string, { readonly status: number; readonly expose: boolean }>;

/** A stable error code of the catalogue, for example `"PW_NO_SCOPE"`. */
export type ErrorCode = keyof typeof ERROR_CODES;

/**
 * Every error Partywall raises. Its message says what happened, where and what to do, and never holds a
 * secret, a row or a parameter.
 *
 * @example
 * ```ts
 * import { PartywallError } from "partywall";
 *
 * const error = new PartywallError("PW_NO_SCOPE", "No tenant scope is open. Wrap the call in pw.run().");
 * console.log(error.code, error.status, error.expose); // PW_NO_SCOPE 500 false
 * ```
 */
export class PartywallError extends Error {
  override readonly name: string = "PartywallError";
  /** Stable code from the catalogue; compare this, not the message. */
  readonly code: ErrorCode;
  /** HTTP status a framework answers with. */
  readonly status: number;
  /** Whether the message may be shown outside the application. */
  readonly expose: boolean;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = ERROR_CODES[code].status;
    this.expose = ERROR_CODES[code].expose;
  }
}

/**
 * Tenant-aware access was attempted where no tenant is current; nothing was sent to the database.
 *
 * @example
 * ```ts
 * import { TenantContextError } from "partywall";
 *
 * const error = new TenantContextError("PW_NO_SCOPE", "No scope is open.");
 * console.log(error instanceof TenantContextError); // true
 * ```
 */
export class TenantContextError extends PartywallError {
  override readonly name = "TenantContextError";

  // oxlint-disable-next-line no-useless-constructor -- narrows the codes this class may carry
  constructor(code: "PW_NO_SCOPE" | "PW_CENTRAL_SCOPE", message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

// Where drivers and ORMs keep the error that they wrapped.
const WRAPPED = ["cause", "driverError", "original", "parent", "previous", "nativeError"] as const;
const DEEPEST = 10;

/**
 * The Partywall error in an error that an ORM or a framework wrapped it in; the error itself where it is one, undefined
 * where there is none.
 *
 * @example
 * ```ts
 * import { partywallErrorOf } from "partywall";
 *
 * export const statusOf = (error: unknown) => partywallErrorOf(error)?.status ?? 500;
 * ```
 */
export function partywallErrorOf(error: unknown): PartywallError | undefined {
  let layer = [error];
  for (let depth = 0; depth < DEEPEST && layer.length > 0; depth += 1) {
    const found = layer.find((one) => one instanceof PartywallError);
    if (found !== undefined) return found;
    layer = layer.flatMap((one) =>
      one instanceof Error ? WRAPPED.map((name) => Reflect.get(one, name) as unknown) : [],
    );
  }
  return undefined;
}
