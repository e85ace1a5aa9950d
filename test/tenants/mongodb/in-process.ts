import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { CollectionTemplate, ProvisionedTenant } from "partywall/tenants/mongodb";
import { startRelay } from "../../guards/mongodb/relay.js";

const WORKER = fileURLToPath(new URL("./worker.ts", import.meta.url));

/** What a process of its own is to do. */
export interface Job {
  readonly do: "provision" | "deprovision";
  readonly admin: string;
  readonly tenant: ProvisionedTenant;
  readonly collections: readonly CollectionTemplate[];
}

// What the driver says by itself, and what keeps a lease.
const CHATTER = new Set(["hello", "ismaster", "ping", "endSessions"]);

/**
 * Does a job in a process of its own that is killed without warning when it sends its command of that number, before the server hears
 * it. Resolves to the name of that command, or to undefined where the job was done before. Rejects with what it printed otherwise.
 */
export async function killedAt(job: Job, number: number): Promise<string | undefined> {
  const { protocol, host, pathname } = new URL(job.admin);
  let child: ReturnType<typeof spawn> | undefined;
  let heard = 0;
  let last: string | undefined;
  const relay = await startRelay(`${protocol}//${host}/`, (command) => {
    if (CHATTER.has(command) || last !== undefined) return;
    heard += 1;
    if (heard < number) return;
    last = command;
    child?.kill("SIGKILL");
    relay.mute();
  });
  try {
    const admin = `${relay.url}${pathname.slice(1)}`;
    child = spawn(
      process.execPath,
      ["--import", "tsx", WORKER, JSON.stringify({ ...job, admin })],
      { stdio: ["ignore", "inherit", "pipe"] },
    );
    let errors = "";
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (errors += text));
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
