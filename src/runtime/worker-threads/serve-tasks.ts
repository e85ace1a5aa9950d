import { openTask, type TaskHost } from "./envelope.js";
import { failure, type Answer, type Question } from "./message.js";

/** The slice of a `MessagePort` that {@link serveTasks} uses; `parentPort` fits. */
export interface TaskPort {
  on(event: never, listener: never): unknown;
  postMessage(message: unknown): void;
}

/**
 * Runs, in a thread, each task of `tenantWorker` in the scope of its envelope and answers it. The thread has a Partywall of its
 * own, with the same realm, secret and registry; the tenant is read again from the registry for each task.
 *
 * A message without an envelope, with a changed one or with one of another name is not run: its sender is answered with
 * `PW_SNAPSHOT_INVALID`. What is no task at all throws it in the thread, which ends with an `error` event.
 *
 * @example
 * ```ts
 * import { parentPort } from "node:worker_threads";
 * import { createPartywall } from "partywall";
 * import { serveTasks } from "partywall/runtime/worker-threads";
 *
 * const pw = createPartywall({ secret: process.env["PARTYWALL_SECRET"] });
 * if (parentPort !== null)
 *   serveTasks(pw, "resize", parentPort, (width: number) => `${pw.current().slug}: ${width}`);
 * ```
 */
export function serveTasks(
  pw: TaskHost,
  name: string,
  port: TaskPort,
  fn: (data: never) => unknown,
): void {
  const answer = async (message: Question): Promise<void> => {
    const task = (Object(message) as Partial<Question>).task;
    let reply: Answer;
    try {
      const value = await openTask(pw, name, message, (data) => fn(data as never));
      reply = { task: task ?? 0, value };
    } catch (error) {
      // Nobody waits for an answer to it, and it must not pass unheard.
      if (typeof task !== "number") throw error;
      reply = failure(task, error);
    }
    if (typeof task === "number") send(port, task, reply);
  };
  // A rejection ends the thread, as an error thrown by a listener would.
  const listener = (message: Question): void => void answer(message);
  port.on("message" as never, listener as never);
}

function send(port: TaskPort, task: number, reply: Answer): void {
  try {
    port.postMessage(reply);
  } catch (error) {
    // What cannot be cloned, for example a function; the reason can.
    const told = failure(task, new Error(messageOf(reply), { cause: String(error) }));
    port.postMessage({ ...reply, value: undefined, ...told });
  }
}

function messageOf(reply: Answer): string {
  if (!("error" in reply)) return "The value of a task cannot be sent between threads.";
  return reply.error instanceof Error ? reply.error.message : String(reply.error);
}
