import { ERROR_CODES, PartywallError } from "../errors.js";
import type { ErrorCode } from "../errors.js";

/**
 * The answer to a refused request: an RFC 9457 problem and the headers to send it with. It holds what an outsider
 * may know and nothing else, so that rendering it cannot tell an unknown tenant from a forbidden one.
 *
 * @example
 * ```ts
 * import type { Problem } from "partywall/frameworks/express";
 *
 * export const page = (problem: Problem) => `<h1>${problem.status} ${problem.body.title}</h1>`;
 * ```
 */
export interface Problem {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: {
    readonly type: "about:blank";
    readonly title: string;
    readonly status: number;
    readonly detail: string;
    readonly code: ErrorCode;
  };
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  503: "Service Unavailable",
};

const DETAILS: Partial<Record<ErrorCode, string>> = {
  PW_TENANT_INVALID: "The tenant or the token in the request is not valid.",
  PW_TENANT_AMBIGUOUS: "The request does not name exactly one tenant.",
  PW_TENANT_UNRESOLVED: "The request names no tenant.",
  PW_REGISTRY_UNAVAILABLE: "Tenants cannot be looked up at the moment.",
  PW_TENANT_UNKNOWN: "Nothing answers to this request.",
  PW_TENANT_FORBIDDEN: "Nothing answers to this request.",
  PW_TENANT_SUSPENDED: "This tenant is suspended.",
  PW_TENANT_NOT_READY: "This tenant is not ready yet.",
};

/** Codes that follow from the request alone, or from a registry that answers nobody, and say nothing of a tenant. */
const TELLS_NOTHING: readonly ErrorCode[] = [
  "PW_TENANT_INVALID",
  "PW_TENANT_AMBIGUOUS",
  "PW_TENANT_UNRESOLVED",
  "PW_REGISTRY_UNAVAILABLE",
];

/** Whether an error refuses the request, and is not a fault of the application. */
export function isRefusal(error: unknown): error is PartywallError {
  return error instanceof PartywallError && Object.hasOwn(DETAILS, error.code);
}

/** The answer to one whom `authorize` let in, and who may know why the tenant is shut. */
export function memberProblem(code: ErrorCode): Problem {
  return problem(code);
}

/**
 * The answer to everybody else, a function of the request alone: whichever of unknown, forbidden and suspended it
 * was, one identifier gets one 404. Several that do not lead to an open door get one 400, for otherwise a caller
 * could pair a guess with its own tenant and learn from the status whether the guess exists.
 */
export function outsiderProblem(code: ErrorCode, identifiers: number): Problem {
  if (TELLS_NOTHING.includes(code)) return problem(code);
  return problem(identifiers > 1 ? "PW_TENANT_AMBIGUOUS" : "PW_TENANT_UNKNOWN");
}

function problem(code: ErrorCode): Problem {
  const { status } = ERROR_CODES[code];
  return Object.freeze({
    status,
    // A 404 may be kept by any cache on the way (RFC 9110 §15.5.5) and be answered to a member later.
    headers: Object.freeze({
      "content-type": "application/problem+json",
      "cache-control": "no-store",
    }),
    body: Object.freeze({
      type: "about:blank",
      title: TITLES[status] ?? "Error",
      status,
      detail: DETAILS[code] ?? "The request was refused.",
      code,
    }),
  });
}
