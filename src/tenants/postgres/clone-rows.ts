import { PartywallError } from "../../errors.js";
import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { qualified, quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import type { SchemaTemplate } from "./clone-schema.js";
import type { Creation, Need } from "./creation-order.js";

interface TableRow {
  readonly key: string;
  readonly partitioned: boolean;
  readonly name: string;
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    /** Whether the type is the template's own, for which the clone has another. */
    readonly own: boolean;
  }[];
  readonly sequences: readonly string[];
}

// A partitioned table's rows are read and written through it; what a parent inherits from is read by itself.
const TABLES = `select 'pg_class:' || c.oid as key, c.relkind = 'p' as partitioned, c.relname as name,
  (select coalesce(json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
      'own', y.typnamespace = c.relnamespace) order by a.attnum), '[]')
    from pg_attribute a join pg_type y on y.oid = a.atttypid where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns,
  (select coalesce(json_agg(s.relname), '[]') from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S'
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
      and d.deptype in ('a', 'i') and s.relnamespace = c.relnamespace) as sequences
from pg_class c where c.relnamespace = $1 and c.relkind in ('r', 'p') and not c.relispartition order by c.relname`;

// Whose numbers are in which rows, nobody can tell; so they go on after those of the template.
const FREE_SEQUENCES = `select c.relname as name, 'pg_class:' || c.oid as key from pg_class c where c.relnamespace = $1 and c.relkind = 'S'
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i') and d.refobjsubid > 0)`;

/** Copies the rows that a template gives to its clones, before keys, triggers and views are there. */
export async function copiedRows(
  client: SqlClient,
  { schema, rows: chosen = [] }: SchemaTemplate,
  oid: unknown,
  clone: string,
  tenant: { readonly column: string; readonly id?: string | undefined },
): Promise<(Creation & Need)[]> {
  if (chosen.length === 0) return [];
  const found = (await client.query(TABLES, [oid])).rows as unknown as TableRow[];
  const unknown =
    chosen === "all" ? undefined : chosen.find((t) => !found.some((f) => f.name === t));
  if (unknown !== undefined) {
    throw new PartywallError(
      "PW_CONFIG",
      `The template schema ${JSON.stringify(schema)} has no table ${JSON.stringify(unknown)} whose rows could be copied (a partition's are copied with its parent). Mend \`rows\`.`,
    );
  }
  const free = (await client.query(FREE_SEQUENCES, [oid])).rows;
  const value = (sequence: string, needs: string) => ({
    key: `value of ${sequence}`,
    needs,
    rank: 5,
    sql: `select pg_catalog.setval(${quoteLiteral(qualified({ schema: clone, name: sequence }))}, last_value, is_called) from ${qualified({ schema, name: sequence })}`,
  });
  return [
    ...free.map(({ name, key }) => value(String(name), String(key))),
    ...found
      .filter(({ name }) => chosen === "all" || chosen.includes(name))
      .flatMap((table) => [
        {
          key: `rows of ${table.name}`,
          needs: table.key,
          rank: 5,
          sql: copy(schema, clone, table, tenant),
        },
        ...table.sequences.map((sequence) => value(sequence, table.key)),
      ]),
  ];
}

function copy(
  schema: string,
  clone: string,
  { name, columns, partitioned }: TableRow,
  tenant: { readonly column: string; readonly id?: string | undefined },
): string {
  const names = columns.map((column) => quoteIdentifier(column.name)).join(", ");
  const values = columns
    .map(({ name: column, type, own }) => {
      if (column === tenant.column && tenant.id !== undefined) {
        return `${quoteLiteral(tenant.id)}::${type}`;
      }
      return own ? `${quoteIdentifier(column)}::text::${type}` : quoteIdentifier(column);
    })
    .join(", ");
  const into = qualified({ schema: clone, name });
  return `insert into ${into} (${names}) overriding system value select ${values} from ${partitioned ? "" : "only "}${qualified({ schema, name })}`;
}
