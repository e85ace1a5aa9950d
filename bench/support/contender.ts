import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ContenderSpec } from "./contenders.js";
import type { ShopSize } from "./rows.js";
import type { Slice } from "./slices.js";

/** What a contender's process is told first. */
export interface Assignment {
  readonly spec: ContenderSpec;
  readonly size: ShopSize;
  /** Folder of the compiled package. */
  readonly folder: string;
  /** Connection string by network. */
  readonly urls: Readonly<Record<string, string>>;
}

/** What it is told to measure. */
export interface Order {
  readonly network: string;
  /** Statements of a transaction; absent for one statement outside any. */
  readonly statements: number | undefined;
  readonly concurrency: number;
  readonly milliseconds: number;
}

/** A contender that waits for orders. */
export interface Contender {
  readonly name: string;
  readonly measure: (order: Order) => Promise<Slice>;
  readonly stop: () => Promise<void>;
}

/**
 * Starts a contender in a process of its own: what the engine learnt of one contender's code would slow or speed the
 * others', and the raw driver's process is to hold nothing of the guard, not even an AsyncLocalStorage.
 */
export async function startContender(assignment: Assignment): Promise<Contender> {
  const { name } = assignment.spec;
  const child = fork(fileURLToPath(new URL("contender-process.ts", import.meta.url)), {
    stdio: "inherit",
  });
  const exited = once(child, "exit");
  const ask = async (message: Assignment | Order) => {
    child.send(message);
    const [answer] = (await Promise.race([
      once(child, "message"),
      exited.then(() => Promise.reject(new Error(`The process of "${name}" ended too early.`))),
    ])) as [{ slice: Slice }];
    return answer.slice;
  };
  await ask(assignment);
  return {
    name,
    measure: ask,
    stop: async () => {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
