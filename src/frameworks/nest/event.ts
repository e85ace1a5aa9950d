import type { CallHandler, ExecutionContext } from "@nestjs/common";
import { Observable } from "rxjs";
import { PartywallError } from "../../errors.js";
import { nodeRequest } from "../node-request.js";
import type { HttpRequest } from "./http.js";
import { unconfined } from "./served.js";
import { assertOwnTree } from "./durable.js";
import { inScope } from "./in-scope.js";
import { TenantRefusedException } from "./refused.js";
import type { Tenancy } from "./tenancy.js";

/** Runs the handler of a gateway's event, which was let in when it was heard, in the scope that it is heard in. */
export function throughSocket(
  tenancy: Tenancy,
  context: ExecutionContext,
  next: CallHandler,
): Observable<unknown> {
  const scope = tenancy.host.scope();
  if (scope?.kind !== "tenant") throw unconfined();
  assertOwnTree(context.switchToWs().getClient<object>(), scope);
  return opened(tenancy, context, next, async (inside) => {
    if ((await tenancy.routes(context)) === "central")
      throw new PartywallError(
        "PW_CONFIG",
        "An event of a gateway is marked @Central(), but its connection belongs to a tenant. Leave the mark out, or open pw.central() elsewhere than in an event.",
      );
    // Entered again, so that it is held open until the last answer.
    return tenancy.host.run({ id: scope.tenant.id }, inside);
  });
}

/** Decides about a root field of GraphQL by the request in its context, and runs the resolver in the scope. */
export function throughGraphql(
  tenancy: Tenancy,
  context: ExecutionContext,
  next: CallHandler,
): Observable<unknown> {
  const given = context.getArgByIndex<{ readonly req?: HttpRequest } | undefined>(2);
  const req = given?.req;
  if (given === undefined || req === undefined)
    throw new PartywallError(
      "PW_CONFIG",
      "The context of GraphQL has no request, so the tenant cannot be found. Let the context function return { req }.",
    );
  const raw = req.raw ?? req;
  return opened(tenancy, context, next, async (inside) => {
    const outcome = await tenancy.gate.pass(nodeRequest(raw), context, () => {
      const scope = tenancy.host.scope();
      assertOwnTree(given, scope);
      tenancy.scopes.hold(raw, scope);
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
