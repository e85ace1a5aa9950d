import { confined } from "../jobs/confined.js";
import type { JobHost } from "../jobs/host.js";
import { own, sealed, sealedWithId, type JobOptions } from "./envelope.js";
import { HARMLESS } from "./harmless.js";

/** The slice of BullMQ's queue that {@link tenantQueue} wraps. */
export interface BullQueue {
  readonly name: string;
  add(name: never, data: never, options?: never): Promise<unknown>;
  addBulk(jobs: never): Promise<unknown>;
  upsertJobScheduler(id: string, repeat: never, template?: never): Promise<unknown>;
  removeJobScheduler(id: string): Promise<unknown>;
  getJobScheduler(id: string): Promise<unknown>;
}

interface JobTemplate {
  readonly name?: string;
  readonly opts?: JobOptions;
}

/**
 * A BullMQ 6 queue whose jobs carry the tenant of the scope that adds them: each gets an envelope that is signed, holds an
 * id alone, and is good for this queue and this job's name only. Job ids, deduplication ids and ids of job schedulers are
 * each tenant's own, so that no two tenants meet in one.
 *
 * In a tenant's scope `add`, `addBulk`, `upsertJobScheduler`, `getJobScheduler` and `removeJobScheduler` work, and in a central
 * scope, where jobs are central; outside every scope they throw `PW_NO_SCOPE`. Everything else would show or change the jobs
 * of all tenants: it works in a system scope and throws `PW_STATEMENT_REFUSED` everywhere else.
 *
 * @example
 * ```ts
 * import { Queue, Worker } from "bullmq";
 * import { createPartywall } from "partywall";
 * import { tenantProcessor, tenantQueue } from "partywall/runtime/bullmq";
 *
 * const pw = createPartywall({ secret: process.env["PARTYWALL_SECRET"] });
 * const connection = { host: "127.0.0.1", port: 6379 };
 * const mails = tenantQueue(pw, new Queue("mails", { connection }));
 * new Worker("mails", tenantProcessor(pw, async (job) => console.log(pw.current().slug, job.name)), { connection });
 * await pw.run("acme", () => mails.add("welcome", { to: "ada" }));
 * ```
 */
export function tenantQueue<Queue extends BullQueue>(pw: JobHost, queue: Queue): Queue {
  const methods = {
    add: async (name: string, data: never, options?: JobOptions) =>
      queue.add(name as never, data, sealedWithId(pw, queue.name, name, options) as never),
    addBulk: async (jobs: readonly JobTemplate[]) =>
      queue.addBulk(
        jobs.map((job) => ({
          ...job,
          opts: sealedWithId(pw, queue.name, job.name ?? "", job.opts),
        })) as never,
      ),
    upsertJobScheduler: async (id: string, repeat: never, template: JobTemplate = {}) => {
      const name = template.name ?? id;
      const job = { ...template, name, opts: sealed(pw, queue.name, name, template.opts) };
      return queue.upsertJobScheduler(own(pw, id), repeat, job as never);
    },
    removeJobScheduler: async (id: string) => queue.removeJobScheduler(own(pw, id)),
    getJobScheduler: async (id: string) => queue.getJobScheduler(own(pw, id)),
  };
  return confined(pw, queue, { kind: "a queue", harmless: HARMLESS, methods });
}
