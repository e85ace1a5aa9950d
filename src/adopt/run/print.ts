import { PartywallError } from "../../errors.js";
import { quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import type { AdoptionPlan } from "../plan.js";
import type { Phase, Step } from "../step.js";
import { estimateStep, strongestLock } from "./estimate.js";
import { dollarTag, printBackfill } from "./print-backfill.js";
import { runSettings, type RunAdoptionOptions } from "./run-options.js";
import { assertRunnable, orderedSteps } from "./runnable.js";

/** What of a plan is printed. */
export interface PrintAdoptionOptions {
  /** One phase; default all. */
  readonly phase?: Phase;
  /** The lock_timeout to print, in milliseconds; default 2000. */
  readonly lockTimeoutMs?: number;
  /** Rows in one batch of a backfill; default 5000. */
  readonly batchRows?: number;
}

/**
 * Prints a plan as plain SQL, for a migrator or for psql, phase by phase: before each step its title, its strongest
 * lock and an estimate of its time. The script keeps no journal and does not try again by itself: where a statement
 * does not get its lock in time, run that step again. Throws `PW_CONFIG` for a plan with obstacles.
 *
 * @example
 * ```ts
 * import { writeFile } from "node:fs/promises";
 * import pg from "pg";
 * import { planAdoption, printAdoption } from "partywall/adopt";
 *
 * const client = new pg.Client(process.env["MIGRATION_URL"]);
 * await client.connect();
 * const plan = await planAdoption(client, {
 *   roles: { app: "shop_app", system: "shop_system" },
 *   tenant: "7f0c3c1e-5d0e-4a52-9f0e-0d3c5f1b2a34",
 * });
 * await writeFile("001-expand.sql", printAdoption(plan, { phase: "expand" }));
 * await client.end();
 * ```
 */
export function printAdoption(plan: AdoptionPlan, options: PrintAdoptionOptions = {}): string {
  assertRunnable(plan);
  const { phase, ...rest } = options;
  const settings: RunAdoptionOptions = { ...rest, ...(phase && { phases: [phase] }) };
  const { phases, lockTimeoutMs, batchRows } = runSettings(settings, "printAdoption()");
  const steps = orderedSteps(plan);
  const parts = phases.flatMap((one) => {
    const own = steps.filter((step) => step.phase === one);
    if (own.length === 0) return [];
    const printed = own.map((step) =>
      [
        `-- ${steps.indexOf(step) + 1}/${steps.length} ${comment(step.id)}: ${comment(step.title)}`,
        `-- ${about(step)}`,
        print(step, lockTimeoutMs, batchRows),
      ].join("\n"),
    );
    return [`-- Phase ${one}: ${own.length} step(s).`, ...printed].join("\n\n");
  });
  return `${[HEAD, ...parts].join("\n\n")}\n`;
}

const HEAD = `-- Stop at the first error: psql -v ON_ERROR_STOP=1 -f this-file.sql. Not as one transaction: some statements
-- refuse to run in one. A step that did not get its lock in time (55P03) has changed nothing: run it again.
set standard_conforming_strings = on;`;

/** A text that stays within its line, whatever a name in it holds. */
const comment = (text: string) => text.replaceAll(/\s+/g, " ");

function about(step: Step): string {
  const lock = strongestLock(step);
  const tables = step.locks.filter(({ mode }) => mode === lock).map(({ table }) => comment(table));
  return `Lock: ${lock === undefined ? "none on tables" : `${lock} on ${tables.join(", ")}`}. About ${duration(estimateStep(step).milliseconds)}.`;
}

function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${milliseconds} ms`;
  if (milliseconds < 120_000) return `${Math.round(milliseconds / 1000)} s`;
  return `${Math.round(milliseconds / 60_000)} min`;
}

function print(step: Step, lockTimeoutMs: number, batchRows: number): string {
  if (step.batches !== undefined) return printBackfill(step.batches, lockTimeoutMs, batchRows);
  const statements = step.sql.map((sql) =>
    step.mayBeRefused === true ? forgiving(sql) : terminated(sql),
  );
  if (step.transaction) {
    return ["begin;", `set local lock_timeout = ${lockTimeoutMs};`, ...statements, "commit;"].join(
      "\n",
    );
  }
  return [
    ...(step.repair ?? []).map(
      (sql) => `-- After an attempt that was cut short, first: ${comment(sql)};`,
    ),
    `set lock_timeout = ${lockTimeoutMs};`,
    ...statements,
    "reset lock_timeout;",
  ].join("\n");
}

/** A statement that the login may lack the right to run; then it is said, and the script goes on. */
function forgiving(sql: string): string {
  const body = `begin
  execute ${quoteLiteral(sql)};
exception when insufficient_privilege then
  raise warning using message = ${quoteLiteral(`not permitted: ${comment(sql)}`)};
end`;
  return `do ${dollarTag(body)} ${body} ${dollarTag(body)};`;
}

/** A statement with its semicolon, on a line of its own where the statement ends in a comment. */
function terminated(sql: string): string {
  if (sql.includes("\0")) {
    throw new PartywallError("PW_CONFIG", "A statement of the adoption plan holds a NUL.");
  }
  return /--[^\n]*$/.test(sql) ? `${sql}\n;` : `${sql};`;
}
