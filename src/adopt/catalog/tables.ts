import type { Table } from "../schema.js";
import { extensionOf, relationName } from "./names.js";
import type { ReadCatalog } from "./transaction.js";

/** A table without what lies in other catalogues. */
type BareTable = Omit<
  Table,
  | "columns"
  | "indexes"
  | "foreignKeys"
  | "checks"
  | "policies"
  | "triggers"
  | "rules"
  | "publications"
>;

const TABLES = `
select c.oid::text as oid,
  array(select i.inhparent::text from pg_inherits i where i.inhrelid = c.oid) as needs,
  json_build_object(
    'schema', n.nspname,
    'name', c.relname,
    'kind', case c.relkind when 'p' then 'partitioned' when 'f' then 'foreign' else 'table' end,
    'owner', pg_get_userbyid(c.relowner),
    'partitionOf', (select ${relationName("i.inhparent")} from pg_inherits i
      where c.relispartition and i.inhrelid = c.oid),
    'inherits', coalesce((select json_agg(${relationName("i.inhparent")} order by i.inhseqno) from pg_inherits i
      where not c.relispartition and i.inhrelid = c.oid), '[]'),
    'ofType', case when c.reloftype <> 0 then format_type(c.reloftype, null) end,
    'rowSecurity', case when not c.relrowsecurity then 'off' when c.relforcerowsecurity then 'forced' else 'enabled' end,
    'replicaIdentity', case c.relreplident
      when 'n' then 'nothing' when 'f' then 'full' when 'i' then 'index' else 'default' end,
    'estimatedRows', c.reltuples,
    'bytes', case when c.relkind = 'r' then pg_table_size(c.oid) else 0 end,
    'comment', obj_description(c.oid, 'pg_class'),
    'extension', ${extensionOf("pg_class", "c.oid")}) as table
from managed m join pg_class c on c.oid = m.oid join pg_namespace n on n.oid = c.relnamespace
order by n.nspname, c.relname`;

/** Reads the tables by name; `needs` are the oids of parents. */
export const readTables = (
  read: ReadCatalog,
): Promise<readonly { oid: string; needs: readonly string[]; table: BareTable }[]> => read(TABLES);
