import { fetchEntrance, FETCH_ANSWERS } from "./fetch-entrance.js";
import type { FetchAnswers } from "./fetch-entrance.js";
import type { FetchRequest } from "./fetch-request.js";
import { gate } from "./gate.js";
import type { TenancyHost, TenancyOptions } from "./options.js";

export type { Authorization, Refusal, RouteKind, TenancyHost, TenancyOptions } from "./options.js";
export type { Problem } from "./problem.js";

/** The slice of Hono's context that `tenancy` uses. */
export interface HonoContext {
  readonly req: { readonly raw: FetchRequest };
  res: Response;
}

/** Options of {@link tenancy}. */
export interface HonoTenancyOptions<Context, Principal, Fields>
  extends TenancyOptions<Context, Principal, Fields>, FetchAnswers<Context> {}

/**
 * Hono middleware: finds the request's tenant, asks `authorize`, and runs the rest of the application in the tenant's
 * scope until the last byte of the response was read. Hooks are given Hono's context.
 *
 * A refused request is answered and goes no further, in the same way as with every other framework. Errors of handlers
 * reach `app.onError` inside the scope, those of hooks outside. Throws `PW_CONFIG` at construction when a spoofable
 * resolver has neither `authorize` nor `trust`.
 *
 * @example
 * ```ts
 * import { Hono } from "hono";
 * import { createPartywall } from "partywall";
 * import { tenancy } from "partywall/frameworks/hono";
 * import { subdomain } from "partywall/resolvers";
 *
 * const pw = createPartywall({ secret: "at least thirty-two characters long" });
 * export const app = new Hono();
 * app.use(tenancy(pw, { resolve: subdomain("example.com") }));
 * app.get("/me", (c) => c.json({ tenant: pw.current().name }));
 * ```
 */
export function tenancy<
  Context extends HonoContext = HonoContext,
  Principal = unknown,
  Fields = Readonly<Record<string, unknown>>,
>(
  host: TenancyHost<Fields>,
  options: HonoTenancyOptions<Context, Principal, Fields>,
): (context: Context, next: () => Promise<void>) => Promise<Response | void> {
  const enter = fetchEntrance(gate(host, options, FETCH_ANSWERS), options);
  return async (context, next) => {
    let isInside = false;
    const response = await enter(context.req.raw, context, async () => {
      isInside = true;
      await next();
      return context.res;
    });
    if (!isInside) return response;
    // Hono adds the headers of the response before to the one after, unless there is none.
    (context as { res: Response | undefined }).res = undefined;
    context.res = response;
    return undefined;
  };
}
