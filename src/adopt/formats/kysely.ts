import type { FormatContext, MigrationFormat } from "./format.js";
import { migrationsOf, stamp, type Migration } from "./migrations.js";
import { downLines, headerLines, indented, upLines } from "./module-code.js";

/** Migrations of Kysely 0.28 and later, as ES modules. */
export const kyselyFormat: MigrationFormat = {
  name: "kysely",
  packages: ["kysely"],
  folder: "migrations",
  notes: [
    "Run them with disableTransactions: true of the Migrator (kysely-ctl: migrations.disableTransactions): Kysely runs all that is pending in one transaction otherwise and has no switch for one migration. Each of these has its own transaction where it can have one.",
  ],
  write(plan, context) {
    return migrationsOf(plan, context).map((migration) => ({
      path: `${context.folder}/${stamp(migration.date)}_${migration.name}.${context.module === "ts" || context.module === undefined ? "ts" : "js"}`,
      content: code(migration, context),
    }));
  },
};

const REFUSAL =
  "This migration cannot be in a transaction. Run the Migrator with disableTransactions: true.";

function code(migration: Migration, { module = "ts", lockTimeoutMs }: FormatContext): string {
  const isTyped = module === "ts";
  const database = isTyped ? ": Kysely<unknown>" : "";
  const isAtomic = migration.kind === "transaction";
  const direction = (name: string, lines: readonly string[]) => {
    const needsRows = lines.some((line) => line.includes("rows("));
    const helpers = (db: string) => [
      `const run = (text${isTyped ? ": string" : ""}) => sql.raw${isTyped ? "<Record<string, unknown>>" : ""}(text).execute(${db});`,
      ...(needsRows
        ? [`const rows = async (text${isTyped ? ": string" : ""}) => (await run(text)).rows;`]
        : []),
    ];
    const header = [
      "",
      `export async function ${name}(db${database})${isTyped ? ": Promise<void>" : ""} {`,
    ];
    if (lines.length === 0) return [...header, "}"];
    if (!isAtomic) {
      return [
        ...header,
        `  if (db.isTransaction) throw new Error(${JSON.stringify(REFUSAL)});`,
        indented([...helpers("db"), ...lines], "  "),
        "}",
      ];
    }
    return [
      ...header,
      `  const work = async (within${database}) => {`,
      indented([...helpers("within"), ...lines], "    "),
      "  };",
      "  await (db.isTransaction ? work(db) : db.transaction().execute(work));",
      "}",
    ];
  };
  return `${[
    ...headerLines(migration),
    `import { sql${isTyped ? ", type Kysely" : ""} } from "kysely";`,
    ...direction("up", upLines(migration, lockTimeoutMs)),
    ...direction("down", downLines(migration, lockTimeoutMs)),
  ].join("\n")}\n`;
}
