import { execFileSync } from "node:child_process";
import { folderWith } from "./project.js";

/** What Git says of a folder. */
export interface GitState {
  /** `none` outside a repository, `unknown` where Git is missing or refuses. */
  readonly tree: "none" | "clean" | "dirty" | "unknown";
}

/** Whether a folder's repository has changes that are not committed, new files included. */
export function gitState(folder: string): GitState {
  if (folderWith(".git", folder) === undefined) return { tree: "none" };
  const status = git(folder, ["status", "--porcelain"]);
  if (status === undefined) return { tree: "unknown" };
  return { tree: status.output === "" && status.code === 0 ? "clean" : "dirty" };
}

/** Whether Git would never take a file of the folder into the repository. Untracked alone is not ignored. */
export function isGitIgnored(folder: string, path: string): boolean {
  if (folderWith(".git", folder) === undefined) return false;
  return git(folder, ["check-ignore", "--quiet", "--", path])?.code === 0;
}

function git(
  folder: string,
  args: readonly string[],
): { readonly code: number; readonly output: string } | undefined {
  const { GIT_DIR: _dir, GIT_WORK_TREE: _tree, GIT_INDEX_FILE: _index, ...env } = process.env;
  try {
    // A repository's own configuration could name a program as its file-system monitor.
    const output = execFileSync("git", ["-c", "core.fsmonitor=false", ...args], {
      cwd: folder,
      env: { ...env, GIT_OPTIONAL_LOCKS: "0", LC_ALL: "C" },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      maxBuffer: 1 << 26,
    });
    return { code: 0, output };
  } catch (error) {
    const { status } = error as { readonly status?: number | null };
    return status === 1 ? { code: 1, output: "" } : undefined;
  }
}
