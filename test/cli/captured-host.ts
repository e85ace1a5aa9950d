import type { Host } from "../../src/cli/host.js";

/** A host that keeps what is printed. */
export interface CapturedHost extends Host {
  /** Everything printed so far. */
  printed(): { readonly stdout: string; readonly stderr: string };
}

/** A host for running commands within the test's own process. */
export function capturedHost(
  options: Partial<Pick<Host, "cwd" | "env" | "ask" | "signal">> & {
    readonly isTTY?: boolean;
    readonly columns?: number;
  } = {},
): CapturedHost {
  const texts = { stdout: "", stderr: "" };
  const { isTTY = false, columns = 80, cwd = "/", env = {}, ask, signal } = options;
  const output = (name: keyof typeof texts) => ({
    write: (text: string) => void (texts[name] += text),
    isTTY,
    columns,
  });
  return {
    cwd,
    env,
    stdout: output("stdout"),
    stderr: output("stderr"),
    ...(ask === undefined ? {} : { ask }),
    signal: signal ?? new AbortController().signal,
    printed: () => ({ ...texts }),
  };
}
