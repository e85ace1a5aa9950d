import { createHash, randomUUID } from "node:crypto";
import { PartywallError } from "../../errors.js";
import { outsideScope } from "../../scope/current.js";
import type { Scope } from "../../scope/scope.js";

/** The part of a Partywall instance that jobs need; what `createPartywall` returns fits. */
export interface JobHost {
  readonly realm: string;
  scope(): Scope | undefined;
  snapshot(options: { readonly expiresInMs: number; readonly audience: string }): string;
  resume<T>(
    snapshot: string,
    fn: () => T,
    options: { readonly audience: string },
  ): Promise<Awaited<T>>;
}

/** Where the envelope lies in a job's options, which BullMQ keeps over retries and hands on to each repetition. */
export const ENVELOPE = "partywall";

/** What the options of a job may name that could be another tenant's. */
export interface JobOptions {
  readonly jobId?: string;
  readonly deduplication?: { readonly id: string };
  readonly parent?: { readonly id?: unknown };
  readonly [ENVELOPE]?: string;
}

/** Options of a job of this queue and name, with the envelope of the current scope and no name that is not its own. */
export function sealed(
  pw: JobHost,
  queue: string,
  name: string,
  options: JobOptions = {},
): JobOptions {
  if (options.parent !== undefined) assertOwnParent(pw, options.parent.id);
  return {
    ...options,
    ...(options.jobId === undefined ? {} : { jobId: own(pw, options.jobId) }),
    ...(options.deduplication === undefined
      ? {}
      : { deduplication: { ...options.deduplication, id: own(pw, options.deduplication.id) } }),
    [ENVELOPE]: pw.snapshot({ expiresInMs: Infinity, audience: audienceOf(queue, name) }),
  };
}

/** As {@link sealed}, with an id that tells whose the job is, so that it can be named as a parent. */
export function sealedWithId(
  pw: JobHost,
  queue: string,
  name: string,
  options: JobOptions = {},
): JobOptions {
  return sealed(pw, queue, name, { ...options, jobId: options.jobId ?? randomUUID() });
}

/** What the envelope of a job is good for. */
export function audienceOf(queue: string, job: string): string {
  // The parts are counted, so that no two pairs are written alike.
  const names = createHash("sha256")
    .update(JSON.stringify([queue, job]))
    .digest("base64url");
  return `bullmq:${names}`;
}

const OF_A_TENANT = /^(?:repeat:)?[\w-]{22}_/;

/** An id that is the tenant's own. Tenant ids may hold what separates and what BullMQ takes for a separator. */
export function own(pw: JobHost, id: string): string {
  const scope = pw.scope();
  if (scope === undefined)
    throw outsideScope(
      "A job was addressed outside every scope, so nothing was sent. Add it inside pw.run(), or in pw.central() where it is nobody's.",
    );
  if (scope.kind !== "tenant") return id;
  return prefixOf(scope.tenant.id) + id;
}

function prefixOf(tenant: string): string {
  return `${createHash("sha256").update(tenant).digest("base64url").slice(0, 22)}_`;
}

/** A parent is given the results of its children, and waits for them. */
function assertOwnParent(pw: JobHost, id: unknown): void {
  const scope = pw.scope();
  const given = typeof id === "string" ? id : "";
  const isOwn =
    scope?.kind === "tenant"
      ? given.replace(/^repeat:/, "").startsWith(prefixOf(scope.tenant.id))
      : given !== "" && !OF_A_TENANT.test(given);
  if (isOwn) return;
  throw new PartywallError(
    "PW_STATEMENT_REFUSED",
    "A job was added below a parent that is not the scope's own, so nothing was sent. Name the job.id of a job that was added in the same tenant's scope.",
  );
}
