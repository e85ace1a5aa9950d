import type { CallHandler, ExecutionContext } from "@nestjs/common";
import { Reflector } from "@nestjs/core";
import type { Observable } from "rxjs";
import { PartywallError } from "../../errors.js";
import { isRefusal, memberProblem } from "../problem.js";
import { audienceOf, readEnvelope } from "./envelope.js";
import { opened } from "./event.js";
import type { NestTenancyHost } from "./options.js";
import { TenantRefusedException } from "./refused.js";
import type { Tenancy } from "./tenancy.js";

/** Where Nest keeps the patterns of a handler. */
const PATTERNS = "microservices:pattern";

/** How the contexts of Nest's transports name the pattern of a message. */
const NAMES = ["getPattern", "getSubject", "getTopic", "getChannel"] as const;

const reflector = new Reflector();

/** Resumes the scope that a message was sent from, and gives the handler what was sent in it. */
export async function throughMessage(
  tenancy: Tenancy,
  context: ExecutionContext,
  next: CallHandler,
): Promise<Observable<unknown>> {
  const { host } = tenancy;
  const { snapshot, data } = readEnvelope(context.getArgByIndex(0));
  // Pipes and the handler are given what is in this array by then.
  context.getArgs<unknown[]>()[0] = data;
  const kind = await tenancy.routes(context);
  return opened(tenancy, context, next, async (inside) => {
    if (kind === "central" || (kind === "universal" && snapshot === undefined))
      return host.central(inside);
    const error =
      snapshot === undefined
        ? unresolved()
        : await resume(host, snapshot, audiences(context), (scope) =>
            kind === "universal" || scope === "tenant" ? inside() : unresolved(),
          );
    if (error === undefined) return undefined;
    await tenancy.onRefusal?.({ error, tenant: undefined, identifiers: [] }, context);
    throw new TenantRefusedException(memberProblem(error.code));
  });
}

/** Why it could not be resumed; undefined when it was, and `inside` has ended. */
async function resume(
  host: NestTenancyHost,
  snapshot: string,
  [audience, ...others]: readonly string[],
  inside: (scope: string | undefined) => Promise<void> | PartywallError,
): Promise<PartywallError | undefined> {
  let entered = false;
  try {
    const refused = await host.resume(
      snapshot,
      () => {
        entered = true;
        return inside(host.scope()?.kind);
      },
      { audience: audience ?? "" },
    );
    return refused ?? undefined;
  } catch (error) {
    if (entered || !(error instanceof PartywallError)) throw error;
    // One handler may have several patterns, of which the message was sent to one.
    if (error.code === "PW_SNAPSHOT_INVALID" && others.length > 0)
      return resume(host, snapshot, others, inside);
    if (!SPOILED.includes(error.code) && !isRefusal(error)) throw error;
    return error;
  }
}

const SPOILED: readonly string[] = ["PW_SNAPSHOT_INVALID", "PW_SNAPSHOT_EXPIRED"];

function audiences(context: ExecutionContext): readonly string[] {
  const patterns =
    reflector.get<readonly unknown[] | undefined>(PATTERNS, context.getHandler()) ?? [];
  const message = context.switchToRpc().getContext<Record<string, (() => unknown) | undefined>>();
  const named = NAMES.map((name) => message[name]?.()).filter((name) => name !== undefined);
  return [...new Set([...named, ...patterns].map(audienceOf))];
}

function unresolved(): PartywallError {
  return new PartywallError(
    "PW_TENANT_UNRESOLVED",
    "A message came without the scope of a tenant. Send it by tenantClient(), in the tenant's scope.",
  );
}
