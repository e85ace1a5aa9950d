import type { CallHandler, ExecutionContext } from "@nestjs/common";
import { Observable } from "rxjs";
import { PartywallError } from "../../errors.js";
import { nodeRequest } from "../node-request.js";
import type { NodeRequest } from "../node-request.js";
import type { HttpRequest } from "./http.js";
import { inScope } from "./in-scope.js";
import { TenantRefusedException } from "./refused.js";
import type { Tenancy } from "./tenancy.js";

/** The slice of a client of Socket.IO. */
interface SocketClient {
  /** The request of the handshake. */
  readonly request?: NodeRequest;
  emit(event: string, data: unknown): unknown;
}

/** Decides about an event of a gateway by the handshake of its connection, and runs the handler in the scope. */
export function throughSocket(
  tenancy: Tenancy,
  context: ExecutionContext,
  next: CallHandler,
): Observable<unknown> {
  const client = context.switchToWs().getClient<SocketClient>();
  const { request } = client;
  if (request === undefined)
    throw new PartywallError(
      "PW_CONFIG",
      "An event came through a gateway whose connections keep no handshake, so its tenant cannot be found. Use @nestjs/platform-socket.io.",
    );
  return opened(tenancy, context, next, async (inside) => {
    const outcome = await tenancy.gate.pass(nodeRequest(request), context, inside);
    if ("value" in outcome) return;
    // Global filters do not reach gateways; this is the event that Nest's own filter sends.
    const { detail, code } = outcome.problem.body;
    client.emit("exception", { status: "error", message: detail, code });
  });
}

/** Decides about a root field of GraphQL by the request in its context, and runs the resolver in the scope. */
export function throughGraphql(
  tenancy: Tenancy,
  context: ExecutionContext,
  next: CallHandler,
): Observable<unknown> {
  const req = context.getArgByIndex<{ readonly req?: HttpRequest } | undefined>(2)?.req;
  if (req === undefined)
    throw new PartywallError(
      "PW_CONFIG",
      "The context of GraphQL has no request, so the tenant cannot be found. Let the context function return { req }.",
    );
  const raw = req.raw ?? req;
  return opened(tenancy, context, next, async (inside) => {
    const outcome = await tenancy.gate.pass(nodeRequest(raw), context, () => {
      tenancy.scopes.hold(raw, tenancy.host.scope());
      return inside();
    });
    if ("problem" in outcome) throw new TenantRefusedException(outcome.problem);
  });
}

/**
 * Runs a handler inside of what `open` opens, which stays open until the handler's observable has ended or nobody listens.
 * Where `open` does not call `inside` there is no value.
 */
export function opened(
  tenancy: Tenancy,
  context: ExecutionContext,
  next: CallHandler,
  open: (inside: () => Promise<void>) => Promise<unknown>,
): Observable<unknown> {
  return new Observable((subscriber) => {
    let entered = false;
    const inside = async () => {
      // Whoever asked has gone while it was decided upon.
      if (subscriber.closed) return;
      entered = true;
      await new Promise<void>((ended) => {
        inScope(next.handle(), { ended }).subscribe(subscriber);
      });
    };
    open(inside).then(
      () => subscriber.complete(),
      (error: unknown) => {
        if (entered || subscriber.closed) tenancy.late(error, context);
        else subscriber.error(error);
      },
    );
  });
}
