import { gate } from "./gate.js";
import { passNode, warn } from "./node-entrance.js";
import type { AnsweringResponse } from "./node-entrance.js";
import { nodeRequest } from "./node-request.js";
import type { NodeRequest } from "./node-request.js";
import type { Emitter } from "./node-scope.js";
import type { RouteKind, TenancyHost, TenancyOptions } from "./options.js";
import type { Problem } from "./problem.js";

export type { Authorization, Refusal, RouteKind, TenancyHost, TenancyOptions } from "./options.js";
export type { Problem } from "./problem.js";

/** The slice of Fastify's request that `tenancy` uses. */
export interface FastifyRequest {
  readonly raw: NodeRequest & Emitter;
  readonly originalUrl: string;
  readonly routeOptions: { readonly config?: unknown };
}

/** The slice of Fastify's reply that `tenancy` uses. */
export interface FastifyReply {
  readonly raw: AnsweringResponse;
  code(status: number): unknown;
  getHeader(name: never): number | string | string[] | undefined;
  header(name: never, value: string): unknown;
  headers(values: { [name: string]: string }): unknown;
  send(payload: string): unknown;
}

type Hook<Req, Reply> = (request: Req, reply: Reply, done: (error?: Error) => void) => void;

/** The slice of a Fastify instance that `tenancy` uses. */
export interface FastifyInstance<Req, Reply> {
  addHook(name: "onRequest", hook: Hook<Req, Reply>): unknown;
}

/** Options of {@link tenancy}. */
export interface FastifyTenancyOptions<Req, Reply, Principal, Fields> extends TenancyOptions<
  Req,
  Principal,
  Fields
> {
  /** Writes the answer to a refused request; default the problem as `application/problem+json` (RFC 9457). Awaited. */
  readonly render?: (problem: Problem, req: Req, reply: Reply) => void | PromiseLike<void>;
  /** Told of an error raised when the response had closed and nobody could be answered; default `process.emitWarning`. */
  readonly onLateError?: (error: unknown, req: Req) => void;
}

/**
 * Fastify 5 plugin: finds the request's tenant, asks `authorize`, and runs the request's further hooks and its handler in
 * the tenant's scope until the response has closed. It holds for the instance it is registered on and everything below,
 * also for routes registered before.
 *
 * A route says what it is by `routes`, or where that is not given by its own `config: { tenancy: "central" }`. A refused
 * request is answered and goes no further, in the same way as with every other framework. Errors go to Fastify's error
 * handlers. Throws `PW_CONFIG` at construction when a spoofable resolver has neither `authorize` nor `trust`.
 *
 * @example
 * ```ts
 * import fastify from "fastify";
 * import { createPartywall } from "partywall";
 * import { tenancy } from "partywall/frameworks/fastify";
 * import { subdomain } from "partywall/resolvers";
 *
 * const pw = createPartywall({ secret: "at least thirty-two characters long" });
 * export const app = fastify();
 * app.register(tenancy(pw, { resolve: subdomain("example.com") }));
 * app.get("/me", async () => ({ tenant: pw.current().name }));
 * ```
 */
export function tenancy<
  Req extends FastifyRequest = FastifyRequest,
  Reply extends FastifyReply = FastifyReply,
  Principal = unknown,
  Fields = Readonly<Record<string, unknown>>,
>(
  host: TenancyHost<Fields>,
  options: FastifyTenancyOptions<Req, Reply, Principal, Fields>,
): (app: FastifyInstance<Req, Reply>, _: unknown, done: () => void) => void {
  const entrance = gate(host, { routes: kindOf, ...options }, ["render", "onLateError"]);
  const { render = renderProblem, onLateError = warn } = options;
  const plugin = (app: FastifyInstance<Req, Reply>, _: unknown, registered: () => void): void => {
    app.addHook("onRequest", (request, reply, done) =>
      passNode(entrance, {
        request: { ...nodeRequest(request.raw), url: request.originalUrl, native: request },
        req: request,
        incoming: request.raw,
        outgoing: reply.raw,
        // What the reply holds takes the place of what was set on the response itself.
        headers: {
          getHeader: (name) => reply.getHeader(name as never),
          setHeader: (name, value) => reply.header(name as never, value),
        },
        inside: done,
        refused: (problem) => render(problem, request, reply),
        failed: (error) => done(error as Error),
        late: (error) => onLateError(error, request),
      }),
    );
    registered();
  };
  // What fastify-plugin does: the hook is the instance's own, not that of a context below it.
  return Object.assign(plugin, {
    [Symbol.for("skip-override")]: true,
    [Symbol.for("fastify.display-name")]: "partywall",
  });
}

function kindOf({ routeOptions }: FastifyRequest): RouteKind {
  const config = routeOptions.config as { readonly tenancy?: RouteKind } | undefined;
  return config?.tenancy ?? "tenant";
}

function renderProblem({ status, headers, body }: Problem, _req: unknown, reply: FastifyReply) {
  reply.code(status);
  reply.headers({ ...headers });
  reply.send(JSON.stringify(body));
}
