import type { ObjectName } from "../schema.js";
import type { ReadCatalog } from "./transaction.js";

// What belongs to a column goes with its table; the rest is drawn from by triggers, functions and the application.
const SEQUENCES = `
select n.nspname as schema, c.relname as name
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S' and n.nspname = any ($1::text[])
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i', 'e'))
order by n.nspname, c.relname`;

/** Reads the sequences that belong to no column. */
export const readSequences = (read: ReadCatalog): Promise<readonly ObjectName[]> => read(SEQUENCES);
