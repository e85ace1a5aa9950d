import { existsSync } from "node:fs";
import { join } from "node:path";
import { keyOf, stringOf } from "../../adopt/schema-files/syntax.js";
import { UsageError } from "../usage-error.js";
import { candidatesOf, driverOf, frameworkOf, ormOf, type Finding } from "./choices.js";
import { findClients, siteOf, unreadable, type ClientNode, type ClientSite } from "./clients.js";
import {
  FRAMEWORK_PACKAGES,
  ORM_PACKAGES,
  TITLES,
  type Driver,
  type Framework,
  type Orm,
} from "./names.js";
import {
  folderWith,
  readManifest,
  readProject,
  readText,
  workspaceFolders,
  type Manifest,
} from "./project.js";
import { SourceFiles } from "./source-file.js";
import { modulesOf, type Modules } from "./style.js";
import { nodesOf } from "../../adopt/schema-files/tree.js";
import { readTypeScriptSettings, type TypeScriptSettings } from "./tsconfig.js";

/** What a project is made of. */
export interface Detection {
  readonly folder: string;
  readonly name: string | undefined;
  readonly framework: Finding<Framework>;
  readonly orm: Finding<Orm>;
  readonly driver: Finding<Driver>;
  readonly typescript: boolean;
  readonly modules: "esm" | "commonjs";
  readonly packageManager: "npm" | "pnpm" | "yarn" | "bun";
  /** Where clients and applications are constructed. */
  readonly clients: readonly ClientSite[];
  /** The folder that migrations are written to. */
  readonly migrations: string | undefined;
  /** The configuration that is there already. */
  readonly config: string | undefined;
  /** Files that may construct a client and could not be read. */
  readonly unread: readonly string[];
}

/** What a project is made of, with the sources it was found in. */
export interface Survey {
  readonly detection: Detection;
  readonly manifest: Manifest;
  readonly files: SourceFiles;
  readonly clients: readonly ClientNode[];
  readonly modules: Modules;
  readonly settings: TypeScriptSettings | undefined;
}

/** What a person says a project is made of, which is believed. */
export interface Overrides {
  readonly framework?: Framework | undefined;
  readonly orm?: Orm | undefined;
  readonly driver?: Driver | undefined;
}

const CONFIGS = ["ts", "mts", "js", "mjs"].map((ending) => `partywall.config.${ending}`);
const LOCKFILES = [
  ["pnpm-lock.yaml", "pnpm"],
  ["yarn.lock", "yarn"],
  ["bun.lock", "bun"],
  ["bun.lockb", "bun"],
  ["package-lock.json", "npm"],
] as const;
const MIGRATIONS = [
  "drizzle",
  "migrations",
  "db/migrations",
  "database/migrations",
  "src/migrations",
  "src/db/migrations",
  "prisma/migrations",
];

/**
 * Reads what the project in a folder is made of; executes nothing of it. Throws {@link UsageError} where the folder is no
 * application: without `package.json`, or the root of several packages.
 */
export async function surveyProject(folder: string, overrides: Overrides = {}): Promise<Survey> {
  const project = readProject(folder);
  const { manifest } = project;
  const files = await SourceFiles.of(project.sources);
  const clients = findClients(files);
  const settings = await readTypeScriptSettings(folder);
  const modules = modulesOf(
    files,
    manifest.type,
    settings,
    manifest.dependencies.has("typescript"),
  );
  const framework = frameworkOf(manifest, clients, overrides.framework);
  const orm = ormOf(manifest, clients, overrides.orm);
  const isApplication = orm.value !== "none" || framework.value !== "node" || clients.length > 0;
  if (manifest.workspaces.length > 0 && !isApplication) {
    throw severalPackages(folder, workspaceFolders(project));
  }
  const detection: Detection = {
    folder,
    name: manifest.name,
    framework,
    orm,
    driver: driverOf(manifest, clients, orm.value, overrides.driver),
    typescript: modules.typescript,
    modules: modules.system,
    packageManager: packageManagerOf(folder, manifest),
    clients: clients.map(siteOf),
    migrations: migrationsOf(folder, files),
    config: CONFIGS.find((name) => existsSync(join(folder, name))),
    unread: [...unreadable(files), ...project.unread],
  };
  return { detection, manifest, files, clients, modules, settings };
}

function severalPackages(folder: string, places: readonly string[]): UsageError {
  const applications = places.flatMap((place) => {
    const manifest = readManifest(join(folder, place));
    const parts = [
      ...candidatesOf(manifest, FRAMEWORK_PACKAGES),
      ...candidatesOf(manifest, ORM_PACKAGES),
    ];
    return parts.length === 0
      ? []
      : [`--cwd ${place} (${parts.map((part) => TITLES[part]).join(", ")})`];
  });
  return new UsageError(
    `${folder} holds several packages and is no application itself. ${applications.length === 0 ? "Name the application's folder with --cwd." : `Name one of them: ${applications.join(", ")}.`}`,
  );
}

function packageManagerOf(folder: string, manifest: Manifest): Detection["packageManager"] {
  const named = /^(npm|pnpm|yarn|bun)@/.exec(manifest.packageManager ?? "")?.[1];
  if (named !== undefined) return named as Detection["packageManager"];
  const nearest = LOCKFILES.flatMap(([file, manager]) => {
    const at = folderWith(file, folder);
    return at === undefined ? [] : [{ at, manager }];
  }).toSorted((a, b) => b.at.length - a.at.length)[0];
  return nearest?.manager ?? "npm";
}

function migrationsOf(folder: string, files: SourceFiles): string | undefined {
  const config = files.paths.find((path) => /^drizzle\.config\.[cm]?[jt]s$/.test(path));
  const file = config === undefined ? undefined : files.get(config);
  if (file !== undefined) {
    for (const node of nodesOf(file.program)) {
      if (node.type !== "ObjectExpression") continue;
      for (const property of node.properties) {
        if (property.type !== "ObjectProperty" || keyOf(property) !== "out") continue;
        const out = stringOf(property.value as Parameters<typeof stringOf>[0]);
        const path = out?.replace(/^\.\//, "").replace(/\/$/, "");
        if (path !== undefined && path !== "" && !/^(?:\/|\.\.)/.test(path)) return path;
      }
    }
    return "drizzle";
  }
  return MIGRATIONS.find((path) => existsSync(join(folder, path)));
}

/** The version of a package that is installed for a folder, or the least that its manifest asks for. */
export function versionOf(
  folder: string,
  { dependencies }: Manifest,
  name: string,
): readonly [number, number] | undefined {
  const at = folderWith(`node_modules/${name}/package.json`, folder);
  const text =
    at === undefined ? undefined : readText(join(at, "node_modules", name, "package.json"));
  const installed = /"version"\s*:\s*"(\d+)\.(\d+)/.exec(text ?? "");
  const range = installed ?? /(\d+)(?:\.(\d+))?/.exec(dependencies.get(name) ?? "");
  return range ? [Number(range[1]), Number(range[2] ?? 0)] : undefined;
}
