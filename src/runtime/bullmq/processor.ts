import { PartywallError } from "../../errors.js";
import { audienceOf } from "../jobs/audience.js";
import type { JobHost } from "../jobs/host.js";
import { mustWait } from "../jobs/waiting.js";
import { ENVELOPE, KIND } from "./envelope.js";
import { TenantQuota } from "./tenant-quota.js";

/** The slice of BullMQ's job that a processor is given. */
export interface BullJob {
  readonly name: string;
  readonly queueName: string;
  readonly opts: object;
  moveToDelayed(timestamp: number, token?: string): Promise<void>;
}

/** How {@link tenantProcessor} treats jobs. */
export interface TenantProcessorOptions {
  /** How long a job waits before it is looked at again, while its tenant is suspended or not ready; 60 000 ms unless told. */
  readonly waitMs?: number;
  /**
   * How many jobs of one tenant run at once in this processor, whichever workers of the process share it; a whole number of at
   * least 1, no limit unless told. Below the worker's `concurrency`, so that no tenant can hold all of it.
   */
  readonly maxPerTenant?: number;
}

/**
 * A processor for a BullMQ 6 worker that runs each job in the scope of its envelope, whose tenant is read again from the
 * registry on every run and every retry.
 *
 * A job without an envelope, or with one that is forged or was made for another queue or name, fails with
 * `PW_SNAPSHOT_INVALID` and is not run. While the tenant is suspended, is being provisioned or cannot be looked up, the
 * job waits: it is delayed by `waitMs`, which counts as no attempt. A deleted tenant's fails with `PW_TENANT_UNKNOWN`.
 *
 * With `maxPerTenant` a job whose tenant has as many under way is delayed as well, by about the time until one of them ends and by
 * `waitMs` at most, so that other tenants' jobs behind it have their turn. Throws `PW_CONFIG` for options that cannot be.
 *
 * @example
 * ```ts
 * import { Worker } from "bullmq";
 * import { createPartywall } from "partywall";
 * import { tenantProcessor } from "partywall/runtime/bullmq";
 *
 * const pw = createPartywall({ secret: process.env["PARTYWALL_SECRET"] });
 * const processor = tenantProcessor(pw, async (job) => `${pw.current().slug} ${job.name}`, { waitMs: 5_000 });
 * new Worker("reports", processor, { connection: { host: "127.0.0.1", port: 6379 } });
 * ```
 */
export function tenantProcessor<Job extends BullJob, Result>(
  pw: JobHost,
  run: (job: Job, token?: string, signal?: AbortSignal) => Result | PromiseLike<Result>,
  { waitMs = 60_000, maxPerTenant }: TenantProcessorOptions = {},
): (job: Job, token?: string, signal?: AbortSignal) => Promise<Result> {
  if (!Number.isFinite(waitMs) || waitMs <= 0)
    throw new PartywallError(
      "PW_CONFIG",
      "tenantProcessor({ waitMs }) must be a positive number of milliseconds.",
    );
  if (maxPerTenant !== undefined && !(Number.isInteger(maxPerTenant) && maxPerTenant >= 1))
    throw new PartywallError(
      "PW_CONFIG",
      "tenantProcessor({ maxPerTenant }) must be a whole number of at least 1.",
    );
  const quota = maxPerTenant === undefined ? undefined : new TenantQuota(maxPerTenant, waitMs);
  return async (job, token, signal) => {
    const envelope = Reflect.get(job.opts, ENVELOPE) as string;
    const audience = audienceOf(KIND, job.queueName, job.name);
    let isInside = false;
    const inside = async (): Promise<Result> => {
      const scope = pw.scope();
      const place = scope?.kind === "tenant" ? quota?.take(scope.tenant.id) : undefined;
      if (typeof place === "number") throw new NoPlace(place);
      isInside = true;
      try {
        return await run(job, token, signal);
      } finally {
        place?.();
      }
    };
    try {
      return await pw.resume(envelope, inside, { audience });
    } catch (error) {
      const hasNoPlace = error instanceof NoPlace;
      if (isInside || !(hasNoPlace || mustWait(error))) throw error;
      await job.moveToDelayed(hasNoPlace ? error.until : Date.now() + waitMs, token);
      throw delayed(error);
    }
  };
}

/** All places of the tenant are taken; never seen outside. */
class NoPlace extends Error {
  readonly until: number;

  constructor(until: number) {
    super("as many jobs of the tenant run as may");
    this.until = until;
  }
}

// By its name the worker knows that the job was moved and neither done nor failed.
function delayed(cause: unknown): Error {
  const error = new Error("the job waits for its tenant", { cause });
  error.name = "DelayedError";
  return error;
}
