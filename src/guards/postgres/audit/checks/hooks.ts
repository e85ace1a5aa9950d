import { isFiredByForeignKey, meetsRows } from "../../ddl/fired-triggers.js";
import type { Check } from "../check.js";

/** Code that runs by itself when a tenant table is used. */
export const hookChecks: readonly Check[] = [
  {
    code: "trigger-definer",
    severity: "high",
    why: "The trigger {object} calls a function that runs with its owner's rights: what it reads and writes is not kept apart for the tenant.",
    fix: "Let the function run with the rights of the caller.",
    find: `select format('%I on %s', g.tgname, t.object) as object, format('alter function %s security invoker', p.oid::regprocedure) as sql
from pg_trigger g join tenant_table t on t.oid = g.tgrelid join pg_proc p on p.oid = g.tgfoid, login l
where not g.tgisinternal and g.tgparentid = 0 and g.tgenabled <> 'D' and p.prosecdef and p.proowner <> l.oid`,
  },
  {
    // PostgreSQL runs the action as the table's owner and past forced policies, and so what it fires. What only inserts
    // meets no row that is there, and the database stamps it.
    code: "trigger-fired-by-foreign-key",
    severity: "high",
    why: "The trigger {object} is fired by a foreign key's ON DELETE or ON UPDATE action too, which PostgreSQL runs under no policy; what its function reads and writes then may be another tenant's.",
    fix: "Name the tenant in each statement of its function: where tenant_id = old.tenant_id. Then accept this finding.",
    find: `select format('%I on %s', g.tgname, t.object) as object
from pg_trigger g join tenant_table t on t.oid = g.tgrelid join pg_proc p on p.oid = g.tgfoid join pg_language l on l.oid = p.prolang
where t.home is null and not g.tgisinternal and g.tgparentid = 0 and g.tgenabled <> 'D'
  and ${meetsRows}
  and ${isFiredByForeignKey}`,
  },
  {
    code: "event-trigger",
    severity: "high",
    why: "The event trigger {object} runs with the rights of whoever changes the schema, and its function belongs to a role with fewer.",
    fix: "Give the function to the owner of the event trigger.",
    find: `select quote_ident(e.evtname) as object, format('alter function %s owner to %I', p.oid::regprocedure, o.rolname) as sql
from pg_event_trigger e join pg_proc p on p.oid = e.evtfoid join pg_roles f on f.oid = p.proowner join pg_roles o on o.oid = e.evtowner
where e.evtenabled <> 'D' and o.rolsuper and not f.rolsuper`,
  },
];
