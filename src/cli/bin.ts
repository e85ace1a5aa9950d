#!/usr/bin/env node
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { Interruption, type Host, type Output } from "./host.js";
import { runProgram } from "./program.js";

const interruption = new AbortController();

function output(stream: NodeJS.WriteStream): Output {
  const write = stream.write.bind(stream);
  return {
    write: (text) => void write(text),
    // Undefined where it is a file or a pipe, whatever its type says.
    isTTY: stream.isTTY === true,
    get columns() {
      // A terminal that does not know its width says 0.
      return stream.columns || 80;
    },
  };
}

async function ask(question: string, signal: AbortSignal): Promise<string> {
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  // While it reads, the terminal's Ctrl-C comes to it and to nobody else.
  reader.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  try {
    return await reader.question(question, { signal });
  } finally {
    reader.close();
  }
}

const host: Host = {
  cwd: process.cwd(),
  env: process.env,
  stdout: output(process.stdout),
  stderr: output(process.stderr),
  ...(process.stdin.isTTY && process.stderr.isTTY ? { ask } : {}),
  signal: interruption.signal,
  reserveStdout: () => {
    process.stdout.write = process.stderr.write.bind(process.stderr);
  },
  onFault: (handle) => void process.on("uncaughtException", (error) => process.exit(handle(error))),
};

for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    const reason = new Interruption(name);
    // The second time, whoever presses has waited long enough.
    if (interruption.signal.aborted) process.exit(reason.exitCode);
    interruption.abort(reason);
  });
}

// Whoever reads may have seen enough, as `head` has.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

/** Waits until a stream has taken what was written to it, whoever it is reserved for. */
function drained(stream: Writable): Promise<void> {
  const write = Writable.prototype.write.bind(stream) as (
    text: string,
    done: () => void,
  ) => boolean;
  return new Promise((done) => void write("", done));
}

async function main(): Promise<void> {
  const code = await runProgram(process.argv.slice(2), host);
  await Promise.all([drained(process.stdout), drained(process.stderr)]);
  // The application's modules may have opened what nobody here can close.
  process.exit(code);
}

void main();
