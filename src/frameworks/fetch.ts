import { fetchEntrance, FETCH_ANSWERS } from "./fetch-entrance.js";
import type { FetchAnswers } from "./fetch-entrance.js";
import { gate } from "./gate.js";
import type { TenancyHost, TenancyOptions } from "./options.js";

export type { Authorization, Refusal, RouteKind, TenancyHost, TenancyOptions } from "./options.js";
export type { Problem } from "./problem.js";

/** Options of {@link tenancy}. */
export interface FetchTenancyOptions<Principal, Fields>
  extends TenancyOptions<Request, Principal, Fields>, FetchAnswers<Request> {}

/**
 * Puts a fetch handler, `(request) => Response`, behind a tenant: finds the request's tenant, asks `authorize`, and runs
 * the handler in the tenant's scope until the last byte of the response was read.
 *
 * A refused request is answered and goes no further, in the same way as with every other framework. What hooks and the
 * handler throw rejects. Throws `PW_CONFIG` at construction when a spoofable resolver has neither `authorize` nor `trust`.
 *
 * Source: Fetch standard, "Request" and "Response" classes, https://fetch.spec.whatwg.org.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { tenancy } from "partywall/frameworks/fetch";
 * import { subdomain } from "partywall/resolvers";
 *
 * const pw = createPartywall({ secret: "at least thirty-two characters long" });
 * const guarded = tenancy(pw, { resolve: subdomain("example.com") });
 * export default { fetch: guarded(async () => Response.json({ tenant: pw.current().name })) };
 * ```
 */
export function tenancy<Principal = unknown, Fields = Readonly<Record<string, unknown>>>(
  host: TenancyHost<Fields>,
  options: FetchTenancyOptions<Principal, Fields>,
): <Rest extends unknown[]>(
  handler: (request: Request, ...rest: Rest) => Response | PromiseLike<Response>,
) => (request: Request, ...rest: Rest) => Promise<Response> {
  const enter = fetchEntrance(gate(host, options, FETCH_ANSWERS), options);
  return (handler) =>
    (request, ...rest) =>
      enter(request, request, () => handler(request, ...rest));
}
