import { quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import type { Batches } from "../step.js";
import { baseName } from "./block-walk.js";

const MOST_PASSES = 100;

/**
 * A backfill as a DO block that commits each batch, which PostgreSQL allows outside a transaction only. Rows that others
 * have locked are come back to; where rows are left at the end it raises.
 */
export function printBackfill(batches: Batches, lockTimeoutMs: number, batchRows: number): string {
  const body =
    batches.key.length > 0 ? keyBlock(batches, batchRows) : blockBlock(batches, batchRows);
  const tag = dollarTag(body);
  return [
    "-- Triggers of the table fire for the rows that are filled. A superuser keeps them quiet by running this first:",
    "-- set session_replication_role = replica; it leaves foreign keys on the filled columns unchecked, too.",
    `set lock_timeout = ${lockTimeoutMs};`,
    // A plan made for any number of rows would be one for a few.
    "set plan_cache_mode = force_custom_plan;",
    `do ${tag}\n${body}\n${tag};`,
    "reset plan_cache_mode;",
    "reset lock_timeout;",
  ].join("\n");
}

/** A dollar quote that its body does not hold. */
export function dollarTag(body: string): string {
  for (let at = 0; ; at += 1) {
    const tag = `$adopt${at === 0 ? "" : at}$`;
    if (!body.includes(tag)) return tag;
  }
}

/** The passes around one pass's statements. */
function passes(
  { table, where }: Batches,
  declarations: readonly string[],
  pass: readonly string[],
): string {
  const left = `select from ${table} where (${where})`;
  return [
    "#variable_conflict use_column",
    "declare",
    ...[...declarations, "partywall_tables oid[]", "partywall_rows tid[]"].map(
      (line) => `  ${line};`,
    ),
    "begin",
    `  for partywall_pass in 1 .. ${MOST_PASSES} loop`,
    ...pass.map((line) => `    ${line}`),
    `    exit when not exists (${left});`,
    "    commit;",
    "    perform pg_catalog.pg_sleep(least(partywall_pass, 10));",
    "  end loop;",
    `  if exists (${left}) then`,
    `    raise exception using message = ${quoteLiteral(`rows of ${table} are still to be filled: others keep them locked, or what they are given is null`)};`,
    "  end if;",
    "end",
  ].join("\n");
}

/** The rows whose tables and addresses are in two arrays. */
const LOCKED = (tables: string, addresses: string) =>
  `(tableoid, ctid) in (select * from rows from (pg_catalog.unnest(${tables}), pg_catalog.unnest(${addresses})) l)`;

// Column types are the table's own, so the key is compared as its index compares it.
function keyBlock(batches: Batches, batchRows: number): string {
  const { table, key, set, where } = batches;
  const columns = key.join(", ");
  const row = key.length === 1 ? columns : `(${columns})`;
  const names = (prefix: string) => key.map((_, at) => `partywall_${prefix}_${at + 1}`);
  const at = (prefix: string) => {
    const list = names(prefix).join(", ");
    return key.length === 1 ? list : `(${list})`;
  };
  const fill = (condition: string) => {
    const which = `${condition} and (${where})`;
    return [
      `select pg_catalog.array_agg(t), pg_catalog.array_agg(r) into partywall_tables, partywall_rows from (select tableoid as t, ctid as r from ${table} where ${which} for update skip locked) l;`,
      `update ${table} set ${set} where ${which} and ${LOCKED("partywall_tables", "partywall_rows")};`,
      "commit;",
    ];
  };
  const declarations = ["from", "to"].flatMap((prefix) =>
    names(prefix).map((name, index) => `${name} ${table}.${key[index]}%type`),
  );
  return passes(batches, declarations, [
    `select ${columns} into ${names("from").join(", ")} from ${table} order by ${columns} limit 1;`,
    "if found then loop",
    `  select ${columns} into ${names("to").join(", ")} from ${table} where ${row} >= ${at("from")} order by ${columns} offset ${batchRows} limit 1;`,
    "  if not found then",
    ...fill(`${row} >= ${at("from")}`).map((line) => `    ${line}`),
    "    exit;",
    "  end if;",
    ...fill(`${row} >= ${at("from")} and ${row} < ${at("to")}`).map((line) => `  ${line}`),
    ...names("from").map((name, index) => `  ${name} := ${names("to")[index]};`),
    "  perform pg_catalog.pg_sleep(0.01);",
    "end loop; end if;",
  ]);
}

function blockBlock(batches: Batches, batchRows: number): string {
  const { table, set, where } = batches;
  // A block holds some sixty rows of an ordinary table.
  const blocks = Math.max(1, Math.round(batchRows / 60));
  const alias = baseName(table);
  const which = `ctid >= $1 and ctid < $2 and (${where})`;
  const dynamic = (before: string, after: string) =>
    `execute ${quoteLiteral(before)} || partywall_member.name || ${quoteLiteral(` as ${alias} ${after}`)}`;
  const ends = ["partywall_block", `partywall_block + ${blocks}`]
    .map((block) => `pg_catalog.format('(%s,0)', ${block})::pg_catalog.tid`)
    .join(", ");
  return passes(
    batches,
    ["partywall_member record", "partywall_block bigint"],
    [
      "for partywall_member in",
      `  with recursive family as (select ${quoteLiteral(table)}::pg_catalog.regclass::pg_catalog.oid as oid`,
      "    union select i.inhrelid from family f join pg_catalog.pg_inherits i on i.inhparent = f.oid)",
      "  select pg_catalog.format('%I.%I', n.nspname, c.relname) as name, pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::bigint as blocks",
      "  from family f join pg_catalog.pg_class c on c.oid = f.oid join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'",
      "loop",
      "  partywall_block := 0;",
      "  while partywall_block < partywall_member.blocks loop",
      `    ${dynamic("select pg_catalog.array_agg(t), pg_catalog.array_agg(r) from (select tableoid as t, ctid as r from only ", `where ${which} for update skip locked) l`)}`,
      `      into partywall_tables, partywall_rows using ${ends};`,
      `    ${dynamic("update only ", `set ${set} where ${which} and ${LOCKED("$3", "$4")}`)}`,
      `      using ${ends}, partywall_tables, partywall_rows;`,
      "    commit;",
      `    partywall_block := partywall_block + ${blocks};`,
      "    perform pg_catalog.pg_sleep(0.01);",
      "  end loop;",
      "end loop;",
    ],
  );
}
