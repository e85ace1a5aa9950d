import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The repository's root folder, with a trailing slash. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a Node script to its end and gives back its exit code and everything it printed. */
export function runNode(
  args: readonly string[],
  env: Record<string, string> = {},
  cwd = ROOT,
): Promise<Outcome> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, args, {
      cwd,
      // VITEST would make a spawned vitest believe it is a worker of this one.
      env: { ...withoutVitest(), NO_COLOR: "1", FORCE_COLOR: "0", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    }
    child.once("error", fail);
    child.once("close", (code) => done({ code, output }));
  });
}

function withoutVitest(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("VITEST")),
  );
}
