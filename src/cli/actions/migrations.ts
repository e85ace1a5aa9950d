import { existsSync, readFileSync } from "node:fs";
import { isAbsolute, join, relative, sep } from "node:path";
import { MIGRATION_FORMATS, type AdoptionPlan, type MigrationFormat } from "../../adopt/index.js";
import { applyChanges } from "../init/apply-changes.js";
import { UsageError } from "../usage-error.js";

/** Where migrations go, and whose they are. */
export interface MigrationTarget {
  readonly format: MigrationFormat;
  /** The application's folder, absolute. */
  readonly root: string;
  /** The migrations' folder, relative to it, with forward slashes. */
  readonly folder: string;
}

/**
 * Decides for which migrator migrations are written, and where. Throws {@link UsageError} where nothing tells the
 * migrator, or the folder lies outside the application.
 */
export function migrationTarget(asked: {
  readonly folder: string;
  readonly format: string | undefined;
  readonly out: string | undefined;
}): MigrationTarget {
  const packages = asked.format === undefined ? packagesOf(asked.folder) : [];
  const format = MIGRATION_FORMATS.find(({ name, packages: own }) =>
    asked.format === undefined ? own.some((one) => packages.includes(one)) : name === asked.format,
  );
  if (format === undefined) {
    throw new UsageError(
      `The package.json in ${asked.folder} names no migrator that is known. Add --format <format>: ${MIGRATION_FORMATS.map(({ name }) => name).join(", ")}.`,
    );
  }
  const out = asked.out ?? format.folder;
  const folder = isAbsolute(out) ? relative(asked.folder, out) : out;
  if (folder.startsWith("..") || isAbsolute(folder)) {
    throw new UsageError(
      `--out names ${out}, which is not in ${asked.folder}. Name a folder of the application, or another application with --cwd.`,
    );
  }
  return {
    format,
    root: asked.folder,
    folder: folder
      .split(sep)
      .join("/")
      .replace(/^\.\/|\/$/g, ""),
  };
}

/** The packages that an application asks for. */
export function packagesOf(folder: string): readonly string[] {
  const file = join(folder, "package.json");
  if (!existsSync(file)) return [];
  const manifest = JSON.parse(readFileSync(file, "utf8")) as Record<string, object | undefined>;
  return [
    ...Object.keys(manifest["dependencies"] ?? {}),
    ...Object.keys(manifest["devDependencies"] ?? {}),
  ];
}

/** What {@link writeMigrations} wrote, relative to the application. */
export interface WrittenMigrations {
  readonly format: string;
  readonly files: readonly string[];
  /** What a person has to set or do for them to run. */
  readonly notes: readonly string[];
}

/** Writes a plan as migrations, all files or none. Throws `PW_CONFIG` where one is there already. */
export function writeMigrations(
  plan: AdoptionPlan,
  { format, root, folder }: MigrationTarget,
  how: {
    readonly name: string;
    readonly timestamp: Date;
    readonly module?: "ts" | "esm" | "cjs" | undefined;
  },
): WrittenMigrations {
  const read = (path: string) => {
    const file = join(root, path);
    return existsSync(file) ? readFileSync(file, "utf8") : undefined;
  };
  const files = format.write(plan, {
    folder,
    name: how.name,
    timestamp: how.timestamp,
    ...(how.module !== undefined && { module: how.module }),
    existing: (path) => read(`${folder}/${path}`),
  });
  applyChanges(
    root,
    files.map(({ path, content }) => ({ path, before: read(path), after: content })),
  );
  return { format: format.name, files: files.map(({ path }) => path), notes: format.notes };
}
