import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { ROOT, runNode } from "../house/run.js";

/** How a run of the command ended. */
export interface CliOutcome {
  readonly code: number | NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run of the command that goes on. */
export interface CliRun {
  readonly child: ChildProcess;
  /** Waits until a text was printed on either stream. Rejects when the process ends first. */
  printed(text: string): Promise<void>;
  readonly ended: Promise<CliOutcome>;
}

/** An application in a folder of its own, with the built package installed. */
export interface Project {
  readonly folder: string;
  /** The environment of every run; may be filled. */
  readonly env: Record<string, string>;
  /** Texts that no run may print; may be filled. */
  readonly secrets: string[];
  /** Writes a file of the application. */
  write(path: string, text: string): Promise<void>;
  read(path: string): Promise<string>;
  /** Starts the real command in a process of its own. */
  start(args: readonly string[], env?: Record<string, string>): CliRun;
  /** Runs it to its end. */
  run(args: readonly string[], env?: Record<string, string>): Promise<CliOutcome>;
  remove(): Promise<void>;
}

/** Builds the package as it is published and installs it into an empty application. Remove it in `afterAll`. */
export async function createProject(): Promise<Project> {
  const folder = await mkdtemp(join(tmpdir(), "partywall-cli-"));
  const installed = join(folder, "node_modules", "partywall");
  await mkdir(installed, { recursive: true });
  const compiler = `${ROOT}node_modules/typescript/bin/tsc`;
  const out = ["--outDir", join(installed, "dist")];
  // What the types are worth is told elsewhere, and takes longer.
  const built = await runNode([compiler, "-p", `${ROOT}tsconfig.build.json`, "--noCheck", ...out]);
  if (built.code !== 0) throw new Error(built.output);
  const manifest = await readFile(`${ROOT}package.json`, "utf8");
  await writeFile(join(installed, "package.json"), manifest);
  const { dependencies } = JSON.parse(manifest) as { dependencies: Record<string, string> };
  for (const name of [...Object.keys(dependencies), "pg"]) {
    await mkdir(dirname(join(folder, "node_modules", name)), { recursive: true });
    await symlink(`${ROOT}node_modules/${name}`, join(folder, "node_modules", name));
  }
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const bin = join(installed, "dist", "cli", "bin.js");

  const project: Project = {
    folder,
    env: {},
    secrets: [],
    async write(path, text) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    },
    read: (path) => readFile(join(folder, path), "utf8"),
    start: (args, env = {}) => startCli(bin, args, project, env),
    run: (args, env) => project.start(args, env).ended,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
  return project;
}

function startCli(
  bin: string,
  args: readonly string[],
  project: Project,
  env: Record<string, string>,
): CliRun {
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: project.folder,
    env: { PATH: process.env["PATH"], ...project.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const texts = { stdout: "", stderr: "" };
  const looking = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      texts[name] += chunk;
      for (const look of looking) look();
    });
  }
  const ended = new Promise<CliOutcome>((done, fail) => {
    child.once("error", fail);
    child.once("close", (code, signal) => done({ code: signal ?? code, ...texts }));
  }).then((outcome) => {
    // Whatever a test is about, no run prints a secret.
    for (const secret of project.secrets) {
      expect(outcome.stdout + outcome.stderr).not.toContain(secret);
    }
    return outcome;
  });
  return {
    child,
    ended,
    printed: (text) =>
      new Promise((done, fail) => {
        const look = (): void => {
          if (`${texts.stdout}${texts.stderr}`.includes(text)) done();
        };
        looking.add(look);
        look();
        void ended.then(
          ({ stdout, stderr }) => fail(new Error(`ended without "${text}":\n${stdout}${stderr}`)),
          fail,
        );
      }),
  };
}
