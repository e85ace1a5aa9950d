import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { runProgram } from "../../../src/cli/program.js";
import { capturedHost } from "../captured-host.js";

/** Files by their paths. */
export type Files = Readonly<Record<string, string>>;

/** How a run of `partywall init` ended. */
export interface InitOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What `--json` printed. */
  readonly data: InitData;
}

/** The slice of what `--json` prints that tests look at. */
export interface InitData {
  readonly state: string;
  readonly applied: boolean;
  readonly detection: {
    readonly framework: { readonly value?: string; readonly candidates: readonly string[] };
    readonly orm: { readonly value?: string; readonly candidates: readonly string[] };
    readonly driver: { readonly value?: string; readonly candidates: readonly string[] };
    readonly typescript: boolean;
    readonly modules: string;
    readonly packageManager: string;
    readonly migrations?: string;
    readonly clients: readonly {
      readonly path: string;
      readonly line: number;
      readonly text: string;
      readonly purpose: string;
    }[];
    readonly unread: readonly string[];
  };
  readonly changes: readonly {
    readonly path: string;
    readonly action: string;
    readonly diff: string;
  }[];
  readonly generated: readonly { readonly path: string; readonly variables: readonly string[] }[];
  readonly manual: readonly {
    readonly path?: string;
    readonly line?: number;
    readonly why: string;
    readonly before?: string;
    readonly after: string;
  }[];
  readonly notices: readonly string[];
  readonly next: readonly { readonly what: string; readonly command?: string }[];
}

/** A folder with an application. */
export interface Folder {
  readonly path: string;
  write(files: Files): Promise<void>;
  read(path: string): Promise<string>;
  /** Every file, without what Git keeps for itself. */
  all(): Promise<Record<string, string>>;
  git(...args: string[]): string;
  /** Makes a repository of it and commits everything. */
  commit(): void;
  /** Runs `partywall init` in it. */
  init(args?: readonly string[], host?: Parameters<typeof capturedHost>[0]): Promise<InitOutcome>;
  remove(): Promise<void>;
}

/** An application of these files in a folder of its own. Remove it in `afterEach`. */
export async function folderWith(files: Files): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), "partywall-init-"));
  const folder: Folder = {
    path,
    async write(more) {
      for (const [name, text] of Object.entries(more)) {
        await mkdir(dirname(join(path, name)), { recursive: true });
        await writeFile(join(path, name), text);
      }
    },
    read: (name) => readFile(join(path, name), "utf8"),
    async all() {
      const entries = await readdir(path, { recursive: true, withFileTypes: true });
      const found: Record<string, string> = {};
      for (const entry of entries) {
        const file = join(entry.parentPath, entry.name);
        const name = relative(path, file);
        if (entry.isFile() && !name.startsWith(".git/"))
          found[name] = await readFile(file, "latin1");
      }
      return found;
    },
    git: (...args) => execFileSync("git", args, { cwd: path, encoding: "utf8", stdio: "pipe" }),
    commit() {
      folder.git("init", "--quiet");
      folder.git("add", "--all");
      const author = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com"];
      folder.git(...author, "commit", "--quiet", "--allow-empty", "-m", "the application");
    },
    async init(args = [], options = {}) {
      const host = capturedHost({ cwd: path, ...options });
      const code = await runProgram(["init", ...args], host);
      const { stdout, stderr } = host.printed();
      const data = (stdout.startsWith("{") ? JSON.parse(stdout) : {}) as InitData;
      return { code, stdout, stderr, data };
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
  await folder.write(files);
  return folder;
}

/** A `package.json` with these packages among its dependencies. */
export function manifest(
  packages: readonly string[],
  more: Readonly<Record<string, unknown>> = { type: "module" },
): string {
  const dependencies = Object.fromEntries(
    packages.map((name) => {
      const at = name.lastIndexOf("@");
      return at > 0 ? [name.slice(0, at), name.slice(at + 1)] : [name, "*"];
    }),
  );
  return JSON.stringify({ name: "shop", ...more, dependencies });
}
