import { PartywallError } from "../../errors.js";
import { audienceOf } from "../jobs/audience.js";

const KIND = "worker-threads";

/** The part of a Partywall instance that tasks need; what `createPartywall` returns fits. */
export interface TaskHost {
  snapshot(options: { readonly audience: string }): string;
  resume<T>(
    snapshot: string,
    fn: () => T,
    options: { readonly audience: string },
  ): Promise<Awaited<T>>;
}

/** A task with the scope that it is to run in; a plain object that any thread can be sent. */
export interface SealedTask<Data = unknown> {
  /** Signed snapshot of the scope, good for tasks of this name, for a day. */
  readonly partywall: string;
  readonly data: Data;
}

/**
 * A task in an envelope of the current scope, for a thread or a pool of threads of any library. Throws `PW_NO_SCOPE` outside every
 * scope and `PW_SNAPSHOT_INVALID` in a system scope, which is opened where its reason is stated.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { openTask, sealTask } from "partywall/runtime/worker-threads";
 *
 * const pw = createPartywall({ secret: process.env["PARTYWALL_SECRET"] });
 * const sealed = await pw.run("acme", () => sealTask(pw, "resize", { width: 200 }));
 * // In the thread, which has a Partywall of its own:
 * await openTask(pw, "resize", sealed, ({ width }) => console.log(pw.current().slug, width));
 * ```
 */
export function sealTask<Data>(pw: TaskHost, name: string, data: Data): SealedTask<Data> {
  return { partywall: pw.snapshot({ audience: audienceOf(KIND, name) }), data };
}

/**
 * Runs `fn` with a task's data in the scope of its envelope, whose tenant is read again from the registry. Rejects with
 * `PW_SNAPSHOT_INVALID` and does not run it for what has no envelope, a changed one or that of another name; with
 * `PW_SNAPSHOT_EXPIRED` after a day; and as `pw.run()` where the tenant is suspended or unknown.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { openTask, type SealedTask } from "partywall/runtime/worker-threads";
 *
 * const pw = createPartywall({ secret: process.env["PARTYWALL_SECRET"] });
 * // The function of a pool such as Piscina's:
 * export default (task: SealedTask<number>) => openTask(pw, "square", task, (side) => side * side);
 * ```
 */
export async function openTask<Data, Result>(
  pw: TaskHost,
  name: string,
  task: SealedTask<Data>,
  fn: (data: Data) => Result,
): Promise<Awaited<Result>> {
  const { partywall, data } = Object(task) as Partial<SealedTask<Data>>;
  if (typeof partywall !== "string")
    throw new PartywallError(
      "PW_SNAPSHOT_INVALID",
      "A message without an envelope came to a thread, and nothing was run. Send tasks with tenantWorker() or sealTask().",
    );
  return pw.resume(partywall, () => fn(data as Data), { audience: audienceOf(KIND, name) });
}
