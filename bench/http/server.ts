import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Opening } from "./ways.js";

/** What an application's process is told first; it answers with its port. */
export interface Assignment {
  /** Name of the framework's file. */
  readonly framework: string;
  readonly opening: Opening;
}

/** What it is asked later. */
export type Message = "processor time";

/** An application that listens. */
export interface Server {
  readonly port: number;
  /** Processor time of its process so far, in microseconds. */
  readonly processorMicros: () => Promise<number>;
  readonly stop: () => Promise<void>;
}

/** Starts an application in a process of its own, apart from what loads it. */
export async function startServer(assignment: Assignment): Promise<Server> {
  const { framework, opening } = assignment;
  const child = fork(fileURLToPath(new URL("server-process.ts", import.meta.url)), {
    stdio: "inherit",
    env: { ...process.env, NODE_ENV: "production" },
  });
  const exited = once(child, "exit");
  const ask = async (message: Assignment | Message) => {
    child.send(message);
    const [answer] = (await Promise.race([
      once(child, "message"),
      exited.then(() =>
        Promise.reject(new Error(`The process of ${framework}, ${opening.way}, ended too early.`)),
      ),
    ])) as [number];
    return answer;
  };
  return {
    port: await ask(assignment),
    processorMicros: () => ask("processor time"),
    stop: async () => {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
