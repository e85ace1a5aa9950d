import type { Table } from "../schema.js";
import { byTable } from "./by-table.js";
import { columnNames } from "./names.js";
import type { ReadCatalog } from "./transaction.js";

// A publication of a whole schema makes the row filters of its tables void.
const PUBLICATIONS = `
select r.prrelid::text as of, p.pubname as name, ${columnNames("r.prrelid", "r.prattrs::int2[]")} as columns,
  pg_get_expr(r.prqual, r.prrelid) as "rowFilter"
from managed m
join pg_class c on c.oid = m.oid
join pg_publication_rel r on r.prrelid = c.oid
join pg_publication p on p.oid = r.prpubid
where not exists (select from pg_publication_namespace s where s.pnpubid = p.oid and s.pnnspid = c.relnamespace)
union all
select c.oid::text, p.pubname, '[]', null
from managed m
join pg_class c on c.oid = m.oid and c.relkind in ('r', 'p') and c.relpersistence = 'p'
join pg_publication_namespace s on s.pnnspid = c.relnamespace
join pg_publication p on p.oid = s.pnpubid
order by of, name`;

/** Reads the publications that name each table, or its schema, by name. */
export async function readPublications(
  read: ReadCatalog,
): Promise<ReadonlyMap<string, Table["publications"]>> {
  return byTable<Table["publications"][number]>(await read(PUBLICATIONS));
}
