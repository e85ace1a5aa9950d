import { PartywallError } from "../errors.js";
import { outside } from "../scope/outside.js";
import { confined } from "./jobs/confined.js";
import type { JobHost } from "./jobs/host.js";
import { enclosed, ownKey, ownNames } from "./pg-boss/envelope.js";
import type { JobNames, NativeBoss, NativeJob, NativeWorkOptions } from "./pg-boss/native.js";
import { assertTransactions } from "./pg-boss/postpone.js";
import { runJob } from "./pg-boss/run.js";

export type { JobHost } from "./jobs/host.js";

/**
 * The slice of pg-boss that {@link tenantBoss} wraps; `PgBoss` 12 fits.
 *
 * @example
 * ```ts
 * import type { Boss } from "partywall/runtime/pg-boss";
 *
 * export const stopped = (boss: Boss) => boss.stop();
 * ```
 */
export interface Boss {
  start(...given: never[]): Promise<unknown>;
  stop(...given: never[]): Promise<unknown>;
  send(...given: never[]): Promise<string | null>;
  insert(...given: never[]): Promise<string[] | null>;
  schedule(...given: never[]): Promise<void>;
  work(...given: never[]): Promise<string>;
}

/** How {@link tenantBoss} treats jobs. */
export interface TenantBossOptions {
  /** How long a job waits before it is looked at again, while its tenant is suspended or not ready, in seconds; 60 unless told. */
  readonly waitSeconds?: number;
}

/** Members that take no job and show none. */
const HARMLESS = new Set([
  "stop",
  "createQueue",
  "offWork",
  "notifyWorker",
  "isInstalled",
  "schemaVersion",
  "previewSchedule",
  "on",
  "once",
  "off",
  "addListener",
  "removeListener",
  "listenerCount",
  "then",
  "constructor",
]);

/**
 * A pg-boss 12 whose jobs carry the tenant of the scope that sends them: their data lies in an envelope that is signed, holds an id
 * alone, and is good for this queue only. Keys and groups are each tenant's own, so that one tenant's jobs are throttled, single and
 * counted among themselves; `groupConcurrency` is a number of jobs per tenant.
 *
 * `send`, `sendAfter`, `sendThrottled`, `sendDebounced`, `insert`, `schedule` and `unschedule` work in a tenant's and in a central scope and
 * throw `PW_NO_SCOPE` outside. `work` runs each job in its own scope, whose tenant is read again on every run: one without an envelope, or with
 * one that is forged or of another queue, fails with `PW_SNAPSHOT_INVALID`; a suspended tenant's waits, which counts as no attempt.
 * Everything else is about the jobs of all tenants: `PW_STATEMENT_REFUSED` outside system scopes.
 *
 * Throws `PW_CONFIG` for a `waitSeconds` that is not a whole number from 1 on.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { tenantBoss } from "partywall/runtime/pg-boss";
 * import { PgBoss } from "pg-boss";
 *
 * const pw = createPartywall({ secret: process.env["PARTYWALL_SECRET"] });
 * const boss = tenantBoss(pw, new PgBoss({ connectionString: process.env["JOBS_URL"] ?? "" }));
 * await boss.start();
 * await boss.createQueue("mails");
 * await boss.work("mails", async ([job]) => console.log(pw.current().slug, job?.data));
 * await pw.run("acme", () => boss.send("mails", { to: "ada" }));
 * ```
 */
export function tenantBoss<Native extends Boss>(
  pw: JobHost,
  boss: Native,
  { waitSeconds = 60 }: TenantBossOptions = {},
): Native {
  if (!Number.isSafeInteger(waitSeconds) || waitSeconds < 1)
    throw new PartywallError(
      "PW_CONFIG",
      "tenantBoss({ waitSeconds }) must be a whole number of seconds from 1 on.",
    );
  const native = boss as unknown as NativeBoss;
  const names = (options: JobNames | null | undefined) => ownNames(pw, options ?? {});
  const methods: Record<string, (...given: never[]) => Promise<unknown>> = {
    // Pools and timers must not belong to whoever happened to start them.
    start: async (...given: unknown[]) => {
      await outside(() => native.start(...given));
      return guarded;
    },
    send: async (first: string | Request, ...rest: [object?, JobNames?]) => {
      const { name, data, options } =
        typeof first === "string" ? { name: first, data: rest[0], options: rest[1] } : first;
      return native.send(name, enclosed(pw, name, data), names(options));
    },
    sendAfter: async (name: string, data: unknown, options: JobNames, after: unknown) =>
      native.sendAfter(name, enclosed(pw, name, data), names(options), after),
    sendThrottled: async (name: string, data: unknown, ...rest: Throttle) =>
      native.sendThrottled(
        name,
        enclosed(pw, name, data),
        names(rest[0]),
        rest[1],
        ownKey(pw, rest[2]),
      ),
    sendDebounced: async (name: string, data: unknown, ...rest: Throttle) =>
      native.sendDebounced(
        name,
        enclosed(pw, name, data),
        names(rest[0]),
        rest[1],
        ownKey(pw, rest[2]),
      ),
    insert: async (
      name: string,
      jobs: readonly (JobNames & { data?: unknown })[],
      options?: object,
    ) =>
      native.insert(
        name,
        jobs.map((job) => ({ ...names(job), data: enclosed(pw, name, job.data) })),
        options,
      ),
    schedule: async (name: string, cron: string, data?: unknown, options: JobNames = {}) =>
      native.schedule(name, cron, enclosed(pw, name, data), {
        ...names(options),
        key: ownKey(pw, options.key),
      }),
    unschedule: async (name: string, key?: string, options?: object) =>
      native.unschedule(name, ownKey(pw, key), options),
    work: async (name: string, ...given: readonly unknown[]) => {
      const handler = given.at(-1) as Handler;
      const options = (given.length > 1 ? given[0] : {}) as NativeWorkOptions;
      const { perJobResults = false, transactional = false } = options;
      if (transactional)
        throw new PartywallError(
          "PW_CONFIG",
          "work({ transactional: true }) hands the handler a connection of pg-boss, which no guard is in. Leave it out, and write through the guarded pool.",
        );
      assertTransactions(native);
      const rules = { pw, boss: native, handler, perJobResults, waitSeconds };
      const settled = { ...options, perJobResults: true, includeMetadata: true };
      return outside(() =>
        native.work(name, settled, (jobs) => Promise.all(jobs.map((job) => runJob(rules, job)))),
      );
    },
  };
  const guarded: Native = confined(pw, boss, { kind: "pg-boss", harmless: HARMLESS, methods });
  return guarded;
}

type Handler = (jobs: readonly NativeJob[]) => unknown;
type Throttle = [options: JobNames | null, seconds: number, key?: string];

interface Request {
  readonly name: string;
  readonly data?: object;
  readonly options?: JobNames;
}
