import { PartywallError } from "../../../errors.js";
import { qualified, quoteIdentifier, type TableName } from "./identifier.js";
import type { TenantTable } from "./policies.js";
import type { TenantType } from "./seal-sql.js";

/** The slice of a connected `pg` client that DDL needs; a `pg.Client` or `pg.Pool` of an unguarded login fits. */
export interface SqlClient {
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
}

interface CatalogRow {
  readonly schema: string;
  readonly name: string;
  /** Name of the tenant column's type; null where there is no such column. */
  readonly type: string | null;
  readonly indexed: boolean;
  readonly partition: boolean;
  readonly serials: readonly TableName[];
}

const TYPES: Record<string, TenantType> = {
  uuid: "uuid",
  int8: "bigint",
  text: "text",
  varchar: "text",
};

const TABLES = `
with recursive tree as (
  select c.oid, false as partition from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p')
  union all
  select i.inhrelid, true from tree t join pg_catalog.pg_inherits i on i.inhparent = t.oid
)
select n.nspname as schema, c.relname as name, tree.partition,
  y.typname as type,
  coalesce((select bool_or(x.indkey[0] = a.attnum and x.indisvalid) from pg_catalog.pg_index x where x.indrelid = c.oid), false) as indexed,
  coalesce((select pg_catalog.json_agg(pg_catalog.json_build_object('schema', sn.nspname, 'name', s.relname))
    from pg_catalog.pg_depend d join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
    join pg_catalog.pg_namespace sn on sn.oid = s.relnamespace
    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = c.oid and d.deptype = 'a'), '[]') as serials
from tree
join pg_catalog.pg_class c on c.oid = tree.oid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = $3 and not a.attisdropped and a.attnum > 0
left join pg_catalog.pg_type y on y.oid = a.atttypid
order by tree.partition, n.nspname, c.relname`;

/** Throws `PW_CONFIG` unless the table (or view) exists. */
export async function assertTable(client: SqlClient, table: TableName): Promise<void> {
  const { rows } = await client.query("select pg_catalog.to_regclass($1) as found", [
    qualified(table),
  ]);
  if (rows[0]?.["found"] === null) throw missingTable(table);
}

function missingTable({ schema, name }: TableName): PartywallError {
  return new PartywallError(
    "PW_CONFIG",
    `There is no table ${schema}.${name} in this database. Create it first, or mend its name.`,
  );
}

/**
 * Reads one tenant table and all its partitions and children from the live catalogue.
 * Throws `PW_CONFIG` where the table or its tenant column is missing or of a type the wall does not know.
 */
export async function readTenantTable(
  client: SqlClient,
  table: TableName,
  column: string,
): Promise<TenantTable[]> {
  qualified(table);
  quoteIdentifier(column);
  const { rows } = await client.query(TABLES, [table.schema, table.name, column]);
  if (rows.length === 0) throw missingTable(table);
  return (rows as unknown as CatalogRow[]).map((row) => {
    const type = TYPES[row.type ?? ""];
    if (type === undefined) {
      const where = `${row.schema}.${row.name}`;
      throw new PartywallError(
        "PW_CONFIG",
        row.type === null
          ? `The table ${where} has no column ${column}. Add it (uuid, bigint or text) before the wall is built.`
          : `The column ${column} of ${where} is of type ${row.type}. A tenant column is uuid, bigint, text or varchar.`,
      );
    }
    const { schema, name, indexed, partition, serials } = row;
    return { table: { schema, name }, column, type, indexed, partition, serials };
  });
}
