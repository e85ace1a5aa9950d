import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { qualified, quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import { transaction } from "./admin.js";

interface Stamped {
  readonly schema: string;
  readonly name: string;
  readonly type: string;
}

const TABLES = `select n.nspname as schema, c.relname as name, pg_catalog.format_type(a.atttypid, a.atttypmod) as type
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = $1 and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'partywall')
  and ($2::text is null or n.nspname = $2) order by 1, 2`;

const KEYS = `select pg_catalog.format('alter table %I.%I drop constraint %I', n.nspname, c.relname, k.conname) as off,
  pg_catalog.format('alter table %I.%I add constraint %I %s', n.nspname, c.relname, k.conname, pg_catalog.pg_get_constraintdef(k.oid)) as on
from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.conrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = $1
where k.contype = 'f' and k.conparentid = 0 and a.attnum = any (k.conkey) and ($2::text is null or n.nspname = $2)`;

/**
 * Makes the rows that a new home came with its tenant's: those copied from a template before anybody knew whose they
 * would be. Does nothing where they are already.
 *
 * @param schema the tenant's schema; all of the connected database where it is left out
 */
export async function stampRows(
  client: SqlClient,
  column: string,
  tenantId: string,
  schema: string | null = null,
): Promise<void> {
  const tables = (await client.query(TABLES, [column, schema])).rows as unknown as Stamped[];
  const isOther = ({ type }: Stamped) =>
    `${quoteIdentifier(column)} is distinct from ${quoteLiteral(tenantId)}::${type}`;
  if (tables.length === 0) return;
  const { rows } = await client.query(
    `select array[${tables.map((table) => `exists (select from ${qualified(table)} where ${isOther(table)})`).join(", ")}] as found`,
  );
  const found = rows[0]?.["found"] as readonly boolean[];
  const foreign = tables.filter((_, at) => found[at]);
  if (foreign.length === 0) return;
  await transaction(client, async () => {
    // Names of other schemas are written out only where the path does not find them.
    await client.query("set local search_path = pg_catalog");
    const keys = (await client.query(KEYS, [column, schema])).rows;
    for (const { off } of keys) await client.query(String(off));
    for (const table of foreign) {
      const value = `${quoteLiteral(tenantId)}::${table.type}`;
      await client.query(
        `update ${qualified(table)} set ${quoteIdentifier(column)} = ${value} where ${isOther(table)}`,
      );
    }
    for (const { on } of keys) await client.query(String(on));
  });
}
