import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  editDrizzleSchema,
  editKnexTypes,
  editKyselyTypes,
  editLucidModels,
  editMikroOrmSchema,
  editPrismaSchema,
  editSequelizeModels,
  editTypeormSchema,
  type AdoptedDatabase,
  type DrizzleCasing,
  type SchemaEdits,
  type SchemaNote,
  type SourceFile,
} from "../../adopt/index.js";
import { applyChanges, type FileChange } from "../init/apply-changes.js";
import { UsageError } from "../usage-error.js";
import { packagesOf } from "./migrations.js";

type Edit = (
  sources: readonly SourceFile[],
  database: AdoptedDatabase,
  casing: DrizzleCasing | undefined,
) => SchemaEdits | Promise<SchemaEdits>;

const EDITORS = {
  drizzle: editDrizzleSchema,
  prisma: editPrismaSchema,
  typeorm: editTypeormSchema,
  "mikro-orm": editMikroOrmSchema,
  sequelize: editSequelizeModels,
  kysely: editKyselyTypes,
  lucid: editLucidModels,
  knex: editKnexTypes,
} satisfies Record<string, Edit>;

type Orm = keyof typeof EDITORS;

// Those that stand on another's query builder come before it.
const PACKAGES: readonly (readonly [Orm, readonly string[]])[] = [
  ["prisma", ["@prisma/client", "prisma"]],
  ["drizzle", ["drizzle-orm"]],
  ["typeorm", ["typeorm"]],
  ["mikro-orm", ["@mikro-orm/core", "@mikro-orm/postgresql"]],
  ["lucid", ["@adonisjs/lucid"]],
  ["sequelize", ["sequelize", "@sequelize/core"]],
  ["kysely", ["kysely"]],
  ["knex", ["knex", "objection"]],
];

/** Edits of schema files, and what is left to a person. */
export interface SchemaFileEdits {
  readonly orm: Orm;
  readonly changes: readonly FileChange[];
  readonly notes: readonly SchemaNote[];
}

/**
 * Brings an application's schema files in line with an adopted database, and writes them where `apply` is set. Throws
 * {@link UsageError} where nothing tells the ORM, or a file is missing or not named.
 */
export async function editSchema(
  database: AdoptedDatabase,
  asked: {
    readonly root: string;
    readonly orm: Orm | undefined;
    readonly files: readonly string[];
    readonly casing: DrizzleCasing | undefined;
    readonly apply: boolean;
  },
): Promise<SchemaFileEdits> {
  const orm = asked.orm ?? ormOf(asked.root);
  const sources = asked.files.map((path) => {
    const content = contentOf(asked.root, path);
    if (content === undefined) {
      throw new UsageError(`--file names ${path}, which is not in ${asked.root}. Mend the path.`);
    }
    return { path, content };
  });
  // Knex needs no file to know a table.
  if (sources.length === 0 && orm !== "knex") {
    throw new UsageError(
      `The schema files of ${orm} were not named. Add --file <file>, once for each.`,
    );
  }
  const edit: Edit = EDITORS[orm];
  const { files, notes } = await edit(sources, database, asked.casing);
  const changes = files
    .map(({ path, content }) => ({ path, before: contentOf(asked.root, path), after: content }))
    .filter(({ before, after }) => before !== after);
  if (asked.apply) applyChanges(asked.root, changes);
  return { orm, changes, notes };
}

function contentOf(root: string, path: string): string | undefined {
  const file = join(root, path);
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

function ormOf(root: string): Orm {
  const packages = packagesOf(root);
  const [orm] = PACKAGES.find(([, own]) => own.some((name) => packages.includes(name))) ?? [];
  if (orm !== undefined) return orm;
  throw new UsageError(
    `The package.json in ${root} names no ORM that is known. Add --orm <orm>: ${PACKAGES.map(([name]) => name).join(", ")}.`,
  );
}
