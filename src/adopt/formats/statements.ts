import { quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import { PartywallError } from "../../errors.js";
import type { Batches, Step } from "../step.js";

const DEFAULT_LOCK_TIMEOUT_MS = 2000;
/** How much of a table one batch goes through; about four thousand usual rows. */
export const BLOCKS_PER_BATCH = 64;

/** What a transaction begins with, so that a step never has the application queue behind it for long. */
export const lockTimeoutSql = (milliseconds = DEFAULT_LOCK_TIMEOUT_MS) =>
  `set local lock_timeout = ${milliseconds}`;

/** The statements of a step; one that may be refused for want of a right passes over the refusal, with a warning. */
export function statementsOf(step: Step): string[] {
  if (step.mayBeRefused !== true) return [...step.sql];
  return step.sql.map((sql) => {
    const warning = `Refused for want of a right: ${step.title}`;
    return dollarQuoted(
      (body) => `do ${body}`,
      `begin
  execute ${quoteLiteral(sql)};
exception when insufficient_privilege then
  raise warning '%', ${quoteLiteral(warning)};
end`,
    );
  });
}

/** What takes steps back, the last first. */
export const downOf = (steps: readonly Step[]) =>
  steps.toReversed().flatMap(({ down }) => down ?? []);

/** The tables that hold a table's rows: itself, its partitions, its children. Gives `name` and `blocks`. */
export const familySql = ({ table }: Batches) => `with recursive family(oid) as (
  select ${quoteLiteral(table)}::pg_catalog.regclass::pg_catalog.oid
  union select i.inhrelid from pg_catalog.pg_inherits i join family f on i.inhparent = f.oid)
select pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
  pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::bigint as blocks
from family f join pg_catalog.pg_class c on c.oid = f.oid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' order by c.oid`;

/**
 * Fills the rows between two blocks of a table, and gives how many it `filled` and how many of these are `stuck`, which
 * what they were given leaves to be filled. Every row that waits is filled once, so a batch can be repeated.
 */
export function batchSql(
  { table, set, where }: Batches,
  name: string,
  from: string,
  to: string,
): string {
  // Under the name of the table that the plan names, by which its expressions may call it.
  const alias = /(?:"(?:[^"]|"")*"|[^".]+)$/.exec(table)?.[0] ?? table;
  return `with changed as (
  update only ${name} as ${alias} set ${set}
  where ctid >= '(${from},0)'::pg_catalog.tid and ctid < '(${to},0)'::pg_catalog.tid and (${where})
  returning (${where}) as stuck)
select pg_catalog.count(*) as filled, pg_catalog.count(*) filter (where stuck) as stuck from changed`;
}

/** Whether rows are left to be filled, as `left_over`. */
export const leftSql = ({ table, where }: Batches) =>
  `select exists (select from ${table} where ${where}) as left_over`;

/** What is said where rows cannot be filled. */
export const stuckMessage = ({ table }: Batches) =>
  `Rows of ${table} are still to be filled after they were: what they are given is null, or a trigger takes it back. Mend that and run this again.`;

/** The whole of a backfill as one statement: in batches that are committed one by one, or in the transaction under way. */
export function backfillSql(batches: Batches, isCommitting: boolean): string {
  const update = batchSql(
    { ...batches, set: percent(batches.set), where: percent(batches.where) },
    "%1$s",
    "%2$s",
    "%3$s",
  );
  return dollarQuoted(
    (body) => `do ${body}`,
    `declare
  member record;
  block bigint;
  filled bigint;
  stuck bigint;
  total bigint;
  left_over boolean;
begin
  loop
    total := 0;
    for member in
${familySql(batches).replaceAll(/^/gm, "      ")}
    loop
      block := 0;
      while block < member.blocks loop
        execute pg_catalog.format(${quoteLiteral(update)}, member.name, block, block + ${BLOCKS_PER_BATCH}) into filled, stuck;
        if stuck > 0 then
          raise exception '%', ${quoteLiteral(stuckMessage(batches))};
        end if;
        total := total + filled;
        block := block + ${BLOCKS_PER_BATCH};${isCommitting ? "\n        commit;" : ""}
      end loop;
    end loop;
    execute ${quoteLiteral(leftSql(batches))} into left_over;
    exit when not left_over;
    if total = 0 then
      raise exception '%', ${quoteLiteral(stuckMessage(batches))};
    end if;
  end loop;
end`,
  );
}

const percent = (text: string) => text.replaceAll("%", "%%");

// A tag that the text does not hold.
function dollarQuoted(frame: (body: string) => string, text: string): string {
  let tag = "$partywall$";
  for (let n = 1; text.includes(tag); n += 1) tag = `$partywall${n}$`;
  return frame(`${tag}\n${text}\n${tag}`);
}

/** A statement as it can run within a transaction, at the price of blocking writes for as long as it takes. */
export function withinTransaction(sql: string): string {
  const plain = sql.replace(
    /^(\s*(?:create\s+(?:unique\s+)?index|drop\s+index|reindex\s+\w+))\s+concurrently\b/i,
    "$1",
  );
  if (plain !== sql) return plain;
  throw new PartywallError(
    "PW_CONFIG",
    `The plan has a statement that no transaction takes (${sql.slice(0, 60)}…), and this migrator runs all in one. Adopt the database with partywall adopt, or write the plan as SQL.`,
  );
}
