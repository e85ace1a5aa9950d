import type { SqlClient } from "../../guards/postgres/index.js";
import type { Batches } from "../step.js";
import type { Position } from "./backfill-state.js";
import { FAMILY } from "./row-triggers.js";
import type { Walk } from "./walk.js";

/** A table, partition or child that holds rows of its own. */
interface Member {
  readonly oid: number;
  readonly name: string;
  readonly blocks: number;
  readonly rowsPerBlock: number;
}

// Partitions on foreign servers have no blocks here; the count at the end finds what is missing in them.
const MEMBERS = `${FAMILY}
select pg_catalog.json_agg(pg_catalog.json_build_object(
  'oid', c.oid::bigint, 'name', pg_catalog.format('%I.%I', n.nspname, c.relname),
  'blocks', m.blocks, 'rowsPerBlock', case when c.relpages > 0 and c.reltuples > 0 then c.reltuples / c.relpages else 60 end)
  order by c.oid)::text as members
from family f join pg_catalog.pg_class c on c.oid = f.oid join pg_catalog.pg_namespace n on n.oid = c.relnamespace,
  lateral (select pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::bigint as blocks) m
where c.relkind = 'r'`;

/**
 * Goes through a table without a primary key by ranges of blocks, in its partitions and children one after the other.
 * Rows that move meanwhile may be missed; the count at the end finds them. Blocks that are added after the walk began
 * are left to that count too, since filling a row adds some itself.
 */
export async function blockWalk(client: SqlClient, { table }: Batches): Promise<Walk> {
  const answer = await client.query(MEMBERS, [table]);
  const members = JSON.parse((answer.rows[0]?.["members"] as string | null) ?? "[]") as Member[];
  const alias = baseName(table);
  return {
    next(after, until, rows) {
      return Promise.resolve(nextBlocks(members, alias, after, until, rows));
    },
  };
}

function nextBlocks(
  members: readonly Member[],
  alias: string,
  after: Position | null,
  until: Position | null,
  rows: number,
) {
  const [oid, block] = (after ?? ["0", "0"]).map(Number) as [number, number];
  for (const member of members) {
    if (member.oid < oid) continue;
    const start = member.oid === oid ? block : 0;
    const end = Math.min(
      start + Math.max(1, Math.round(rows / member.rowsPerBlock)),
      until !== null && Number(until[0]) === member.oid ? Number(until[1]) : member.blocks,
      member.blocks,
    );
    if (until !== null && member.oid > Number(until[0])) return undefined;
    if (end <= start) continue;
    return {
      to: [`${member.oid}`, `${end}`],
      // Under the name of the table that the plan names, by which its expressions may call it.
      relation: `only ${member.name} as ${alias}`,
      condition: "ctid >= $1::pg_catalog.tid and ctid < $2::pg_catalog.tid",
      values: [`(${start},0)`, `(${end},0)`],
      isLast: false,
    };
  }
  return undefined;
}

/** The last part of a quoted and qualified name. */
export function baseName(table: string): string {
  return /(?:"(?:[^"]|"")*"|[^".]+)$/.exec(table)?.[0] ?? table;
}
