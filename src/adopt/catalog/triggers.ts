import { isFiredByForeignKey, meetsRows } from "../../guards/postgres/ddl/fired-triggers.js";
import type { Table, Trigger } from "../schema.js";
import { byTable } from "./by-table.js";
import type { ReadCatalog } from "./transaction.js";

const TRIGGERS = `
select g.tgrelid::text as of, g.tgname as name,
  json_build_object('schema', n.nspname, 'name', p.proname) as function, p.prosecdef as "isSecurityDefiner",
  g.tgparentid <> 0 as "isInherited",
  ${isFiredByForeignKey} and ${meetsRows} as "isPastPolicies",
  pg_get_triggerdef(g.oid) as definition
from managed m
join pg_trigger g on g.tgrelid = m.oid and not g.tgisinternal
join pg_proc p on p.oid = g.tgfoid join pg_namespace n on n.oid = p.pronamespace
order by g.tgrelid, g.tgname`;

const RULES = `
select r.ev_class::text as of, r.rulename as name, rtrim(pg_get_ruledef(r.oid), ';') as definition
from managed m join pg_rewrite r on r.ev_class = m.oid
order by r.ev_class, r.rulename`;

/** Reads the triggers of every table, by name. */
export async function readTriggers(
  read: ReadCatalog,
): Promise<ReadonlyMap<string, readonly Trigger[]>> {
  return byTable<Trigger>(await read(TRIGGERS));
}

/** Reads the rules of every table, by name. */
export async function readRules(read: ReadCatalog): Promise<ReadonlyMap<string, Table["rules"]>> {
  return byTable<Table["rules"][number]>(await read(RULES));
}
