import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { EraseOptions, Premises, TenantDataProgress } from "partywall/tenants/mongodb";

const WORKER = fileURLToPath(new URL("./data-worker.ts", import.meta.url));

type Place = Omit<Premises, "client" | "bson">;

/** What a process of its own is to do with a tenant's documents. */
export type DataJob =
  | { readonly do: "copy"; readonly from: Place; readonly to: Place }
  | ({ readonly do: "erase"; readonly premises: Place } & EraseOptions);

/** What it was when the job was done. */
export interface Done {
  /** Of the largest collection, as they stand in the archive. */
  readonly bytes: number;
  /** Most of heap and buffers, in bytes. */
  readonly peak: number;
  readonly rss: number;
}

/**
 * Does a job in a process of its own, which is killed without warning at the progress for which `when` is true. Resolves to
 * undefined where it was killed. Rejects with what it printed otherwise.
 */
export async function inProcess(
  url: string,
  job: DataJob,
  when: (progress: TenantDataProgress) => boolean = () => false,
): Promise<Done | undefined> {
  const child = spawn(
    process.execPath,
    ["--max-old-space-size=64", "--import", "tsx", WORKER, url, JSON.stringify(job)],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  let done: Done | undefined;
  createInterface(child.stdout).on("line", (line) => {
    const told = JSON.parse(line) as TenantDataProgress | (Done & { done: true });
    if ("done" in told) done = told;
    else if (when(told)) child.kill("SIGKILL");
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (signal === "SIGKILL" || code === 0) resolve(signal === "SIGKILL" ? undefined : done);
      else reject(new Error(`the worker ended with ${signal ?? code}:\n${errors}`));
    });
  });
}
