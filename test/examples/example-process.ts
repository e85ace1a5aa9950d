import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Account } from "../support/unprivileged-account.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** An example, such as the music shop, as a process of its own. */
export interface ExampleProcess {
  readonly pid: number;
  /** Everything printed so far, errors included. */
  output(): string;
  /** Waits until a text was printed. Rejects with all output when the process ends first. */
  printed(text: string): Promise<void>;
  /** The printed `curl` line whose comment begins so. */
  line(comment: string): string;
  kill(signal: NodeJS.Signals): void;
  /** The exit code, or the signal it ended by. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

const running = new Set<ExampleProcess>();

/** Starts the music shop as `npm start` does, with these flags. */
export function startShop(flags: readonly string[], account?: Account): ExampleProcess {
  return startExample("music-shop", flags, account);
}

/** Starts an example, with these flags, as a process of its own. */
export function startExample(
  name: string,
  flags: readonly string[] = [],
  account?: Account,
): ExampleProcess {
  const child = spawn(process.execPath, ["--import", "tsx", `examples/${name}/main.ts`, ...flags], {
    cwd: ROOT,
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], TMPDIR: process.env["TMPDIR"] },
    stdio: ["ignore", "pipe", "pipe"],
    ...(account && { uid: account.uid, gid: account.gid }),
  });
  let output = "";
  const looking = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      for (const look of looking) look();
    });
  }
  const ended = new Promise<number | NodeJS.Signals | null>((done) => {
    child.once("close", (code, signal) => done(signal ?? code));
  });
  const shop: ExampleProcess = {
    pid: child.pid!,
    output: () => output,
    ended,
    kill: (signal) => void child.kill(signal),
    printed: (text) =>
      new Promise((done, fail) => {
        const look = () => {
          if (!output.includes(text)) return;
          looking.delete(look);
          done();
        };
        looking.add(look);
        look();
        void ended.then(() => fail(new Error(`it ended before it printed "${text}":\n${output}`)));
      }),
    line: (comment) => {
      const lines = output.split("\n");
      const line = lines[lines.findIndex((one) => one.startsWith(`# ${comment}`)) + 1];
      if (line?.startsWith("curl ") !== true)
        throw new Error(`no line for "${comment}":\n${output}`);
      return line;
    },
  };
  running.add(shop);
  void ended.then(() => running.delete(shop));
  return shop;
}

/** Ends what a failed test left running. */
export async function endLeftOver(): Promise<void> {
  await Promise.all(
    [...running].map((shop) => {
      shop.kill("SIGTERM");
      return shop.ended;
    }),
  );
}

/** What the shop answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly json: unknown;
}

/** Does what a printed `curl` line does. */
export function ask(curl: string): Promise<Answer> {
  const words = [...curl.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, bare]) => single ?? double ?? bare ?? "",
  );
  const headers: Record<string, string> = {};
  let url: URL | undefined;
  let body: string | undefined;
  const query: [string, string][] = [];
  for (let at = 1; at < words.length; at += 1) {
    const word = words[at]!;
    if (word === "-G") continue;
    if (!word.startsWith("-")) {
      url = new URL(word);
      continue;
    }
    at += 1;
    const value = words[at]!;
    const split = value.indexOf(word === "-H" ? ":" : "=");
    const [name, rest] = [value.slice(0, split), value.slice(split + 1).trimStart()];
    if (word === "-H") headers[name] = rest;
    else if (word === "-d") body = value;
    else if (word === "--data-urlencode") query.push([name, rest]);
    else throw new Error(`a curl line with ${word}, which nobody here understands`);
  }
  if (url === undefined) throw new Error(`a curl line without an address: ${curl}`);
  for (const [name, value] of query) url.searchParams.append(name, value);
  return send(url, { headers, ...(body !== undefined && { body }) });
}

/** Sends a request to this machine, whatever host its address names: not every resolver knows *.localhost. */
export function send(
  url: URL,
  { headers = {}, body }: { headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((done, fail) => {
    const asked = request(
      {
        host: "127.0.0.1",
        port: url.port,
        path: url.pathname + url.search,
        method: body === undefined ? "GET" : "POST",
        headers: { ...headers, host: url.host },
        agent: false,
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.on("end", () => {
          let json: unknown;
          try {
            json = JSON.parse(text);
          } catch {
            json = undefined;
          }
          done({ status: response.statusCode!, headers: response.headers, text, json });
        });
        response.on("error", fail);
      },
    );
    asked.on("error", fail);
    asked.end(body);
  });
}

/** Every process whose command line names the folder: the shop, its PostgreSQL, their watcher. */
export function processesOf(folder: string): string[] {
  let pids: string[];
  try {
    pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    const listed = execFileSync("ps", ["-A", "-o", "pid=,command="], { encoding: "utf8" });
    return listed.split("\n").filter((line) => line.includes(folder));
  }
  return pids.flatMap((pid) => {
    try {
      // Empty for one that has ended and was not reaped.
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      return command.includes(folder) ? [`${pid} ${command}`] : [];
    } catch {
      return [];
    }
  });
}

/** Throws when processes of the folder remain. What was killed leaves its database a moment to end. */
export async function assertNoneLeft(folder: string): Promise<void> {
  for (let waited = 0; processesOf(folder).length > 0; waited += 200) {
    if (waited >= 20_000) throw new Error(`left running: ${processesOf(folder).join("\n")}`);
    await sleep(200);
  }
}
