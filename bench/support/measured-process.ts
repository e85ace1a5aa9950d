import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Slice } from "./slices.js";

/** A process that has its assignment, and waits for orders. */
export interface MeasuredProcess<Order> {
  readonly measure: (order: Order) => Promise<Slice>;
  readonly stop: () => Promise<void>;
}

/**
 * Starts what is measured in a process of its own: what the engine learnt of one's code would slow or speed the others', and
 * the process of what is raw is to hold nothing of the guard, not even an AsyncLocalStorage.
 *
 * @param title names it where it ends too early
 */
export async function startMeasuredProcess<Order extends object>(
  file: URL,
  title: string,
  assignment: object,
  env: NodeJS.ProcessEnv = process.env,
): Promise<MeasuredProcess<Order>> {
  const child = fork(fileURLToPath(file), { stdio: "inherit", env });
  const exited = once(child, "exit");
  const ask = async (message: object) => {
    child.send(message);
    const [answer] = (await Promise.race([
      once(child, "message"),
      exited.then(() => Promise.reject(new Error(`The process of ${title} ended too early.`))),
    ])) as [{ slice: Slice }];
    return answer.slice;
  };
  await ask(assignment);
  return {
    measure: ask,
    stop: async () => {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
