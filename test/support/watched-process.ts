import { spawn, type ChildProcess } from "node:child_process";
import type { Writable } from "node:stream";
import type { Account } from "./unprivileged-account.js";

/**
 * A watcher holds the other end of a pipe: when the pipe closes without a word (this process ended, even by SIGKILL)
 * it stops the program and removes the temporary data. `exec` lets the program keep the shell's process id; the
 * watcher is a grandchild, so that the postmaster never sees it among its own children.
 */
const WATCHED = `
  ( ( read said <&3 || {
        kill -INT $$
        # Not for ever: where process 1 reaps nobody, an ended process can still be signalled.
        tries=0
        while kill -0 $$ && [ $tries -lt 50 ]; do sleep 0.2; tries=$((tries + 1)); done
        set -f; IFS='
'
        rm -rf $PARTYWALL_REMOVE
      } ) & ) >/dev/null 2>&1
  exec "$0" "$@" 3<&-`;

/**
 * Runs a program that cannot outlive this process, as `account` or as this process's own account. When it had to be
 * stopped by the watcher, the folders in `removing` are removed.
 */
export function runWatched(
  program: string,
  args: readonly string[],
  account: Account | undefined,
  removing: readonly string[] = [],
): ChildProcess {
  const child = spawn("/bin/sh", ["-c", WATCHED, program, ...args], {
    ...(account && { uid: account.uid, gid: account.gid }),
    // "/" because the account may not be allowed into the current folder; own session so that Ctrl-C reaches us only.
    cwd: "/",
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"] ?? "",
      TZ: "UTC",
      LC_ALL: "C",
      PARTYWALL_REMOVE: removing.join("\n"),
    },
  });
  const lifeline = child.stdio[3] as Writable;
  lifeline.on("error", () => {});
  child.once("exit", () => lifeline.end("ended\n"));
  return child;
}

/** Collects what a program prints; the returned function gives the last 4000 characters. */
export function logOf(child: ChildProcess): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => (text = (text + chunk).slice(-4000)));
  }
  return () => text.trim();
}

/** Ends a server: politely, then at once, then by force; waits until it has ended. */
export async function endProcess(child: ChildProcess, exited: Promise<void>): Promise<void> {
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    child.kill(signal);
    const patience = new AbortController();
    const timer = new Promise<void>((done) => {
      const handle = setTimeout(done, 10_000);
      patience.signal.addEventListener("abort", () => (clearTimeout(handle), done()));
    });
    await Promise.race([exited, timer]);
    patience.abort();
  }
  await exited;
}
