import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { AdoptionProgress } from "../../../src/adopt/run/progress.js";
import type { RunAdoptionOptions } from "../../../src/adopt/run/run-options.js";

const RUNNER = fileURLToPath(new URL("./runner.ts", import.meta.url));

/** What a runner did before it ended. */
export interface RunnerEnd {
  readonly wasKilled: boolean;
  readonly events: readonly AdoptionProgress[];
}

/**
 * Runs a plan in a process of its own and kills that without warning, `killAfterMs` after it has begun to work. Rejects
 * with what the process printed when it ends by itself otherwise than well.
 */
export function runInProcess(
  url: string,
  planFile: string,
  options: RunAdoptionOptions,
  killAfterMs?: number,
): Promise<RunnerEnd> {
  const child = spawn(
    process.execPath,
    ["--import", "tsx", RUNNER, url, planFile, JSON.stringify(options)],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const events: AdoptionProgress[] = [];
  let errors = "";
  let timer: NodeJS.Timeout | undefined;
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  createInterface({ input: child.stdout }).on("line", (line) => {
    // The last line of a killed process may be torn.
    if (!line.endsWith("}")) return;
    events.push(JSON.parse(line) as AdoptionProgress);
    if (killAfterMs !== undefined) timer ??= setTimeout(() => child.kill("SIGKILL"), killAfterMs);
  });
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      if (signal === "SIGKILL") done({ wasKilled: true, events });
      else if (code === 0) done({ wasKilled: false, events });
      else fail(new Error(`the runner ended with ${signal ?? code}:\n${errors}`));
    });
  });
}
