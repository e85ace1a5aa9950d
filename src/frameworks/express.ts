import { gate } from "./gate.js";
import { nodeRequest } from "./node-request.js";
import type { NodeRequest } from "./node-request.js";
import { passNode, warn, writeProblem } from "./node-entrance.js";
import type { AnsweringResponse } from "./node-entrance.js";
import type { Emitter } from "./node-scope.js";
import type { TenancyHost, TenancyOptions } from "./options.js";
import type { Problem } from "./problem.js";

export type { Authorization, Refusal, RouteKind, TenancyHost, TenancyOptions } from "./options.js";
export type { Problem } from "./problem.js";

/** The slice of Express' request that `tenancy` uses. */
export interface ExpressRequest extends NodeRequest, Emitter {}

/** The slice of Express' response that `tenancy` uses. */
export interface ExpressResponse extends AnsweringResponse {}

/** Options of {@link tenancy}. */
export interface ExpressTenancyOptions<Req, Res, Principal, Fields> extends TenancyOptions<
  Req,
  Principal,
  Fields
> {
  /** Writes the answer to a refused request; default the problem as `application/problem+json` (RFC 9457). Awaited. */
  readonly render?: (problem: Problem, req: Req, res: Res) => void | PromiseLike<void>;
  /** Told of an error raised when the response had closed and nobody could be answered; default `process.emitWarning`. */
  readonly onLateError?: (error: unknown, req: Req) => void;
}

/**
 * Express 5 middleware: finds the request's tenant, asks `authorize`, and runs the rest of the application in the
 * tenant's scope until the response has closed.
 *
 * A refused request is answered and goes no further: 404 when the tenant is unknown, forbidden or, to outsiders,
 * suspended, in the same bytes; 403 when it is suspended and `authorize` returned `true`; 400 when the identifier is
 * malformed or ambiguous; 503 when the registry is down. Errors of hooks and handlers go to Express' error handlers.
 * Throws `PW_CONFIG` at construction when a spoofable resolver has neither `authorize` nor `trust`.
 *
 * @example
 * ```ts
 * import express from "express";
 * import { createPartywall } from "partywall";
 * import { tenancy } from "partywall/frameworks/express";
 * import { header, subdomain } from "partywall/resolvers";
 *
 * const pw = createPartywall({ secret: "at least thirty-two characters long" });
 * const members = new Map([["t1", new Set(["ada"])]]);
 *
 * export const app = express();
 * app.use(
 *   tenancy(pw, {
 *     resolve: [subdomain("example.com"), header("x-tenant")],
 *     principal: async (req) => req.headers["x-demo-user"],
 *     authorize: ({ tenant, principal }) => members.get(tenant.id)?.has(String(principal)) === true,
 *     routes: (req) => (req.url === "/health" ? "central" : "tenant"),
 *   }),
 * );
 * app.get("/me", (_req, res) => void res.json({ tenant: pw.current().name }));
 * ```
 */
export function tenancy<
  Req extends ExpressRequest = ExpressRequest,
  Res extends ExpressResponse = ExpressResponse,
  Principal = unknown,
  Fields = Readonly<Record<string, unknown>>,
>(
  host: TenancyHost<Fields>,
  options: ExpressTenancyOptions<Req, Res, Principal, Fields>,
): (req: Req, res: Res, next: (error?: unknown) => void) => void {
  const entrance = gate(host, options, ["render", "onLateError"]);
  const { onLateError = warn } = options;
  const render =
    options.render ?? ((problem: Problem, _: Req, res: Res) => writeProblem(problem, res));
  return (req, res, next) =>
    passNode(entrance, {
      request: nodeRequest(req),
      req,
      incoming: req,
      outgoing: res,
      inside: next,
      refused: (problem) => render(problem, req, res),
      failed: next,
      late: (error) => onLateError(error, req),
    });
}
