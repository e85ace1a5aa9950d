import { createHash } from "node:crypto";
import { PartywallError, TenantContextError } from "../errors.js";
import type { Scope } from "../scope/scope.js";

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

/** The slice of BullMQ's queue that {@link tenantQueue} wraps. */
export interface BullQueue {
  readonly name: string;
  add(name: never, data: never, options?: never): Promise<unknown>;
  addBulk(jobs: never): Promise<unknown>;
  upsertJobScheduler(id: string, repeat: never, template?: never): Promise<unknown>;
  removeJobScheduler(id: string): Promise<unknown>;
  getJobScheduler(id: string): Promise<unknown>;
}

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
}

interface JobOptions {
  readonly jobId?: string;
  readonly deduplication?: { readonly id: string };
  readonly parent?: unknown;
}

interface JobTemplate {
  readonly name?: string;
  readonly opts?: JobOptions;
}

/** Where the envelope lies in a job's options, which BullMQ keeps over retries and hands on to each repetition. */
const ENVELOPE = "partywall";
/** Methods that take no job and show none. */
const HARMLESS = new Set([
  "name",
  "qualifiedName",
  "opts",
  "on",
  "once",
  "off",
  "addListener",
  "removeListener",
  "emit",
  "listenerCount",
  "waitUntilReady",
  "close",
  "closing",
  "disconnect",
  "toKey",
  "keys",
  "then",
  "constructor",
]);

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
  const enclosed = (name: string, options: JobOptions = {}): object => ({
    ...options,
    ...(options.jobId === undefined ? {} : { jobId: own(pw, options.jobId) }),
    ...(options.deduplication === undefined
      ? {}
      : { deduplication: { ...options.deduplication, id: own(pw, options.deduplication.id) } }),
    [ENVELOPE]: pw.snapshot({ expiresInMs: Infinity, audience: audienceOf(queue.name, name) }),
  });
  const methods: Record<string, (...given: never[]) => unknown> = {
    add: async (name: never, data: never, options?: never) =>
      queue.add(name, data, enclosed(name, options) as never),
    addBulk: async (jobs: readonly JobTemplate[]) =>
      queue.addBulk(
        jobs.map((job) => ({ ...job, opts: enclosed(job.name ?? "", job.opts) })) as never,
      ),
    upsertJobScheduler: async (id: string, repeat: never, template: JobTemplate = {}) => {
      const name = template.name ?? id;
      const job = { ...template, name, opts: enclosed(name, template.opts) };
      return queue.upsertJobScheduler(own(pw, id), repeat, job as never);
    },
    removeJobScheduler: async (id: string) => queue.removeJobScheduler(own(pw, id)),
    getJobScheduler: async (id: string) => queue.getJobScheduler(own(pw, id)),
  };
  return new Proxy(queue, {
    get(target, key) {
      const method = typeof key === "string" ? methods[key] : undefined;
      if (method !== undefined) return method;
      if (typeof key === "string" && !HARMLESS.has(key) && pw.scope()?.kind !== "system")
        throw shared(key);
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/**
 * A processor for a BullMQ 6 worker that runs each job in the scope of its envelope, whose tenant is read again from the
 * registry on every run and every retry.
 *
 * A job without an envelope, or with one that is forged or was made for another queue or name, fails with
 * `PW_SNAPSHOT_INVALID` and is not run. While the tenant is suspended, is being provisioned or cannot be looked up, the
 * job waits: it is delayed by `waitMs`, which counts as no attempt. A deleted tenant's fails with `PW_TENANT_UNKNOWN`.
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
  { waitMs = 60_000 }: TenantProcessorOptions = {},
): (job: Job, token?: string, signal?: AbortSignal) => Promise<Result> {
  if (!Number.isFinite(waitMs) || waitMs <= 0)
    throw new PartywallError(
      "PW_CONFIG",
      "tenantProcessor({ waitMs }) must be a positive number of milliseconds.",
    );
  return async (job, token, signal) => {
    const envelope = Reflect.get(job.opts, ENVELOPE) as string;
    const audience = audienceOf(job.queueName, job.name);
    let isInside = false;
    const inside = async (): Promise<Result> => {
      isInside = true;
      return run(job, token, signal);
    };
    try {
      return await pw.resume(envelope, inside, { audience });
    } catch (error) {
      if (isInside || !mustWait(error)) throw error;
      await job.moveToDelayed(Date.now() + waitMs, token);
      throw delayed(error);
    }
  };
}

const WAITING = ["PW_TENANT_SUSPENDED", "PW_TENANT_NOT_READY", "PW_REGISTRY_UNAVAILABLE"];

function mustWait(error: unknown): boolean {
  return error instanceof PartywallError && WAITING.includes(error.code);
}

// By its name the worker knows that the job was moved and neither done nor failed.
function delayed(cause: unknown): Error {
  const error = new Error("the job waits for its tenant", { cause });
  error.name = "DelayedError";
  return error;
}

// The parts are counted, so that no two pairs are written alike.
function audienceOf(queue: string, job: string): string {
  const names = createHash("sha256")
    .update(JSON.stringify([queue, job]))
    .digest("base64url");
  return `bullmq:${names}`;
}

/** An id that is the tenant's own. Tenant ids may hold what separates and what BullMQ takes for a separator. */
function own(pw: JobHost, id: string): string {
  const scope = pw.scope();
  if (scope === undefined)
    throw new TenantContextError(
      "PW_NO_SCOPE",
      "A job was addressed outside every scope, so nothing was sent. Add it inside pw.run(), or in pw.central() where it is nobody's.",
    );
  if (scope.kind !== "tenant") return id;
  const tenant = createHash("sha256").update(scope.tenant.id).digest("base64url");
  return `${tenant.slice(0, 22)}_${id}`;
}

function shared(method: string): PartywallError {
  return new PartywallError(
    "PW_STATEMENT_REFUSED",
    `${method} of a queue shows or changes the jobs of all tenants, so it works in a system scope alone. Call it inside pw.system({ reason }, fn).`,
  );
}
