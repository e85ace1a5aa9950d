import type { Routine } from "../schema.js";
import { extensionOf } from "./names.js";
import type { ReadCatalog } from "./transaction.js";

const ROUTINES = `
select n.nspname as schema, p.proname as name, p.oid::regprocedure::text as signature, l.lanname as language,
  p.prosecdef as "isSecurityDefiner", pg_get_userbyid(p.proowner) as owner,
  ${extensionOf("pg_proc", "p.oid")} as extension
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
where p.prokind in ('f', 'p', 'w')
  and (n.nspname = any ($1::text[])
    or p.prosecdef and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema')
order by n.nspname, p.proname, signature`;

/** Reads the routines of the schemas, and those elsewhere that run with their owner's rights. */
export const readRoutines = (read: ReadCatalog): Promise<readonly Routine[]> => read(ROUTINES);
