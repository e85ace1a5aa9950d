import { gate } from "./gate.js";
import { passNode, warn, writeProblem } from "./node-entrance.js";
import type { AnsweringResponse } from "./node-entrance.js";
import { nodeRequest } from "./node-request.js";
import type { NodeRequest } from "./node-request.js";
import type { Emitter } from "./node-scope.js";
import type { TenancyHost, TenancyOptions } from "./options.js";
import type { Problem } from "./problem.js";

export type { Authorization, Refusal, RouteKind, TenancyHost, TenancyOptions } from "./options.js";
export type { Problem } from "./problem.js";

/** The slice of `http.IncomingMessage` that `tenancy` uses. */
export interface NodeIncoming extends NodeRequest, Emitter {}

/** The slice of `http.ServerResponse` that `tenancy` uses. */
export interface NodeOutgoing extends AnsweringResponse {
  destroy(error?: Error): unknown;
}

/** Options of {@link tenancy}. */
export interface NodeTenancyOptions<Req, Res, Principal, Fields> extends TenancyOptions<
  Req,
  Principal,
  Fields
> {
  /** Writes the answer to a refused request; default the problem as `application/problem+json` (RFC 9457). Awaited. */
  readonly render?: (problem: Problem, req: Req, res: Res) => void | PromiseLike<void>;
  /**
   * Answers where a hook or the listener has thrown or rejected; default a bare 500, or the connection cut where the answer
   * had begun, and a process warning.
   */
  readonly onError?: (error: unknown, req: Req, res: Res) => void;
  /** Told of an error raised when the response had closed and nobody could be answered; default `process.emitWarning`. */
  readonly onLateError?: (error: unknown, req: Req) => void;
}

/**
 * Puts a request listener of `node:http` or `node:https` behind a tenant: finds the request's tenant, asks
 * `authorize`, and runs the listener in the tenant's scope until the response has closed.
 *
 * A refused request is answered and goes no further, in the same way as with every other framework. Throws `PW_CONFIG` at
 * construction when a spoofable resolver has neither `authorize` nor `trust`.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { createPartywall } from "partywall";
 * import { tenancy } from "partywall/frameworks/node";
 * import { subdomain } from "partywall/resolvers";
 *
 * const pw = createPartywall({ secret: "at least thirty-two characters long" });
 * const guarded = tenancy(pw, { resolve: subdomain("example.com") });
 * export const server = createServer(guarded((_req, res) => void res.end(pw.current().name)));
 * ```
 */
export function tenancy<
  Req extends NodeIncoming = NodeIncoming,
  Res extends NodeOutgoing = NodeOutgoing,
  Principal = unknown,
  Fields = Readonly<Record<string, unknown>>,
>(
  host: TenancyHost<Fields>,
  options: NodeTenancyOptions<Req, Res, Principal, Fields>,
): <In extends Req, Out extends Res>(
  listener: (req: In, res: Out) => unknown,
) => (req: In, res: Out) => void {
  const entrance = gate(host, options, ["render", "onError", "onLateError"]);
  const { onError = answerError, onLateError = warn } = options;
  const render =
    options.render ?? ((problem: Problem, _: Req, res: Res) => writeProblem(problem, res));
  return (listener) => (req, res) => {
    const failed = (error: unknown) => onError(error, req, res);
    passNode(entrance, {
      request: nodeRequest(req),
      req,
      incoming: req,
      outgoing: res,
      // Told in the scope, where the application's own handler may want to look at it.
      inside: () => {
        new Promise((resolve) => {
          resolve(listener(req, res));
        }).catch(failed);
      },
      refused: (problem) => render(problem, req, res),
      failed,
      late: (error) => onLateError(error, req),
    });
  };
}

function answerError(error: unknown, _req: unknown, res: NodeOutgoing): void {
  warn(error);
  if (res.headersSent) {
    res.destroy();
    return;
  }
  res.statusCode = 500;
  res.end("");
}
