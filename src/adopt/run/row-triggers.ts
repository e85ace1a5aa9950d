import type { SqlClient } from "../../guards/postgres/index.js";
import type { Batches } from "../step.js";
import { assignedColumns } from "./assigned-columns.js";

/** What happens to a table's own triggers and rules while it is filled. */
export interface TriggerTreatment {
  /** Whether the batches run as a replica's do, so that ordinary triggers and rules stay quiet. */
  readonly asReplica: boolean;
  /** Those that fire nevertheless, and why. */
  readonly firing: readonly string[];
  readonly because: string;
}

/** The table with its partitions and children. */
export const FAMILY = `with recursive family as (
  select $1::pg_catalog.regclass::pg_catalog.oid as oid
  union select i.inhrelid from family f join pg_catalog.pg_inherits i on i.inhparent = f.oid)`;

// tgtype: 16 is UPDATE. A trigger of adopt's own gives rows the very tenant that the backfill gives them.
const FOUND = `${FAMILY},
fires as (
  select t.tgname::text as name, t.tgenabled as mode from pg_catalog.pg_trigger t join family f on f.oid = t.tgrelid
  where not t.tgisinternal and t.tgtype & 16 <> 0 and t.tgname not like 'partywall\\_assign\\_%'
  union
  select r.rulename::text, r.ev_enabled from pg_catalog.pg_rewrite r join family f on f.oid = r.ev_class where r.ev_type = '2'),
touched as (
  select a.attrelid, a.attnum from pg_catalog.pg_attribute a join family f on f.oid = a.attrelid where a.attname = any ($2::text[])),
checked as (
  select c.conname::text as name from pg_catalog.pg_constraint c
  where (c.contype = 'f' and c.convalidated and (
      exists (select from touched t where t.attrelid = c.conrelid and t.attnum = any (c.conkey))
      or exists (select from touched t where t.attrelid = c.confrelid and t.attnum = any (c.confkey))))
    or (c.contype in ('p', 'u', 'x') and c.condeferrable and c.conrelid in (select oid from family)
      and (0 = any (c.conkey) or exists (select from touched t where t.attrelid = c.conrelid and t.attnum = any (c.conkey)))))
select pg_catalog.json_build_object(
  'origin', array(select name from fires where mode = 'O' order by name),
  'always', array(select name from fires where mode = 'A' order by name),
  'replica', array(select name from fires where mode = 'R' order by name),
  'checked', array(select distinct name from checked order by name),
  'may', pg_catalog.has_parameter_privilege('session_replication_role', 'set'))::text as found`;

interface Found {
  readonly origin: string[];
  readonly always: string[];
  readonly replica: string[];
  readonly checked: string[];
  readonly may: boolean;
}

/**
 * Decides what becomes of a table's triggers. The backfill should change the tenant and nothing else, no `updated_at`
 * and no history; `session_replication_role = replica` keeps ordinary triggers and rules quiet for the transaction. It
 * keeps quiet PostgreSQL's own as well: the checks of foreign keys and of deferrable keys. So it is used only where
 * there is something to keep quiet, and where no such check covers a column that is filled: then none of them has
 * anything to check. (A foreign key that is not yet validated will check every row.) Elsewhere they fire, and it is said.
 *
 * Source: PostgreSQL manual, "session_replication_role"; ALTER TABLE … ENABLE REPLICA / ALWAYS TRIGGER.
 */
export async function treatTriggers(
  client: SqlClient,
  batches: Batches,
): Promise<TriggerTreatment> {
  const { rows } = await client.query(FOUND, [batches.table, assignedColumns(batches.set)]);
  const found = JSON.parse(rows[0]?.["found"] as string) as Found;
  const { origin, always, replica, checked, may } = found;
  const loud = [...origin, ...always];
  if (origin.length === 0) {
    return {
      asReplica: false,
      firing: always,
      because: "they are enabled for every session (ENABLE ALWAYS)",
    };
  }
  if (!may) {
    return {
      asReplica: false,
      firing: loud,
      because: "the login may not set session_replication_role; a superuser may",
    };
  }
  if (checked.length > 0) {
    return {
      asReplica: false,
      firing: loud,
      because: `with them, PostgreSQL would not check ${checked.join(", ")}`,
    };
  }
  if (replica.length > 0) {
    return {
      asReplica: false,
      firing: loud,
      because: `in their place ${replica.join(", ")} would fire (ENABLE REPLICA)`,
    };
  }
  return {
    asReplica: true,
    firing: always,
    because: "they are enabled for every session (ENABLE ALWAYS)",
  };
}
