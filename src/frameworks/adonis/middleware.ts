import { AsyncResource } from "node:async_hooks";
import { gate } from "../gate.js";
import type { Gate } from "../gate.js";
import { passNode, warn } from "../node-entrance.js";
import type { AnsweringResponse } from "../node-entrance.js";
import { nodeRequest } from "../node-request.js";
import type { NodeRequest } from "../node-request.js";
import type { Emitter } from "../node-scope.js";
import type { RouteKind, TenancyHost, TenancyOptions } from "../options.js";
import type { Problem } from "../problem.js";

/** The slice of AdonisJS' response that `tenancy` uses. */
export interface AdonisResponse {
  readonly response: AnsweringResponse;
  getHeader(name: string): number | string | readonly string[] | undefined;
  header(name: string, value: string): unknown;
  status(code: number): unknown;
  send(body: string): void;
  finish(): void;
}

/** The slice of AdonisJS' HTTP context that `tenancy` uses. */
export interface AdonisContext {
  readonly request: { readonly request: NodeRequest & Emitter };
  readonly response: AdonisResponse;
}

/** Options of {@link tenancy}. */
export interface AdonisTenancyOptions<Context, Principal, Fields> extends TenancyOptions<
  Context,
  Principal,
  Fields
> {
  /** Writes the answer to a refused request; default the problem as `application/problem+json` (RFC 9457). Awaited. */
  readonly render?: (problem: Problem, context: Context) => void | PromiseLike<void>;
  /** Told of an error raised when the response had closed and nobody could be answered; default `process.emitWarning`. */
  readonly onLateError?: (error: unknown, context: Context) => void;
}

/** A middleware class of AdonisJS; as a named one it takes the kind of the route. */
export interface AdonisMiddleware<Context> {
  new (): {
    handle(context: Context, next: () => unknown, kind?: RouteKind): Promise<void>;
  };
}

/**
 * Middleware class of AdonisJS 7: finds the request's tenant, asks `authorize`, and runs the rest of the application in the
 * tenant's scope until the response has closed. Hooks are given the HTTP context.
 *
 * Export it as the default of a file below `app/middleware`, and use it for all routes (`router.use`), for everything
 * (`server.use`), or by name, where the kind of the route may be its argument. A refused request is answered and goes no
 * further, in the same way as with every other framework. Errors go to the application's exception handler. Throws
 * `PW_CONFIG` at construction when a spoofable resolver has neither `authorize` nor `trust`.
 *
 * @example
 * ```ts
 * import type { HttpContext } from "@adonisjs/core/http";
 * import { createPartywall } from "partywall";
 * import { tenancy } from "partywall/frameworks/adonis";
 * import { subdomain } from "partywall/resolvers";
 *
 * const pw = createPartywall({ secret: "at least thirty-two characters long" });
 * export default tenancy(pw, {
 *   resolve: subdomain("example.com"),
 *   routes: (ctx: HttpContext) => (ctx.route?.name === "health" ? "central" : "tenant"),
 * });
 * ```
 */
export function tenancy<
  Context extends AdonisContext = AdonisContext,
  Principal = unknown,
  Fields = Readonly<Record<string, unknown>>,
>(
  host: TenancyHost<Fields>,
  options: AdonisTenancyOptions<Context, Principal, Fields>,
): AdonisMiddleware<Context> {
  const build = (more: { routes?: () => RouteKind } = {}) =>
    gate(host, { ...options, ...more }, ["render", "onLateError"]);
  const entrance = build();
  const named = new Map<RouteKind, Gate<Context>>();
  const { render = renderProblem, onLateError = warn } = options;

  // A kind that is none is refused by the gate, as what routes() returns.
  const entranceOf = (kind: RouteKind): Gate<Context> => {
    const known = named.get(kind) ?? build({ routes: () => kind });
    named.set(kind, known);
    return known;
  };

  return class TenancyMiddleware {
    // AdonisJS' container wants every parameter that a function counts, so the last is none that is counted.
    handle(context: Context, next: () => unknown, ...[kind]: [kind?: RouteKind]): Promise<void> {
      return new Promise((resolve, reject) => {
        const { response } = context;
        const incoming = context.request.request;
        const outgoing = response.response;
        passNode(kind === undefined ? entrance : entranceOf(kind), {
          request: { ...nodeRequest(incoming), native: context },
          req: context,
          incoming,
          outgoing,
          // What AdonisJS holds takes the place of what was set on the response itself.
          headers: {
            getHeader: (name) => response.getHeader(name),
            setHeader: (name, value) => response.header(name, value),
          },
          inside: () => {
            // AdonisJS writes the body when its middleware has returned, outside the scope.
            response.finish = AsyncResource.bind(response.finish.bind(response));
            (async () => next())().then(() => resolve(), reject);
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
        // Nobody waits for an answer; AdonisJS must not wait for one either.
        outgoing.once("close", resolve);
      });
    }
  };
}

function renderProblem({ status, headers, body }: Problem, { response }: AdonisContext): void {
  response.status(status);
  for (const [name, value] of Object.entries(headers)) response.header(name, value);
  response.send(JSON.stringify(body));
}
