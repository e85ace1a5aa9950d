import type { FormatContext, MigrationFormat } from "./format.js";
import { migrationsOf, stamp, type Migration } from "./migrations.js";
import { downLines, headerLines, indented, upLines } from "./module-code.js";

/** Migrations of Sequelize 6 and 7, for Umzug (whose context is the query interface) and for sequelize-cli. */
export const sequelizeFormat: MigrationFormat = {
  name: "sequelize",
  packages: ["sequelize", "@sequelize/core", "umzug", "sequelize-cli"],
  folder: "migrations",
  notes: [
    "Umzug must be given the query interface as its context: new Umzug({ context: sequelize.getQueryInterface(), … }).",
    "sequelize-cli loads CommonJS alone: have the files written as such.",
  ],
  write(plan, context) {
    const { module = "ts" } = context;
    const extension = module === "ts" ? "ts" : module === "cjs" ? "cjs" : "mjs";
    return migrationsOf(plan, context).map((migration) => ({
      path: `${context.folder}/${stamp(migration.date)}-${migration.name}.${context.module === "cjs" ? "js" : extension}`,
      content: code(migration, context),
    }));
  },
};

function code(migration: Migration, { module = "ts", lockTimeoutMs }: FormatContext): string {
  const isTyped = module === "ts";
  const isAtomic = migration.kind === "transaction";
  const exported = module === "cjs" ? "" : "export ";
  const direction = (name: string, lines: readonly string[]) => {
    const needsRows = lines.some((line) => line.includes("rows("));
    const helpers = [
      `const run = (sql${isTyped ? ": string" : ""}) => sequelize.query(sql${isAtomic ? ", { transaction }" : ""});`,
      ...(needsRows
        ? [
            `const rows = async (sql${isTyped ? ": string" : ""}) => (await run(sql))[0]${isTyped ? " as Record<string, unknown>[]" : ""};`,
          ]
        : []),
    ];
    const body = lines.length === 0 ? [] : [...helpers, ...lines];
    return [
      "",
      `${exported}async function ${name}(given${isTyped ? ": Given" : ""}) {`,
      // Umzug hands over the query interface as its context, sequelize-cli as it is.
      `  const { sequelize } = "context" in given ? given.context : given;`,
      ...(body.length > 0 && isAtomic
        ? [
            `  await sequelize.transaction(async (transaction) => {`,
            indented(body, "    "),
            "  });",
          ]
        : body.length > 0
          ? [indented(body, "  ")]
          : []),
      "}",
    ];
  };
  return `${[
    ...headerLines(migration),
    ...(isTyped
      ? [
          `import type { QueryInterface } from "sequelize";`,
          "",
          "type Given = QueryInterface | { readonly context: QueryInterface };",
        ]
      : []),
    ...direction("up", upLines(migration, lockTimeoutMs)),
    ...direction("down", downLines(migration, lockTimeoutMs)),
    ...(module === "cjs" ? ["", "module.exports = { up, down };"] : []),
  ].join("\n")}\n`;
}
