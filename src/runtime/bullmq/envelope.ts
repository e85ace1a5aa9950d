import { randomUUID } from "node:crypto";
import { PartywallError } from "../../errors.js";
import { audienceOf } from "../jobs/audience.js";
import type { JobHost } from "../jobs/host.js";
import { isOfATenant, ownPrefix } from "../jobs/owner.js";

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
    [ENVELOPE]: pw.snapshot({ expiresInMs: Infinity, audience: audienceOf(KIND, queue, name) }),
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

/** The kind of the audiences of BullMQ's jobs. */
export const KIND = "bullmq";

/** An id that is the tenant's own. Throws `PW_NO_SCOPE` outside every scope. */
export function own(pw: JobHost, id: string): string {
  return `${ownPrefix(pw) ?? ""}${id}`;
}

/** A parent is given the results of its children, and waits for them. */
function assertOwnParent(pw: JobHost, id: unknown): void {
  const prefix = ownPrefix(pw);
  const given = typeof id === "string" ? id.replace(/^repeat:/, "") : "";
  const isOwn =
    prefix === undefined ? given !== "" && !isOfATenant(given) : given.startsWith(prefix);
  if (isOwn) return;
  throw new PartywallError(
    "PW_STATEMENT_REFUSED",
    "A job was added below a parent that is not the scope's own, so nothing was sent. Name the job.id of a job that was added in the same tenant's scope.",
  );
}
