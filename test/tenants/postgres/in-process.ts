import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { EraseOptions, Premises } from "partywall/tenants";

const WORKER = fileURLToPath(new URL("./worker.ts", import.meta.url));

type Place = Omit<Premises, "client">;

/** What a process of its own is to do. */
export type Job =
  | { readonly do: "copy"; readonly from: Place; readonly to: Place }
  | ({ readonly do: "erase"; readonly premises: Place } & Pick<
      EraseOptions,
      "record" | "confirm" | "batchRows"
    >);

/** How it ended. */
export interface JobEnd {
  readonly wasKilled: boolean;
  /** Of one table in the archive. */
  readonly bytes: number;
  /** Most heap and buffers, in bytes. */
  readonly peak: number;
}

/**
 * Does a job in a process of its own, which is killed without warning so long after its first sign of progress. Rejects
 * with what it printed where it ends by itself otherwise than well.
 */
export function inProcess(
  url: string,
  job: Job,
  options: { readonly killAfterMs?: number; readonly heapMb?: number } = {},
): Promise<JobEnd> {
  const { killAfterMs, heapMb } = options;
  const child = spawn(
    process.execPath,
    [
      ...(heapMb ? [`--max-old-space-size=${heapMb}`] : []),
      "--import",
      "tsx",
      WORKER,
      url,
      JSON.stringify(job),
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let last = "";
  let errors = "";
  let timer: NodeJS.Timeout | undefined;
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  createInterface({ input: child.stdout }).on("line", (line) => {
    last = line;
    if (killAfterMs !== undefined) timer ??= setTimeout(() => child.kill("SIGKILL"), killAfterMs);
  });
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      if (signal === "SIGKILL") done({ wasKilled: true, bytes: 0, peak: 0 });
      else if (code === 0) done({ ...(JSON.parse(last) as JobEnd), wasKilled: false });
      else fail(new Error(`the worker ended with ${signal ?? code}:\n${errors}`));
    });
  });
}
