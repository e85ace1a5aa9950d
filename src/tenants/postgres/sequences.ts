import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { qualified, quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import { refused } from "../refusal.js";
import type { MatchedTable } from "./match.js";
import type { Premises } from "./premises.js";
import { isTenants } from "./rows.js";
import { source, titleOf } from "./tables.js";

/** Rejects with `PW_TENANT_DATA_REFUSED` where the login may not move a sequence that numbers what comes in. */
export async function assertSequences(
  client: SqlClient,
  tables: readonly MatchedTable[],
): Promise<void> {
  for (const { columns } of tables) {
    for (const { sequence } of columns) {
      if (!sequence) continue;
      const { rows } = await client.query(
        `select has_sequence_privilege(${quoteLiteral(qualified(sequence))}, 'UPDATE') and has_sequence_privilege(${quoteLiteral(qualified(sequence))}, 'SELECT') as may`,
      );
      if (rows[0]?.["may"] === true) continue;
      throw refused(
        `This login may not move the sequence ${titleOf(sequence)} past the numbers that come in. Use the login that owns the tables, or grant it SELECT and UPDATE on the sequence.`,
      );
    }
  }
}

/** Moves every sequence past the numbers that came in. A sequence that is further already stays. */
export async function moveSequences(
  premises: Premises,
  tables: readonly MatchedTable[],
): Promise<void> {
  for (const { into, columns } of tables) {
    for (const { name, sequence } of columns) {
      if (!sequence) continue;
      const literal = quoteLiteral(qualified(sequence));
      // What is furthest is found first, then looked at beside the sequence and set at once: others draw meanwhile.
      await premises.client.query(
        `select case when f.up and f.last > (select last_value from ${qualified(sequence)})
    or not f.up and f.last < (select last_value from ${qualified(sequence)}) then setval(${literal}, f.last)
    when f.last = (select last_value from ${qualified(sequence)}) then setval(${literal}, f.last) end
from (select q.seqincrement > 0 as up,
    least(greatest(case when q.seqincrement > 0 then max(t.${quoteIdentifier(name)}) else min(t.${quoteIdentifier(name)}) end, q.seqmin), q.seqmax)::bigint as last
  from pg_sequence q, ${source(into)} t
  where q.seqrelid = ${literal}::regclass and ${isTenants(premises, into)}
  group by q.seqincrement, q.seqmin, q.seqmax offset 0) f where f.last is not null`,
      );
    }
  }
}
