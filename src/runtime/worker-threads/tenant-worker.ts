import { sealTask, type TaskHost } from "./envelope.js";
import { errorOf, type Answer, type Question } from "./message.js";

/** The slice of a `Worker` of `node:worker_threads` that {@link tenantWorker} uses. */
export interface TaskWorker {
  on(event: never, listener: never): unknown;
  postMessage(message: unknown, transfer?: readonly never[]): void;
}

/** Sends one task to a thread and gives what it answers. */
export type RunTask = <Result = unknown>(
  data: unknown,
  options?: { readonly transfer?: readonly unknown[] },
) => Promise<Result>;

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A function that sends a task to a thread in an envelope of the scope that calls it, and gives what `serveTasks` there answers.
 *
 * Rejects with `PW_NO_SCOPE` outside every scope and sends nothing; with what the task threw, of which cloning keeps name and message, and
 * `PartywallError` its code; and with the reason when the thread ends before it has answered.
 *
 * @example
 * ```ts
 * import { Worker } from "node:worker_threads";
 * import { createPartywall } from "partywall";
 * import { tenantWorker } from "partywall/runtime/worker-threads";
 *
 * const pw = createPartywall({ secret: process.env["PARTYWALL_SECRET"] });
 * const resize = tenantWorker(pw, "resize", new Worker(new URL("./resize.js", import.meta.url)));
 * console.log(await pw.run("acme", () => resize<string>(200)));
 * ```
 */
export function tenantWorker(pw: TaskHost, name: string, worker: TaskWorker): RunTask {
  const waiting = new Map<number, Waiting>();
  let last = 0;
  let ended: Error | undefined;
  const end = (error: Error): void => {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  const answered = (answer: unknown): void => {
    const given = Object(answer) as Answer;
    const asked = waiting.get(given.task);
    if (asked === undefined) return;
    waiting.delete(given.task);
    if ("error" in given) asked.reject(errorOf(given));
    else asked.resolve(given.value as never);
  };
  const exited = (code: number): void =>
    end(new Error(`The thread of ${name} has ended with code ${code}.`));
  worker.on("message" as never, answered as never);
  worker.on("error" as never, end as never);
  // Which answer it was cannot be told, so none is waited for.
  worker.on("messageerror" as never, end as never);
  worker.on("exit" as never, exited as never);
  return async (data, { transfer } = {}) => {
    const sealed = sealTask(pw, name, data);
    if (ended !== undefined) throw ended;
    const task = (last += 1);
    return new Promise<never>((resolve, reject) => {
      const question: Question = { ...sealed, task };
      worker.postMessage(question, transfer as readonly never[] | undefined);
      waiting.set(task, { resolve, reject });
    });
  };
}
