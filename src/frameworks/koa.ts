import { gate } from "./gate.js";
import { passNode, warn } from "./node-entrance.js";
import type { AnsweringResponse } from "./node-entrance.js";
import { nodeRequest } from "./node-request.js";
import type { NodeRequest } from "./node-request.js";
import type { Emitter } from "./node-scope.js";
import type { TenancyHost, TenancyOptions } from "./options.js";
import type { Problem } from "./problem.js";
import { scopedBody } from "./scoped-body.js";
import { isNodeStream, scopeStream } from "./scoped-stream.js";

export type { Authorization, Refusal, RouteKind, TenancyHost, TenancyOptions } from "./options.js";
export type { Problem } from "./problem.js";

/** The slice of Koa's context that `tenancy` uses. */
export interface KoaContext {
  readonly req: NodeRequest & Emitter;
  readonly res: AnsweringResponse;
  readonly originalUrl: string;
  status: number;
  body: unknown;
  set(headers: { [name: string]: string }): void;
}

/** Options of {@link tenancy}. */
export interface KoaTenancyOptions<Context, Principal, Fields> extends TenancyOptions<
  Context,
  Principal,
  Fields
> {
  /** Writes the answer to a refused request; default the problem as `application/problem+json` (RFC 9457). Awaited. */
  readonly render?: (problem: Problem, context: Context) => void | PromiseLike<void>;
  /** Told of an error raised when the response had closed and nobody could be answered; default `process.emitWarning`. */
  readonly onLateError?: (error: unknown, context: Context) => void;
}

/**
 * Koa 3 middleware: finds the request's tenant, asks `authorize`, and runs the rest of the application in the tenant's
 * scope until the response has closed. Hooks are given Koa's context.
 *
 * A refused request is answered and goes no further, in the same way as with every other framework. Errors go up
 * through the middleware as ever. Throws `PW_CONFIG` at construction when a spoofable resolver has neither `authorize`
 * nor `trust`.
 *
 * @example
 * ```ts
 * import Koa from "koa";
 * import { createPartywall } from "partywall";
 * import { tenancy } from "partywall/frameworks/koa";
 * import { subdomain } from "partywall/resolvers";
 *
 * const pw = createPartywall({ secret: "at least thirty-two characters long" });
 * export const app = new Koa();
 * app.use(tenancy(pw, { resolve: subdomain("example.com") }));
 * app.use((ctx) => {
 *   ctx.body = { tenant: pw.current().name };
 * });
 * ```
 */
export function tenancy<
  Context extends KoaContext = KoaContext,
  Principal = unknown,
  Fields = Readonly<Record<string, unknown>>,
>(
  host: TenancyHost<Fields>,
  options: KoaTenancyOptions<Context, Principal, Fields>,
): (context: Context, next: () => Promise<unknown>) => Promise<void> {
  const entrance = gate(host, options, ["render", "onLateError"]);
  const { render = renderProblem, onLateError = warn } = options;
  return (context, next) =>
    new Promise((resolve, reject) => {
      const { req, res } = context;
      passNode(entrance, {
        request: { ...nodeRequest(req), url: context.originalUrl, native: context },
        req: context,
        incoming: req,
        outgoing: res,
        inside: () => {
          next().then(() => {
            keepBody(context);
            resolve();
          }, reject);
        },
        refused: async (problem) => {
          await render(problem, context);
          resolve();
        },
        failed: reject,
        late: (error) => {
          onLateError(error, context);
          resolve();
        },
      });
      // Nobody waits for an answer; Koa must not wait for one either.
      res.once("close", resolve);
    });
}

// Koa writes the body when its middleware has returned, outside the scope.
function keepBody(context: KoaContext): void {
  const { body } = context;
  if (isNodeStream(body)) scopeStream(body);
  else if (body instanceof ReadableStream) context.body = scopedBody(body).body;
  else if (body instanceof Response && body.body !== null) {
    const { status, statusText, headers } = body;
    context.body = new Response(scopedBody(body.body).body, { status, statusText, headers });
  }
}

function renderProblem({ status, headers, body }: Problem, context: KoaContext): void {
  context.status = status;
  context.body = JSON.stringify(body);
  context.set({ ...headers });
}
