import { createHash } from "node:crypto";
import { PartywallError } from "../../errors.js";
import { PHASES } from "../step.js";
import type { FormatContext, GeneratedFile, MigrationFormat } from "./format.js";
import { migrationsOf } from "./migrations.js";
import { sqlComments } from "./sql.js";
import { backfillSql, lockTimeoutSql, statementsOf, withinTransaction } from "./statements.js";

const JOURNAL = "meta/_journal.json";
const BREAKPOINT = "--> statement-breakpoint";

interface Journal {
  readonly version: string;
  readonly dialect: string;
  readonly entries: readonly {
    readonly idx: number;
    readonly version: string;
    readonly when: number;
    readonly tag: string;
    readonly breakpoints: boolean;
  }[];
}

/**
 * Migrations of drizzle-kit 0.31, whose migrator runs all that is pending in one transaction. They are for databases
 * without load, a new one or a developer's: indexes are built plainly. A live database is adopted by `partywall adopt`,
 * and the file `partywall_adopted.sql` tells Drizzle so.
 */
export const drizzleFormat: MigrationFormat = {
  name: "drizzle",
  packages: ["drizzle-orm", "drizzle-kit"],
  folder: "drizzle",
  notes: [
    "Drizzle's migrator runs all that is pending in one transaction, so these migrations lock every table until they are done. Use them for databases without load.",
    "Adopt a live database with partywall adopt run, then run partywall_adopted.sql in it, by which Drizzle takes these migrations for applied.",
    "drizzle-kit 1.0 takes them over with drizzle-kit up.",
  ],
  write(plan, context) {
    const journal = readJournal(context);
    const migrations = migrationsOf(plan, context);
    const last = journal.entries.at(-1);
    // Drizzle runs what is younger than the youngest that it has run.
    const from = Math.max(context.timestamp.getTime(), (last?.when ?? 0) + 1);
    const phases = PHASES.filter((phase) =>
      migrations.some((migration) => migration.phase === phase),
    );
    const written = phases.map((phase, at) => {
      const idx = (last?.idx ?? -1) + 1 + at;
      const own = migrations.filter((migration) => migration.phase === phase);
      const statements = own.flatMap((migration) =>
        migration.steps.flatMap((step) => {
          const sql = step.batches
            ? [backfillSql(step.batches, false)]
            : step.transaction
              ? statementsOf(step)
              : statementsOf(step).map(withinTransaction);
          return sql.map(
            (one, first) =>
              `${first === 0 ? `${sqlComments({ ...migration, steps: [step] }).join("\n")}\n` : ""}${one};`,
          );
        }),
      );
      const tag = `${String(idx).padStart(4, "0")}_${context.name.replaceAll(/\W+/g, "_")}_${phase}`;
      const content = `${[`${lockTimeoutSql(context.lockTimeoutMs)};`, ...statements].join(`\n${BREAKPOINT}\n`)}\n`;
      return { idx, tag, when: from + at, content };
    });
    const entries = written.map(({ idx, tag, when }) => ({
      idx,
      version: "7",
      when,
      tag,
      breakpoints: true,
    }));
    const end = written.at(-1);
    return [
      ...written.map(({ tag, content }) => ({ path: `${context.folder}/${tag}.sql`, content })),
      ...(end && context.snapshot
        ? [
            {
              path: `${context.folder}/meta/${String(end.idx).padStart(4, "0")}_snapshot.json`,
              content: `${JSON.stringify(context.snapshot, undefined, 2)}\n`,
            },
          ]
        : []),
      {
        path: `${context.folder}/${JOURNAL}`,
        content: `${JSON.stringify({ ...journal, entries: [...journal.entries, ...entries] }, undefined, 2)}\n`,
      },
      adopted(context, written),
    ];
  },
};

function readJournal({ existing }: FormatContext): Journal {
  const text = existing?.(JOURNAL);
  if (text === undefined) return { version: "7", dialect: "postgresql", entries: [] };
  try {
    const journal = JSON.parse(text) as Journal;
    if (journal.dialect === "postgresql" && Array.isArray(journal.entries)) return journal;
  } catch (error) {
    throw unreadable(error);
  }
  throw unreadable(undefined);
}

function unreadable(cause: unknown) {
  return new PartywallError(
    "PW_CONFIG",
    `Drizzle's ${JOURNAL} is not a journal of PostgreSQL migrations. Give the folder that \`out\` of drizzle.config.ts names.`,
    { cause },
  );
}

// By the hash of its file and its date Drizzle knows a migration again.
function adopted(
  { folder }: FormatContext,
  written: readonly { readonly content: string; readonly when: number; readonly tag: string }[],
): GeneratedFile {
  const rows = written.map(({ content, when }) => {
    const hash = createHash("sha256").update(content).digest("hex");
    return `  ('${hash}', ${when})`;
  });
  return {
    path: `${folder}/partywall_adopted.sql`,
    content: `-- Run this once in a database that partywall adopt has changed: Drizzle then takes the migrations for applied.
create schema if not exists drizzle;
create table if not exists drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
insert into drizzle.__drizzle_migrations (hash, created_at)
select hash, created_at from (values
${rows.join(",\n")}
) adopted (hash, created_at)
where not exists (select from drizzle.__drizzle_migrations m where m.hash = adopted.hash);
`,
  };
}
