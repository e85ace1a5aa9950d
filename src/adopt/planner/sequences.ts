import { qualified, quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import type { Column, ObjectName } from "../schema.js";
import { label, type Adoptee, type Draft } from "./draft.js";

const NUMBER = /^(?:smallint|integer|bigint|numeric)/;

/** Moves sequences above what their columns hold, so that no tenant is given a number that is there. */
export function planSequences(draft: Draft): void {
  for (const adoptee of draft.adoptees.values()) {
    if (adoptee.table.partitionOf !== null) continue;
    for (const column of adoptee.table.columns) {
      // A default may write the number into a text; nothing is compared then.
      if (column.sequence !== null && NUMBER.test(column.type)) {
        raise(draft, adoptee, column, column.sequence);
      }
    }
  }
}

function raise(draft: Draft, { table, sql }: Adoptee, column: Column, sequence: ObjectName): void {
  const own = `${quoteLiteral(qualified(sequence))}::pg_catalog.regclass`;
  draft.step({
    id: `${label(table)}/sequence/${column.name}`,
    phase: "backfill",
    title: `Move ${label(sequence)} above the highest ${column.name} of ${label(table)}`,
    sql: [
      `select pg_catalog.setval(${own}, highest)
from (select pg_catalog.max(${quoteIdentifier(column.name)})::bigint as highest from ${sql}) held,
  (select last_value, is_called from ${qualified(sequence)}) drawn, pg_catalog.pg_sequence s
where s.seqrelid = ${own} and s.seqincrement > 0 and not s.seqcycle and highest between s.seqmin and s.seqmax
  and (highest > last_value or (highest = last_value and not is_called))`,
    ],
    // A sequence does not go back with a transaction, and need not.
    down: [],
  });
}
