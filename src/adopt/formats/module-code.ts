import type { Migration } from "./migrations.js";
import {
  batchSql,
  BLOCKS_PER_BATCH,
  downOf,
  familySql,
  leftSql,
  lockTimeoutSql,
  statementsOf,
  stuckMessage,
} from "./statements.js";
import type { Batches, Step } from "../step.js";

/** Text as a template literal that evaluates to it. Every letter that such a literal reads differently is escaped. */
function templateLiteral(text: string): string {
  const escaped = text
    .replaceAll(/[\\`]|\$(?=\{)/g, String.raw`\$&`)
    .replaceAll("\r", String.raw`\r`)
    // A tree of files may be encoded anew on its way; half a character would not survive that.
    .replaceAll(
      /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g,
      (half) => `\\u${half.charCodeAt(0).toString(16)}`,
    );
  return `\`${escaped}\``;
}

/**
 * The body of a migration's `up`, in which `run(sql)` sends a statement and `rows(sql)` gives what one answers.
 *
 * @param lockTimeoutMs how long to wait for a lock within a transaction
 */
export function upLines(migration: Migration, lockTimeoutMs: number | undefined): string[] {
  const { kind, steps } = migration;
  if (kind === "standalone") return steps.flatMap(standaloneLines);
  if (kind === "batches")
    return steps.flatMap(({ batches }) => (batches ? batchLines(batches) : []));
  return sending([lockTimeoutSql(lockTimeoutMs), ...steps.flatMap(statementsOf)]);
}

/** The body of a migration's `down`. */
export function downLines(migration: Migration, lockTimeoutMs: number | undefined): string[] {
  if (!migration.isReversible) {
    return [
      `throw new Error(${JSON.stringify("This step of putting the application behind the wall is not taken back. Restore the database from a backup instead.")});`,
    ];
  }
  const statements = downOf(migration.steps);
  if (migration.kind !== "transaction" || statements.length === 0) return sending(statements);
  return sending([lockTimeoutSql(lockTimeoutMs), ...statements]);
}

const sending = (statements: readonly string[]) =>
  statements.map((sql) => `await run(${templateLiteral(sql)});`);

function standaloneLines(step: Step): string[] {
  const own = sending([...(step.repair ?? []), ...step.sql]);
  if (step.done === undefined) return own;
  return [
    "// An attempt that was cut short is cleared away first.",
    `const [state] = await rows(${templateLiteral(step.done)});`,
    "if (state?.done !== true) {",
    ...own.map((line) => `  ${line}`),
    "}",
  ];
}

function batchLines(batches: Batches): string[] {
  // Unicode assigns these to nothing, so no text of a schema has them.
  const hole = (name: string) => `\u{10FFFE}${name}\u{10FFFF}`;
  // What varies is put where the template literal's own holes are, after the text around it has been escaped.
  const update = templateLiteral(
    batchSql(batches, hole("name"), hole("block"), hole("end")),
  ).replaceAll(/\u{10FFFE}(\w+)\u{10FFFF}/gu, "${$1}");
  const stuck = `throw new Error(${JSON.stringify(stuckMessage(batches))});`;
  return [
    "// A batch at a time, each committed by itself. Run again, it goes on with the rows that are left.",
    "for (;;) {",
    "  let filled = 0;",
    `  for (const { name, blocks } of await rows(${templateLiteral(familySql(batches))})) {`,
    `    for (let block = 0; block < Number(blocks); block += ${BLOCKS_PER_BATCH}) {`,
    `      const end = block + ${BLOCKS_PER_BATCH};`,
    `      const [batch] = await rows(${update});`,
    `      if (Number(batch?.stuck) > 0) ${stuck}`,
    "      filled += Number(batch?.filled);",
    "    }",
    "  }",
    `  const [rest] = await rows(${templateLiteral(leftSql(batches))});`,
    "  if (rest?.left_over !== true) break;",
    `  if (filled === 0) ${stuck}`,
    "}",
  ];
}

/** Lines that an indentation is put in front of; lines within a template literal stay as they are. */
export function indented(lines: readonly string[], indent: string): string {
  return lines.map((line) => `${indent}${line}`).join("\n");
}

/** What a file says of itself at its top. */
export function headerLines({ steps }: Migration, notes: readonly string[] = []): string[] {
  return [...steps.map(({ title }) => title), ...notes].map(
    (line) => `// ${line.replaceAll(/[\r\n\u2028\u2029]+/g, " ")}`,
  );
}
