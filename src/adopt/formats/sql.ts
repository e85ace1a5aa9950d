import type { Migration } from "./migrations.js";
import type { GeneratedFile, MigrationFormat } from "./format.js";
import { migrationsOf, stamp } from "./migrations.js";
import { backfillSql, downOf, lockTimeoutSql, statementsOf } from "./statements.js";

/** Comment lines for people, which no letter of a title can end early. */
export const sqlComments = ({ steps }: Migration) =>
  steps.map(({ title }) => `-- ${title.replaceAll(/[\r\n]+/g, " ")}`);

/** Plain SQL: a file for each migration, to be run in order, and one that takes it back where it can be. */
export const sqlFormat: MigrationFormat = {
  name: "sql",
  packages: [],
  folder: "migrations",
  notes: [
    "Run the files in the order of their names, each as it is: psql -v ON_ERROR_STOP=1 -f <file>, without --single-transaction.",
  ],
  write(plan, context) {
    return migrationsOf(plan, context).flatMap((migration): GeneratedFile[] => {
      const path = `${context.folder}/${stamp(migration.date)}_${migration.name}`;
      const file = (suffix: string, statements: readonly string[]): GeneratedFile => ({
        path: `${path}${suffix}`,
        content: `${[...sqlComments(migration), ...statements.map((sql) => `${sql};`)].join("\n")}\n`,
      });
      const frame = (statements: readonly string[]) =>
        migration.kind === "transaction"
          ? ["begin", lockTimeoutSql(context.lockTimeoutMs), ...statements, "commit"]
          : statements;
      return [
        file(".sql", frame(upStatements(migration))),
        ...(migration.isReversible ? [file(".down.sql", frame(downOf(migration.steps)))] : []),
      ];
    });
  },
};

/** The statements of a migration, where nothing but SQL can be written. */
function upStatements({ steps }: Migration): string[] {
  return steps.flatMap((step) => [
    // What an attempt left that was cut short.
    ...(step.transaction ? [] : (step.repair ?? [])),
    ...(step.batches ? [backfillSql(step.batches, true)] : statementsOf(step)),
  ]);
}
