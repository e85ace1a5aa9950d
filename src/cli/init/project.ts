import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { UsageError } from "../usage-error.js";

/** What `package.json` says that matters here. */
export interface Manifest {
  readonly name: string | undefined;
  readonly type: "module" | "commonjs";
  /** Dependencies of every sort, with the range that is asked for. */
  readonly dependencies: ReadonlyMap<string, string>;
  /** Patterns of the folders of its workspaces. */
  readonly workspaces: readonly string[];
  readonly packageManager: string | undefined;
}

/** A folder with an application, as its files are; nothing of it is executed. */
export interface Project {
  readonly folder: string;
  readonly manifest: Manifest;
  /** Text of every source file by its path, which is relative and written with slashes. */
  readonly sources: ReadonlyMap<string, string>;
  /** Source files that were left out, because they are no UTF-8 or larger than source is. */
  readonly unread: readonly string[];
}

const SOURCE = /\.[cm]?[jt]sx?$/;
const DECLARATIONS = /\.d\.[cm]?ts$/;
// What is built, fetched or measured, and not written by anybody.
const SKIPPED = new Set([
  "node_modules",
  "bower_components",
  "dist",
  "build",
  "out",
  "coverage",
  "vendor",
  "public",
  "generated",
]);
const LARGEST = 1 << 20;
const MOST_FILES = 20_000;

/** Reads the project in a folder. Throws {@link UsageError} where the folder has no `package.json` that can be read. */
export function readProject(folder: string): Project {
  const manifest = readManifest(folder);
  const sources = new Map<string, string>();
  const unread: string[] = [];
  for (const path of sourcePaths(folder)) {
    const text = readText(join(folder, path));
    if (text === undefined) unread.push(path);
    else sources.set(path, text);
  }
  return { folder, manifest, sources, unread };
}

/** The manifest of a folder. Throws {@link UsageError} where it is missing or no JSON object. */
export function readManifest(folder: string): Manifest {
  const file = join(folder, "package.json");
  if (!existsSync(file)) {
    throw new UsageError(
      `There is no package.json in ${folder}. Run this in the application's folder, or name it with --cwd.`,
    );
  }
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new UsageError(`${file} is no JSON. Mend it.`, { cause });
  }
  if (typeof data !== "object" || data === null) {
    throw new UsageError(`${file} holds no JSON object. Mend it.`);
  }
  const manifest = data as Record<string, unknown>;
  const dependencies = new Map<string, string>();
  for (const key of [
    "peerDependencies",
    "optionalDependencies",
    "devDependencies",
    "dependencies",
  ]) {
    for (const [name, range] of Object.entries(manifest[key] ?? {})) {
      dependencies.set(name, String(range));
    }
  }
  return {
    name: textOr(manifest["name"]),
    type: manifest["type"] === "module" ? "module" : "commonjs",
    dependencies,
    workspaces: [...workspacesOf(manifest["workspaces"]), ...pnpmWorkspaces(folder)],
    packageManager: textOr(manifest["packageManager"]),
  };
}

function textOr(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function workspacesOf(value: unknown): string[] {
  const list = Array.isArray(value)
    ? value
    : ((value as { packages?: unknown } | undefined)?.packages ?? []);
  return Array.isArray(list) ? list.filter((one) => typeof one === "string") : [];
}

// The entries of `packages:`; what else YAML could say there nobody writes.
function pnpmWorkspaces(folder: string): string[] {
  const text = readText(join(folder, "pnpm-workspace.yaml")) ?? "";
  const list = /^packages:[ \t]*\r?\n((?:[ \t]*(?:-.*|#.*)?\r?\n?)*)/m.exec(text)?.[1] ?? "";
  return [...list.matchAll(/^[ \t]*-[ \t]*["']?([^"'#\r\n]+?)["']?[ \t]*(?:#.*)?$/gm)].map(
    (found) => found[1]!,
  );
}

/** The folders of a project's workspaces that hold a package, relative to it. */
export function workspaceFolders({ folder, manifest }: Project): string[] {
  const found = new Set<string>();
  for (const pattern of manifest.workspaces) {
    if (pattern.startsWith("!")) continue;
    const parts = pattern
      .replace(/^\.\//, "")
      .split("/")
      .filter((part) => part !== "");
    for (const path of matching(folder, parts)) found.add(path);
  }
  return [...found].toSorted();
}

// Folders by the two wildcards that workspaces are written with.
function matching(folder: string, [first, ...rest]: readonly string[], at = ""): string[] {
  const here = join(folder, at);
  if (first === undefined) return existsSync(join(here, "package.json")) ? [at] : [];
  if (!first.includes("*")) return matching(folder, rest, at === "" ? first : `${at}/${first}`);
  const pattern = new RegExp(
    `^${first.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll(/\*+/g, ".*")}$`,
  );
  const inside = foldersIn(here).filter((name) => pattern.test(name));
  const deeper =
    first === "**"
      ? inside.flatMap((name) => matching(folder, [first, ...rest], pathOf(at, name)))
      : [];
  return [...inside.flatMap((name) => matching(folder, rest, pathOf(at, name))), ...deeper];
}

function foldersIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !isSkipped(entry.name))
    .map(({ name }) => name);
}

const pathOf = (at: string, name: string): string => (at === "" ? name : `${at}/${name}`);
const isSkipped = (name: string): boolean => name.startsWith(".") || SKIPPED.has(name);

/** The source files below a folder: no links, nothing built, and nothing of another package. */
function sourcePaths(folder: string): string[] {
  const found: string[] = [];
  const visit = (at: string): void => {
    const entries = readdirSync(join(folder, at), { withFileTypes: true }).toSorted((a, b) =>
      a.name < b.name ? -1 : 1,
    );
    if (at !== "" && entries.some(({ name }) => name === "package.json")) return;
    for (const entry of entries) {
      const path = pathOf(at, entry.name);
      if (entry.isDirectory()) {
        if (!isSkipped(entry.name)) visit(path);
      } else if (entry.isFile() && SOURCE.test(entry.name) && !DECLARATIONS.test(entry.name)) {
        found.push(path);
      }
      if (found.length > MOST_FILES) {
        throw new UsageError(
          `${folder} holds more than ${MOST_FILES} source files, so it is hardly one application. Name the application's folder with --cwd.`,
        );
      }
    }
  };
  visit("");
  return found;
}

/** The text of a regular file; undefined where there is none, or it is no UTF-8 or larger than source is. */
export function readText(file: string): string | undefined {
  const state = lstatSync(file, { throwIfNoEntry: false });
  if (state === undefined || !state.isFile() || state.size > LARGEST) return undefined;
  try {
    // A byte-order mark stays, so that an edited file begins as it began.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(file));
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** The nearest folder, from one upwards, that holds an entry of this name. */
export function folderWith(name: string, from: string): string | undefined {
  for (let at = from; ; at = dirname(at)) {
    if (existsSync(join(at, name))) return at;
    if (dirname(at) === at) return undefined;
  }
}
