import type { FormatContext, MigrationFormat } from "./format.js";
import { migrationsOf, stamp, type Migration } from "./migrations.js";
import { downLines, headerLines, indented, upLines } from "./module-code.js";

/** Migrations of Knex 3, also for Objection. */
export const knexFormat: MigrationFormat = {
  name: "knex",
  packages: ["knex", "objection"],
  folder: "migrations",
  notes: [
    "Run knex migrate:latest as ever. Migrations that cannot be in a transaction switch it off for themselves.",
  ],
  write(plan, context) {
    return migrationsOf(plan, context).map((migration) => ({
      path: `${context.folder}/${stamp(migration.date)}_${migration.name}.${context.module === "ts" || context.module === undefined ? "ts" : "js"}`,
      content: code(migration, context),
    }));
  },
};

function code(migration: Migration, { module = "ts", lockTimeoutMs }: FormatContext): string {
  const isTyped = module === "ts";
  const parameter = isTyped ? "knex: Knex): Promise<void>" : "knex)";
  const exported = module === "cjs" ? "" : "export ";
  const direction = (name: string, lines: readonly string[]) => [
    "",
    `${exported}async function ${name}(${parameter} {`,
    ...(lines.length === 0
      ? []
      : [
          indented([`await connected(knex, async (${uses(lines)}) => {`], "  "),
          indented(lines, "    "),
          "  });",
        ]),
    "}",
  ];
  return `${[
    ...headerLines(migration),
    ...(isTyped ? [`import type { Knex } from "knex";`] : []),
    ...(migration.kind === "transaction"
      ? []
      : ["", `${exported}const config = { transaction: false };`]),
    "",
    ...connectedLines(isTyped),
    ...direction("up", upLines(migration, lockTimeoutMs)),
    ...direction("down", downLines(migration, lockTimeoutMs)),
    ...(module === "cjs"
      ? ["", `module.exports = { ${migration.kind === "transaction" ? "" : "config, "}up, down };`]
      : []),
  ].join("\n")}\n`;
}

/** The parameters of what works on a connection: those that its lines use. */
export const uses = (lines: readonly string[]) =>
  lines.some((line) => line.includes("rows(")) ? "run, rows" : "run";

/** A function that lends the connection under Knex, whose raw() would take a question mark in SQL for a binding. */
export function connectedLines(isTyped: boolean): string[] {
  const row = "Record<string, unknown>";
  const types = isTyped
    ? [
        "async function connected(",
        "  knex: Knex,",
        `  work: (run: (sql: string) => Promise<unknown>, rows: (sql: string) => Promise<${row}[]>) => Promise<void>,`,
        "): Promise<void> {",
      ]
    : ["async function connected(knex, work) {"];
  return [
    "// The connection itself, since raw() takes a question mark in SQL for a binding.",
    ...types,
    "  const connection = await knex.client.acquireConnection();",
    "  try {",
    `    const run = (sql${isTyped ? ": string" : ""}) => connection.query(sql);`,
    `    await work(run, async (sql) => (await run(sql)).rows);`,
    "  } finally {",
    "    await knex.client.releaseConnection(connection);",
    "  }",
    "}",
  ];
}
