import type { CallHandler, ExecutionContext } from "@nestjs/common";
import { EMPTY } from "rxjs";
import type { Observable } from "rxjs";
import { passNode } from "../node-entrance.js";
import type { AnsweringResponse } from "../node-entrance.js";
import { nodeRequest } from "../node-request.js";
import type { NodeRequest } from "../node-request.js";
import type { Emitter } from "../node-scope.js";
import { assertOwnTree } from "./durable.js";
import { inScope } from "./in-scope.js";
import { TenantRefusedException } from "./refused.js";
import type { Tenancy } from "./tenancy.js";

/** The slice of a request of Express, or of Fastify, which has a `raw` one. */
export interface HttpRequest extends NodeRequest, Emitter {
  readonly raw?: NodeRequest & Emitter;
}

/** The slice of a response of Express, or of a reply of Fastify. */
interface HttpResponse extends AnsweringResponse {
  readonly raw?: AnsweringResponse;
  header(name: string, value: string): unknown;
}

/** How an HTTP request goes on. */
interface Outcome {
  readonly inside: () => void;
  readonly failed: (error: unknown) => void;
  /** The client has gone. */
  readonly gone: () => void;
}

/** Runs the rest of a route in the scope of its request, until the response has closed. */
export function throughHttp(
  tenancy: Tenancy,
  context: ExecutionContext,
  next: CallHandler,
): Promise<Observable<unknown>> {
  return new Promise((resolve, reject) => {
    enterHttp(tenancy, context, {
      inside: () => resolve(inScope(next.handle())),
      failed: reject,
      gone: () => resolve(EMPTY),
    });
  });
}

/** Decides about an HTTP request, once: a guard may have done so before. */
export function enterHttp(tenancy: Tenancy, context: ExecutionContext, outcome: Outcome): void {
  const http = context.switchToHttp();
  const req = http.getRequest<HttpRequest>();
  const res = http.getResponse<HttpResponse>();
  const [raw, outgoing] = [req.raw ?? req, res.raw ?? res];
  const entered = tenancy.scopes.entered(raw);
  if (entered !== undefined) return entered.runInAsyncScope(outcome.inside);
  passNode(tenancy.gate, {
    request: { ...nodeRequest(raw), url: req.originalUrl ?? raw.url ?? "/", native: req },
    req: context,
    incoming: raw,
    outgoing,
    // What Fastify's reply holds takes the place of what was set on the response itself.
    headers: {
      getHeader: (name) => res.getHeader(name),
      setHeader: (name, value) => res.header(name, value),
    },
    inside: () => {
      const scope = tenancy.host.scope();
      try {
        assertOwnTree(req, scope);
      } catch (error) {
        return outcome.failed(error);
      }
      tenancy.scopes.hold(raw, scope);
      outcome.inside();
    },
    refused: (problem) => outcome.failed(new TenantRefusedException(problem)),
    failed: outcome.failed,
    late: (error) => tenancy.late(error, context),
  });
  outgoing.once("close", outcome.gone);
}
