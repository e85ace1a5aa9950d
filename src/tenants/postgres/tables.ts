import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { qualified, quoteLiteral, type TableName } from "../../guards/postgres/ddl/identifier.js";
import { refused } from "../refusal.js";
import type { Premises } from "./premises.js";

/** A column of a tenant's table. */
export interface Column {
  readonly name: string;
  /** Its type without the schema of a type of the user's own, for comparing. */
  readonly type: string;
  readonly notNull: boolean;
  /** The database computes it: it is neither read nor written. */
  readonly generated: boolean;
  /** Something fills it where nothing is given. */
  readonly filled: boolean;
  /** `char(n)`, whose cast to text would lose blanks. */
  readonly padded: boolean;
  /** The sequence that numbers it. */
  readonly sequence: TableName | null;
}

/** A foreign key of a tenant's table. */
export interface ForeignKey {
  readonly name: string;
  readonly oid: string;
  readonly columns: readonly string[];
  /** Oid of the table it points to; of the whole table where that is a partition. */
  readonly target: string;
  readonly targetColumns: readonly string[];
  readonly deferrable: boolean;
  readonly matchFull: boolean;
}

/** A trigger that is not the database's own. */
export interface Trigger {
  readonly table: TableName;
  readonly name: string;
  readonly always: boolean;
}

/** One table that holds rows of the tenant; a partitioned one stands for its partitions. */
export interface PremisesTable extends TableName {
  readonly oid: string;
  readonly partitioned: boolean;
  /** The login may alter it. */
  readonly owned: boolean;
  /** No policy hides a row from the login. */
  readonly seesAll: boolean;
  /** The column that says whose a row is; null where every row is the tenant's and no column says so. */
  readonly tenantColumn: string | null;
  /** Type of that column, `uuid`, `bigint` or `text`. */
  readonly tenantType: string | null;
  readonly columns: readonly Column[];
  /** Columns of a unique key without nulls, the primary key first; null where there is none. */
  readonly key: readonly string[] | null;
  readonly foreignKeys: readonly ForeignKey[];
  readonly triggers: readonly Trigger[];
  /** The tables that rows are really in: itself, or the partitions. */
  readonly leaves: readonly TableName[];
}

/** Whether a policy hides rows of `c` from the login. Used by the scan too. */
export const SEES_ALL = `(not row_security_active(c.oid) or (
  exists (select from pg_policy p where p.polrelid = c.oid and p.polpermissive and p.polcmd = '*'
    and pg_get_expr(p.polqual, p.polrelid) = 'true' and coalesce(pg_get_expr(p.polwithcheck, p.polrelid), 'true') = 'true'
    and exists (select from unnest(p.polroles) r where case when r = 0 then true else pg_has_role(r, 'USAGE') end))
  and not exists (select from pg_policy p where p.polrelid = c.oid and not p.polpermissive
    and exists (select from unnest(p.polroles) r where case when r = 0 then true else pg_has_role(r, 'USAGE') end))))`;

/** The name of the column that the wall's policy of `c` speaks of, where it speaks of one. */
export const WALLED_COLUMN = `(select case when count(*) = 1 then min(a.attname::text) end
  from pg_attribute a where a.attrelid = c.oid and a.attnum in (
    select d.refobjsubid from pg_policy p join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
    where p.polrelid = c.oid and p.polname = 'partywall_tenant' and d.refobjid = c.oid and d.refobjsubid > 0))`;

/** Every schema that is the application's own. */
export const OWN_SCHEMAS = `n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'partywall')`;

const root = (oid: string) => `coalesce(pg_partition_root(${oid}), ${oid})`;
const columnNames = (
  relation: string,
  numbers: string,
) => `(select json_agg(ca.attname order by cn.at)
  from unnest(${numbers}) with ordinality cn(number, at) join pg_attribute ca on ca.attrelid = ${relation} and ca.attnum = cn.number)`;

const tablesSql = (which: string, tenantColumn: string) => `
with recursive chosen as (
  select c.*, n.nspname, ${tenantColumn} as tenant_column
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and c.relpersistence <> 't' and ${which}
    and not exists (select from pg_depend x where x.classid = 'pg_class'::regclass and x.objid = c.oid and x.deptype = 'e')
), tree as (
  select c.oid as top, c.oid as oid from chosen c where not c.relispartition
  union all
  select t.top, i.inhrelid from tree t join pg_class p on p.oid = t.oid and p.relkind = 'p' join pg_inherits i on i.inhparent = t.oid
)
select coalesce(json_agg(f), '[]')::text as found from (
select c.oid::text as oid, c.nspname as schema, c.relname as name, c.relkind = 'p' as partitioned,
  pg_has_role(c.relowner, 'USAGE') as owned,
  (select bool_and(${SEES_ALL}) from tree t join pg_class c on c.oid = t.oid where t.top = chosen_oid) as "seesAll",
  c.tenant_column as "tenantColumn",
  (select case y.typname when 'int8' then 'bigint' when 'varchar' then 'text' else y.typname end
    from pg_attribute a join pg_type y on y.oid = a.atttypid where a.attrelid = c.oid and a.attname = c.tenant_column and a.attnum > 0) as "tenantType",
  coalesce((select json_agg(json_build_object('name', a.attname,
      'type', case when e.typnamespace = 'pg_catalog'::regnamespace then format_type(a.atttypid, a.atttypmod)
        else regexp_replace(format_type(a.atttypid, a.atttypmod), '^("([^"]|"")*"|[^".]*)\\.', '') end,
      'notNull', a.attnotnull, 'generated', a.attgenerated <> '',
      'filled', a.atthasdef or a.attidentity <> '',
      'padded', coalesce(nullif(y.typbasetype, 0), y.oid) = 'bpchar'::regtype,
      'sequence', (select json_build_object('schema', sn.nspname, 'name', s.relname)
        from pg_class s join pg_namespace sn on sn.oid = s.relnamespace
        where s.relkind = 'S' and s.oid in (
          select d.objid from pg_depend d where d.classid = 'pg_class'::regclass and d.refobjid = c.oid and d.refobjsubid = a.attnum and d.deptype in ('a', 'i')
          union all
          select d.refobjid from pg_attrdef f join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid
          where f.adrelid = c.oid and f.adnum = a.attnum and d.refclassid = 'pg_class'::regclass) limit 1)) order by a.attnum)
    from pg_attribute a join pg_type y on y.oid = a.atttypid join pg_type e on e.oid = coalesce(nullif(y.typelem, 0), y.oid)
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]') as columns,
  (select ${columnNames("c.oid", "x.indkey::int2[]")}
    from pg_index x where x.indrelid = c.oid and x.indisunique and x.indisvalid and x.indpred is null and x.indexprs is null
      and not exists (select from unnest(x.indkey::int2[]) with ordinality k(n, at) join pg_attribute a on a.attrelid = c.oid and a.attnum = k.n
        where k.at <= x.indnkeyatts and not a.attnotnull)
    order by x.indisprimary desc, x.indexrelid limit 1) as key,
  coalesce((select json_agg(json_build_object('name', k.conname, 'oid', k.oid::text,
      'columns', ${columnNames("k.conrelid", "k.conkey")}, 'target', (${root("k.confrelid")})::oid::text,
      'targetColumns', ${columnNames("k.confrelid", "k.confkey")},
      'deferrable', k.condeferrable, 'matchFull', k.confmatchtype = 'f') order by k.conname)
    from pg_constraint k where k.contype = 'f' and k.conparentid = 0
      and k.conrelid in (select t.oid from tree t where t.top = c.oid)), '[]') as "foreignKeys",
  coalesce((select json_agg(json_build_object('table', json_build_object('schema', tn.nspname, 'name', tc.relname),
      'name', g.tgname, 'always', g.tgenabled = 'A'))
    from tree t join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal and g.tgenabled in ('O', 'A')
    join pg_class tc on tc.oid = t.oid join pg_namespace tn on tn.oid = tc.relnamespace where t.top = c.oid), '[]') as triggers,
  coalesce((select json_agg(json_build_object('schema', ln.nspname, 'name', l.relname) order by ln.nspname, l.relname)
    from tree t join pg_class l on l.oid = t.oid and l.relkind = 'r' join pg_namespace ln on ln.oid = l.relnamespace where t.top = c.oid), '[]') as leaves
from chosen c cross join lateral (select c.oid as chosen_oid) o
where not c.relispartition
order by c.nspname, c.relname) f`;

/**
 * Reads which tables hold the tenant's rows, by name; call it in a transaction of {@link begin}. Rejects with
 * `PW_TENANT_DATA_REFUSED` where a policy hides rows from the login or a table's tenant column cannot be told.
 */
export async function readTables(premises: Premises): Promise<readonly PremisesTable[]> {
  const { rows } = await premises.client.query(questionOf(premises));
  const found = JSON.parse(rows[0]?.["found"] as string) as PremisesTable[];
  const except = new Set(premises.except);
  const tables = found.filter((table) => !except.has(titleOf(table)));
  for (const table of tables) checkTable(premises, table);
  const names = new Set(found.map(titleOf));
  const unknown = [...except].find((name) => !names.has(name));
  if (unknown !== undefined) {
    throw refused(`except names ${unknown}, which is none of the tables there. Mend its name.`);
  }
  return tables;
}

function questionOf({ strategy, schema, schemas, tenantColumn }: Premises): string {
  const among = schemas
    ? ` and n.nspname in (${["", ...schemas].map(quoteLiteral).join(", ")})`
    : "";
  const named = `(select a.attname from pg_attribute a join pg_type y on y.oid = a.atttypid
    where a.attrelid = c.oid and a.attnum > 0 and a.attname = ${quoteLiteral(tenantColumn ?? "tenant_id")}
      and not a.attisdropped and y.typname in ('uuid', 'int8', 'text', 'varchar'))`;
  switch (strategy) {
    case "row":
      return tablesSql(
        `exists (select from pg_policy w where w.polrelid = c.oid and w.polname = 'partywall_tenant')${among}`,
        WALLED_COLUMN,
      );
    case "schema":
      return tablesSql(`n.nspname = ${quoteLiteral(schema!)}`, named);
    default:
      return tablesSql(`${OWN_SCHEMAS}${among}`, named);
  }
}

function checkTable({ strategy }: Premises, table: PremisesTable): void {
  const title = titleOf(table);
  if (!table.seesAll) {
    throw refused(
      `A policy of ${title} hides rows from this login. Use the login that owns the tables or the system login, and apply the wall again (partywall policies).`,
    );
  }
  if (strategy === "row" && table.tenantColumn === null) {
    throw refused(
      `The wall's policy of ${title} does not tell the tenant column. Apply the wall again (partywall policies).`,
    );
  }
}

/** A table's name for people, `schema.name`. */
export const titleOf = ({ schema, name }: TableName): string => `${schema}.${name}`;

/** A table as a statement names it: without its inheritors, which are tables of their own; with its partitions. */
export const source = (table: Pick<PremisesTable, "schema" | "name" | "partitioned">): string =>
  `${table.partitioned ? "" : "only "}${qualified(table)}`;

/** Runs the planner, not the query. */
export async function estimateRows(client: SqlClient, query: string): Promise<number> {
  const { rows } = await client.query(`explain (format json) ${query}`);
  const told: unknown = rows[0]?.["QUERY PLAN"];
  const plan = (typeof told === "string" ? JSON.parse(told) : told) as {
    Plan: { "Plan Rows": number };
  }[];
  return plan[0]?.Plan["Plan Rows"] ?? 0;
}
