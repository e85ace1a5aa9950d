import { spawn, type ChildProcess } from "node:child_process";
import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { freePort } from "../support/free-port.js";

/** What an application answered. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  /** The answer, where it is JSON. */
  readonly json: unknown;
}

/** An application in a process of its own. */
export interface Served {
  /** Asks at a tenant's address, or at the domain above them all. */
  ask(
    path: string,
    slug?: string,
    sent?: { readonly method: string; readonly body?: unknown },
  ): Promise<Answer>;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();

/** Starts the application in a folder as its own `npm start` does. Rejects with what it printed where it ends at once. */
export async function serve(folder: string): Promise<Served> {
  const port = await freePort();
  const { scripts } = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as {
    scripts: { start: string };
  };
  const [, ...args] = scripts.start.split(" ");
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { PATH: process.env["PATH"], PORT: String(port) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  void ended.then(() => running.delete(child));
  let printed = "";
  await new Promise<void>((done, fail) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk: string) => {
        printed += chunk;
        if (printed.includes("listening")) done();
      });
    }
    void ended.then(() => fail(new Error(`the application ended:\n${printed}`)));
  });
  return {
    ask: (path, slug, { method, body } = { method: "GET" }) =>
      new Promise((done, fail) => {
        const host = `${slug === undefined ? "" : `${slug}.`}localhost:${port}`;
        const type = body === undefined ? {} : { "content-type": "application/json" };
        const asked = request(
          // Not every resolver knows *.localhost.
          { host: "127.0.0.1", port, path, method, agent: false, headers: { host, ...type } },
          (response) => {
            let text = "";
            response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
            response.on("end", () => {
              const isJson = /json/.test(response.headers["content-type"] ?? "");
              done({
                status: response.statusCode!,
                text,
                json: isJson ? (JSON.parse(text) as unknown) : undefined,
              });
            });
            response.on("error", fail);
          },
        );
        asked.on("error", fail);
        asked.end(body === undefined ? undefined : JSON.stringify(body));
      }),
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** Ends what a failed test left running. */
export async function endLeftOver(): Promise<void> {
  await Promise.all(
    [...running].map(
      (child) =>
        new Promise<void>((done) => {
          child.once("close", () => done());
          child.kill("SIGKILL");
        }),
    ),
  );
}
