import type { Policy } from "../schema.js";
import { byTable } from "./by-table.js";
import type { ReadCatalog } from "./transaction.js";

const POLICIES = `
select p.polrelid::text as of, p.polname as name, p.polpermissive as "isPermissive",
  case p.polcmd when 'r' then 'SELECT' when 'a' then 'INSERT' when 'w' then 'UPDATE' when 'd' then 'DELETE'
    else 'ALL' end as command,
  (select json_agg(case when r.oid = 0 then 'public' else pg_get_userbyid(r.oid) end order by r.place)
    from unnest(p.polroles) with ordinality r(oid, place)) as roles,
  pg_get_expr(p.polqual, p.polrelid) as using,
  pg_get_expr(p.polwithcheck, p.polrelid) as "withCheck"
from managed m join pg_policy p on p.polrelid = m.oid
order by p.polrelid, p.polname`;

/** Reads the policies of every table, by name. */
export async function readPolicies(
  read: ReadCatalog,
): Promise<ReadonlyMap<string, readonly Policy[]>> {
  return byTable<Policy>(await read(POLICIES));
}
