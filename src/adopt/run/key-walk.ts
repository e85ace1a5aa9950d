import { PartywallError } from "../../errors.js";
import { quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";
import type { SqlClient } from "../../guards/postgres/index.js";
import type { Batches } from "../step.js";
import type { Position } from "./backfill-state.js";
import type { Walk } from "./walk.js";

/** Goes through a table in the order of its primary key, so that each batch begins where the index says. */
export async function keyWalk(client: SqlClient, { table, key }: Batches): Promise<Walk> {
  const types = await keyTypes(client, table, key);
  const columns = key.join(", ");
  const row = key.length === 1 ? columns : `(${columns})`;
  const given = (first: number) => {
    const values = types.map((type, at) => `$${first + at}::${type}`).join(", ");
    return key.length === 1 ? values : `(${values})`;
  };
  const between = (after: Position | null, until: Position | null) => {
    const values = [...(after ?? []), ...(until ?? [])];
    const conditions = [
      ...(after ? [`${row} > ${given(1)}`] : []),
      ...(until ? [`${row} <= ${given(1 + (after?.length ?? 0))}`] : []),
    ];
    return { condition: conditions.join(" and ") || "true", values };
  };
  return {
    async next(after, until, rows) {
      const { condition, values } = between(after, until);
      const texts = key.map((column, at) => `${column}::text as "partywall ${at}"`);
      const { rows: found } = await client.query(
        `select ${texts.join(", ")}, "partywall number"::text as number from (
  select ${columns}, pg_catalog.row_number() over (order by ${columns}) as "partywall number"
  from ${table} where ${condition} order by ${columns} limit ${rows}) as "partywall batch"
order by "partywall number" desc limit 1`,
        values,
      );
      const last = found[0];
      if (last === undefined) return undefined;
      const to = key.map((_, at) => last[`partywall ${at}`] as string);
      const isLast = Number(last["number"]) < rows;
      return { to, relation: table, isLast, ...between(after, to) };
    },
  };
}

async function keyTypes(
  client: SqlClient,
  table: string,
  key: readonly string[],
): Promise<string[]> {
  const { rows } = await client.query(
    `select attname::text as name, pg_catalog.format_type(atttypid, atttypmod) as type
from pg_catalog.pg_attribute where attrelid = $1::pg_catalog.regclass and attnum > 0 and not attisdropped`,
    [table],
  );
  const types = new Map(
    (rows as { name: string; type: string }[]).map(({ name, type }) => [
      quoteIdentifier(name),
      type,
    ]),
  );
  return key.map((column) => {
    const type = types.get(column);
    if (type !== undefined) return type;
    throw new PartywallError(
      "PW_CONFIG",
      `The table ${table} has no column ${column}, by which the plan fills it. Plan anew with planAdoption().`,
    );
  });
}
