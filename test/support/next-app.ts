import { execFile, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort } from "./free-port.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
// What the application imports, and what Next.js looks for where it is written in TypeScript.
const PACKAGES = "next react react-dom pg typescript @types/node @types/react".split(" ");
const QUIET = { NEXT_TELEMETRY_DISABLED: "1", NO_COLOR: "1", FORCE_COLOR: "0" };

/** A Next.js application that has been built in a folder of its own. */
export interface NextApp {
  readonly folder: string;
  /** What the build printed. */
  readonly printed: string;
  /** Serves it on this machine. Rejects with its output when it ends first. */
  start(options?: StartOptions): Promise<NextServer>;
  /** Removes the folder. */
  remove(): void;
}

/** How a Next.js application is served. */
export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A free one unless told, or 0. */
  readonly port?: number;
  /** Whether with `next dev`, which compiles what is asked for and again what was edited. */
  readonly dev?: boolean;
}

/** A Next.js application that is being served. */
export interface NextServer {
  readonly port: number;
  /** Calls back with everything printed so far, and then with what is printed. */
  onOutput(listener: (text: string) => void): void;
  stop(): Promise<void>;
}

/**
 * Builds the application in `source` with Partywall as it is now: a copy in a temporary folder, since Next.js writes where it
 * builds. Rejects with what the build printed when it fails.
 */
export async function buildNext(source: string): Promise<NextApp> {
  const folder = mkdtempSync(join(tmpdir(), "partywall-next-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const node = async (...args: string[]) => {
    const env = { ...process.env, ...QUIET, NODE_ENV: "production" as const };
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, env });
    return stdout;
  };
  const next = join(ROOT, "node_modules/next/dist/bin/next");
  try {
    // Its paths lead to the sources; Next.js writes one of its own.
    const isConfig = (file: string) => file === join(source, "tsconfig.json");
    cpSync(source, folder, { recursive: true, filter: (file) => !isConfig(file) });
    const own = join(folder, "node_modules/partywall");
    mkdirSync(own, { recursive: true });
    for (const name of PACKAGES) {
      const link = join(folder, "node_modules", name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(ROOT, "node_modules", name), link, "junction");
    }
    cpSync(join(ROOT, "package.json"), join(own, "package.json"));
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    await node(tsc, "-p", join(ROOT, "tsconfig.build.json"), "--outDir", join(own, "dist"));
    const printed = await node(next, "build");
    return { folder, printed, remove, start: (options) => start(next, folder, options) };
  } catch (error) {
    remove();
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`the application in ${source} was not built:\n${stdout}\n${stderr}`, {
      cause: error,
    });
  }
}

async function start(
  next: string,
  folder: string,
  { env = {}, port: wanted = 0, dev = false }: StartOptions = {},
): Promise<NextServer> {
  const port = wanted === 0 ? await freePort() : wanted;
  const args = [next, dev ? "dev" : "start", "-H", "127.0.0.1", "-p", String(port)];
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { ...process.env, ...QUIET, NODE_ENV: dev ? "development" : "production", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const listeners = new Set<(text: string) => void>();
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  await new Promise<void>((ready, failed) => {
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        for (const listener of listeners) listener(text);
        if (output.includes("Ready in")) ready();
      });
    void ended.then(() => failed(new Error(`Next.js ended:\n${output}`)));
  });
  return {
    port,
    onOutput: (listener) => {
      listener(output);
      listeners.add(listener);
    },
    stop: () => {
      child.kill();
      return ended;
    },
  };
}
