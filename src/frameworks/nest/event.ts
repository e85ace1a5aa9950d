import type { CallHandler, ExecutionContext } from "@nestjs/common";
import { EMPTY } from "rxjs";
import type { Observable } from "rxjs";
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
export async function throughSocket(
  tenancy: Tenancy,
  context: ExecutionContext,
  next: CallHandler,
): Promise<Observable<unknown>> {
  const client = context.switchToWs().getClient<SocketClient>();
  if (client.request === undefined)
    throw new PartywallError(
      "PW_CONFIG",
      "An event came through a gateway whose connections keep no handshake, so its tenant cannot be found. Use @nestjs/platform-socket.io.",
    );
  try {
    return await through(tenancy, client.request, context, next);
  } catch (error) {
    if (!(error instanceof TenantRefusedException)) throw error;
    // Global filters do not reach gateways; this is the event that Nest's own filter sends.
    const { detail, code } = error.problem.body;
    client.emit("exception", { status: "error", message: detail, code });
    return EMPTY;
  }
}

/** Decides about a root field of GraphQL by the request in its context, and runs the resolver in the scope. */
export function throughGraphql(
  tenancy: Tenancy,
  context: ExecutionContext,
  next: CallHandler,
): Promise<Observable<unknown>> {
  const req = context.getArgByIndex<{ readonly req?: HttpRequest } | undefined>(2)?.req;
  if (req === undefined)
    throw new PartywallError(
      "PW_CONFIG",
      "The context of GraphQL has no request, so the tenant cannot be found. Let the context function return { req }.",
    );
  const raw = req.raw ?? req;
  return through(tenancy, raw, context, next, () => {
    tenancy.scopes.hold(raw, tenancy.host.scope());
  });
}

function through(
  tenancy: Tenancy,
  req: NodeRequest,
  context: ExecutionContext,
  next: CallHandler,
  entered?: () => void,
): Promise<Observable<unknown>> {
  return opened(tenancy, context, next, async (inside) => {
    const outcome = await tenancy.gate.pass(nodeRequest(req), context, () => {
      entered?.();
      return inside();
    });
    if ("problem" in outcome) throw new TenantRefusedException(outcome.problem);
  });
}

/** Runs a handler inside of what `open` opens, which stays open until its observable has ended. */
export function opened(
  tenancy: Tenancy,
  context: ExecutionContext,
  next: CallHandler,
  open: (inside: () => Promise<void>) => Promise<unknown>,
): Promise<Observable<unknown>> {
  return new Promise((resolve, reject) => {
    let entered = false;
    const inside = () => {
      entered = true;
      return new Promise<void>((ended) => resolve(inScope(next.handle(), { ended })));
    };
    open(inside).catch((error: unknown) => {
      if (entered) tenancy.late(error, context);
      else reject(error);
    });
  });
}
