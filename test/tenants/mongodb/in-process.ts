import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Placement } from "partywall";
import type { CollectionTemplate, ProvisionedTenant } from "partywall/tenants/mongodb";
import { startRelay } from "../../guards/mongodb/relay.js";

const WORKER = fileURLToPath(new URL("./worker.ts", import.meta.url));

/** What a process of its own is to do. */
export type Job = {
  readonly admin: string;
  readonly realm: string;
  readonly tenant: ProvisionedTenant;
  readonly collections: readonly CollectionTemplate[];
} & (
  | { readonly do: "provision" | "deprovision" | "confirm" | "giveUp" }
  | { readonly do: "move"; readonly to: Placement }
);

/** What the process asks of this one, and what it is answered. */
export interface Call {
  readonly number: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

// What the driver says by itself.
const CHATTER = new Set(["hello", "ismaster", "ping", "endSessions"]);

/**
 * When a process is killed: at its command or question of that number, or at its question of that name, before anybody hears it; or
 * when that question was done and before it is answered.
 */
export type Moment = number | string | { readonly after: string };

/**
 * Does a job in a process of its own that is killed without warning at a moment. Resolves to the name of that one, or to undefined where the job was done before. Rejects with what it printed
 * otherwise.
 */
export async function killedAt(
  job: Job,
  moment: Moment,
  answers: Readonly<Record<string, (...args: never[]) => Promise<unknown>>> = {},
): Promise<string | undefined> {
  const { protocol, host, pathname } = new URL(job.admin);
  let child: ChildProcess | undefined;
  let heard = 0;
  let last: string | undefined;
  const isLast = (name: string): boolean => {
    if (last !== undefined) return true;
    heard += 1;
    if (typeof moment === "number" ? heard < moment : name !== moment) return false;
    return die(name);
  };
  const die = (name: string): true => {
    last = name;
    child?.kill("SIGKILL");
    return true;
  };
  const relay = await startRelay(`${protocol}//${host}/`, (command) => {
    if (!CHATTER.has(command) && isLast(command)) relay.mute();
  });
  try {
    const sent = { ...job, admin: `${relay.url}${pathname.slice(1)}` };
    child = fork(WORKER, [JSON.stringify(sent)], {
      execArgv: ["--import", "tsx"],
      stdio: ["ignore", "inherit", "pipe", "ipc"],
    });
    const { stderr } = child;
    let errors = "";
    stderr!.setEncoding("utf8").on("data", (text: string) => (errors += text));
    child.on("message", (message) => {
      const call = message as Call;
      if (isLast(call.name)) return;
      const reply = (answer: object) => child?.send({ number: call.number, ...answer });
      answers[call.name]!(...(call.args as never[])).then(
        (value) => {
          if (typeof moment === "object" && moment.after === call.name) {
            relay.mute();
            die(`after ${call.name}`);
          } else reply({ value });
        },
        (error: Error) => reply({ error: error.message }),
      );
    });
    await new Promise<void>((done, fail) => {
      child!.once("error", fail);
      child!.once("close", (code, signal) => {
        if (signal === "SIGKILL" || code === 0) done();
        else fail(new Error(`the worker ended with ${signal ?? code}:\n${errors}`));
      });
    });
    return last;
  } finally {
    await relay.close();
  }
}

/** Kills one for each of the moments that there are, some at a time, until one is done before its turn; resolves to their names. */
export async function atEveryMoment(
  kill: (number: number) => Promise<string | undefined>,
  options: { readonly step?: number; readonly atOnce?: number } = {},
): Promise<string[]> {
  const { step = 1, atOnce = 4 } = options;
  const names: string[] = [];
  for (let number = 1; ; number += step * atOnce) {
    const some = await Promise.all(
      Array.from({ length: atOnce }, (_, more) => kill(number + step * more)),
    );
    for (const name of some) if (name !== undefined) names.push(name);
    if (some.includes(undefined)) return names;
  }
}
