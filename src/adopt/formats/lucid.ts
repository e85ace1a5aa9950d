import type { FormatContext, MigrationFormat } from "./format.js";
import { connectedLines, uses } from "./knex.js";
import { migrationsOf, type Migration } from "./migrations.js";
import { downLines, headerLines, indented, upLines } from "./module-code.js";

/** Migrations of Lucid, AdonisJS's ORM, as ES modules. */
export const lucidFormat: MigrationFormat = {
  name: "lucid",
  packages: ["@adonisjs/lucid"],
  folder: "database/migrations",
  notes: [
    "Run node ace migration:run as ever. Migrations that cannot be in a transaction switch it off for themselves.",
  ],
  write(plan, context) {
    return migrationsOf(plan, context).map((migration) => ({
      path: `${context.folder}/${migration.date.getTime()}_${migration.name}.${context.module === "ts" || context.module === undefined ? "ts" : "js"}`,
      content: code(migration, context),
    }));
  },
};

function code(migration: Migration, { module = "ts", lockTimeoutMs }: FormatContext): string {
  const isTyped = module === "ts";
  const direction = (method: string, lines: readonly string[]) => [
    "",
    `  async ${method}() {`,
    ...(lines.length === 0
      ? []
      : [
          "    this.defer((db) =>",
          `      connected(db.getWriteClient(), async (${uses(lines)}) => {`,
          indented(lines, "        "),
          "      }),",
          "    );",
        ]),
    "  }",
  ];
  return `${[
    ...headerLines(migration),
    `import { BaseSchema } from "@adonisjs/lucid/schema";`,
    ...(isTyped ? [`import type { Knex } from "knex";`] : []),
    "",
    ...connectedLines(isTyped),
    "",
    "export default class extends BaseSchema {",
    ...(migration.kind === "transaction" ? [] : ["  static disableTransactions = true;"]),
    ...direction("up", upLines(migration, lockTimeoutMs)),
    ...direction("down", downLines(migration, lockTimeoutMs)),
    "}",
  ].join("\n")}\n`;
}
