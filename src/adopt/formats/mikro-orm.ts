import type { FormatContext, MigrationFormat } from "./format.js";
import { migrationsOf, stamp, type Migration } from "./migrations.js";
import { downLines, headerLines, indented, upLines } from "./module-code.js";

/** Migrations of MikroORM 6 and 7. */
export const mikroOrmFormat: MigrationFormat = {
  name: "mikro-orm",
  packages: ["@mikro-orm/core", "@mikro-orm/migrations", "@mikro-orm/postgresql"],
  folder: "migrations",
  notes: [
    "Run them with migrations: { allOrNothing: false }: MikroORM puts all that is pending in one transaction otherwise, in which no index can be built concurrently.",
    "After them, run mikro-orm migration:create once the entities are edited: it writes the snapshot it compares with, and should find nothing else to do.",
  ],
  write(plan, context) {
    return migrationsOf(plan, context).map((migration) => {
      const name = `Migration${stamp(migration.date)}_${migration.name}`;
      return {
        path: `${context.folder}/${name}.${context.module === "ts" || context.module === undefined ? "ts" : "js"}`,
        content: code(name, migration, context),
      };
    });
  },
};

const REFUSAL =
  "This migration cannot be in a transaction. Run the migrator with migrations: { allOrNothing: false }.";

function code(
  name: string,
  migration: Migration,
  { module = "ts", lockTimeoutMs }: FormatContext,
): string {
  const isTyped = module === "ts";
  const override = isTyped ? "override " : "";
  const direction = (method: string, lines: readonly string[]) => {
    const needsRows = lines.some((line) => line.includes("rows("));
    return [
      "",
      `  ${override}async ${method}()${isTyped ? ": Promise<void>" : ""} {`,
      ...(lines.length === 0
        ? []
        : [
            `    const run = (sql${isTyped ? ": string" : ""}) => this.execute(sql)${isTyped && needsRows ? " as Promise<Record<string, unknown>[]>" : ""};`,
            ...(needsRows ? ["    const rows = run;"] : []),
            // Within the transaction of all, an index built beside it would wait for it for ever.
            ...(migration.kind === "transaction"
              ? []
              : [
                  `    if (this.config.get("migrations").allOrNothing) throw new Error(${JSON.stringify(REFUSAL)});`,
                ]),
            indented(lines, "    "),
          ]),
      "  }",
    ];
  };
  return `${[
    ...headerLines(migration),
    module === "cjs"
      ? `const { Migration } = require("@mikro-orm/migrations");`
      : `import { Migration } from "@mikro-orm/migrations";`,
    "",
    `${module === "cjs" ? "" : "export "}class ${name} extends Migration {`,
    ...(migration.kind === "transaction"
      ? []
      : [
          `  ${override}isTransactional()${isTyped ? ": boolean" : ""} {`,
          "    return false;",
          "  }",
        ]),
    ...direction("up", upLines(migration, lockTimeoutMs)),
    ...direction("down", downLines(migration, lockTimeoutMs)),
    "}",
    ...(module === "cjs" ? ["", `module.exports = { ${name} };`] : []),
  ].join("\n")}\n`;
}
