import type { GeneratedFile, MigrationFormat } from "./format.js";
import { migrationsOf, stamp, type Migration } from "./migrations.js";
import { sqlComments } from "./sql.js";
import { backfillSql, lockTimeoutSql, statementsOf } from "./statements.js";

/**
 * Migrations of Prisma Migrate. It sends a file as one script: several statements are a transaction by that, and what
 * no transaction takes stands alone in its file.
 */
export const prismaFormat: MigrationFormat = {
  name: "prisma",
  packages: ["prisma", "@prisma/client"],
  folder: "prisma/migrations",
  notes: [
    "Run prisma migrate deploy. Where it fails for a lock, run prisma migrate resolve --rolled-back <migration>, then deploy again; an index that was left invalid has to be dropped first.",
    "Prisma has no migrations that take one back.",
    "prisma migrate dev builds a shadow database from the migrations. It needs the logins of the application to exist on its server, and a login that may create schemas.",
  ],
  write(plan, context) {
    return migrationsOf(plan, context).flatMap((migration) =>
      parts(migration).map(({ suffix, statements }): GeneratedFile => ({
        path: `${context.folder}/${stamp(migration.date)}_${migration.name}${suffix}/migration.sql`,
        content: `${[
          ...sqlComments(migration),
          ...(migration.kind === "transaction"
            ? [lockTimeoutSql(context.lockTimeoutMs), ...statements]
            : statements
          ).map((sql) => `${sql};`),
        ].join("\n")}\n`,
      })),
    );
  },
};

function parts({ kind, steps }: Migration) {
  const statements = steps.flatMap((step) =>
    step.batches ? [backfillSql(step.batches, true)] : statementsOf(step),
  );
  if (kind === "transaction") return [{ suffix: "", statements }];
  return statements.map((sql, at) => ({
    suffix: statements.length === 1 ? "" : `_${at + 1}`,
    statements: [sql],
  }));
}
