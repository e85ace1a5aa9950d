import type { FormatContext, MigrationFormat } from "./format.js";
import { migrationsOf, type Migration } from "./migrations.js";
import { downLines, headerLines, indented, upLines } from "./module-code.js";

/** Migrations of TypeORM 0.3 and 1. */
export const typeormFormat: MigrationFormat = {
  name: "typeorm",
  packages: ["typeorm"],
  folder: "src/migrations",
  notes: [
    'Run them with migrationsTransactionMode: "each" (typeorm migration:run --transaction each): in the default mode, one transaction for all, TypeORM refuses migrations that switch it off.',
  ],
  write(plan, context) {
    return migrationsOf(plan, context).map((migration) => ({
      path: `${context.folder}/${migration.date.getTime()}-${migration.name.replaceAll("_", "-")}.${context.module === "ts" || context.module === undefined ? "ts" : "js"}`,
      content: code(migration, context),
    }));
  },
};

function code(migration: Migration, { module = "ts", lockTimeoutMs }: FormatContext): string {
  const isTyped = module === "ts";
  const parameter = isTyped ? "queryRunner: QueryRunner): Promise<void>" : "queryRunner)";
  // TypeORM orders migrations by the time at the end of their classes' names.
  const name = `${pascalCase(migration.name)}${migration.date.getTime()}`;
  const direction = (method: string, lines: readonly string[]) => [
    "",
    `  async ${method}(${parameter} {`,
    `    const run = (sql${isTyped ? ": string" : ""}) => queryRunner.query(sql);`,
    ...(lines.some((line) => line.includes("rows(")) ? ["    const rows = run;"] : []),
    ...(lines.length === 0 ? [] : [indented(lines, "    ")]),
    "  }",
  ];
  return `${[
    ...headerLines(migration),
    ...(isTyped ? [`import type { MigrationInterface, QueryRunner } from "typeorm";`, ""] : []),
    `${module === "cjs" ? "" : "export "}class ${name}${isTyped ? " implements MigrationInterface" : ""} {`,
    `  name = ${JSON.stringify(name)};`,
    ...(migration.kind === "transaction" ? [] : ["  transaction = false;"]),
    ...direction("up", upLines(migration, lockTimeoutMs)),
    ...direction("down", downLines(migration, lockTimeoutMs)),
    "}",
    ...(module === "cjs" ? ["", `module.exports = { ${name} };`] : []),
  ].join("\n")}\n`;
}

/** A migration's name as that of a class. */
const pascalCase = (name: string) =>
  name
    .replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase())
    .replace(/^(?=\d)/, "M");
