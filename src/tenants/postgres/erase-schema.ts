import { qualified, quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import { refused } from "../refusal.js";
import type { DoomedTable } from "./erase-rows.js";
import { isMarkedSchema } from "./mark.js";
import type { Premises } from "./premises.js";
import { countRows } from "./rows.js";
import { readTables } from "./tables.js";
import { inTransaction } from "./transaction.js";

// The namespace an object lives in, its own or that of the table or type it is a part of.
const NAMESPACE_OF = `case d.classid
  when 'pg_class'::regclass then (select relnamespace from pg_class where oid = d.objid)
  when 'pg_proc'::regclass then (select pronamespace from pg_proc where oid = d.objid)
  when 'pg_type'::regclass then (select typnamespace from pg_type where oid = d.objid)
  when 'pg_constraint'::regclass then (select connamespace from pg_constraint where oid = d.objid)
  when 'pg_rewrite'::regclass then (select r.relnamespace from pg_rewrite w join pg_class r on r.oid = w.ev_class where w.oid = d.objid)
  when 'pg_attrdef'::regclass then (select r.relnamespace from pg_attrdef w join pg_class r on r.oid = w.adrelid where w.oid = d.objid)
  when 'pg_trigger'::regclass then (select r.relnamespace from pg_trigger w join pg_class r on r.oid = w.tgrelid where w.oid = d.objid)
  when 'pg_policy'::regclass then (select r.relnamespace from pg_policy w join pg_class r on r.oid = w.polrelid where w.oid = d.objid)
  when 'pg_statistic_ext'::regclass then (select stxnamespace from pg_statistic_ext where oid = d.objid)
  when 'pg_operator'::regclass then (select oprnamespace from pg_operator where oid = d.objid)
  when 'pg_opclass'::regclass then (select opcnamespace from pg_opclass where oid = d.objid)
  when 'pg_opfamily'::regclass then (select opfnamespace from pg_opfamily where oid = d.objid)
  when 'pg_collation'::regclass then (select collnamespace from pg_collation where oid = d.objid)
  when 'pg_conversion'::regclass then (select connamespace from pg_conversion where oid = d.objid)
  when 'pg_ts_config'::regclass then (select cfgnamespace from pg_ts_config where oid = d.objid)
  when 'pg_ts_dict'::regclass then (select dictnamespace from pg_ts_dict where oid = d.objid)
  when 'pg_default_acl'::regclass then (select defaclnamespace from pg_default_acl where oid = d.objid)
end`;

// Whatever depends on something in the schema and is not in it. A table's membership in a publication goes with it.
const outside = (schema: string) => `
with own as (select oid from pg_namespace where nspname = ${quoteLiteral(schema)}),
inside as (
  select d.classid, d.objid from pg_depend d where d.refclassid = 'pg_namespace'::regclass and d.refobjid = (select oid from own)
  union select 'pg_constraint'::regclass, k.oid from pg_constraint k where k.connamespace = (select oid from own)
  union select 'pg_type'::regclass, y.oid from pg_type y where y.typnamespace = (select oid from own)
  union select 'pg_class'::regclass, c.oid from pg_class c where c.relnamespace = (select oid from own)
)
select coalesce(string_agg(distinct pg_describe_object(d.classid, d.objid, d.objsubid), ', '), '') as found
from inside i join pg_depend d on d.refclassid = i.classid and d.refobjid = i.objid
where d.deptype <> 'i' and d.classid <> 'pg_publication_rel'::regclass and (${NAMESPACE_OF}) is distinct from (select oid from own)
  or d.classid = 'pg_class'::regclass and d.deptype = 'i' and (${NAMESPACE_OF}) is distinct from (select oid from own)
    and exists (select from pg_class x where x.oid = d.objid and x.relkind in ('r', 'p', 'v', 'm', 'f', 'S'))`;

// A partition may be dropped without a word from the table it is a part of.
const partsOfOthers = (schema: string) => `
select coalesce(string_agg(c.oid::regclass::text, ', '), '') as found from pg_class c
join pg_namespace n on n.oid = c.relnamespace and n.nspname = ${quoteLiteral(schema)}
join pg_inherits i on i.inhrelid = c.oid join pg_class p on p.oid = i.inhparent where p.relnamespace <> c.relnamespace`;

/**
 * Counts what dropping the tenant's schema takes along; `undefined` where it is gone already. Rejects with
 * `PW_TENANT_DATA_REFUSED` where the schema is not marked as this tenant's, or something outside depends on it.
 */
export function planSchema(premises: Premises): Promise<readonly DoomedTable[] | undefined> {
  return inTransaction(premises.client, "read", () => inspectSchema(premises));
}

/** Drops the tenant's schema, whole or not at all. Rejects as {@link planSchema} does. */
export async function dropSchema(premises: Premises): Promise<void> {
  const { client, schema } = premises;
  await inTransaction(client, "write", async () => {
    // Whoever wants to depend on a table waits for this lock, and finds the table gone.
    await client.query("set local lock_timeout = '30s'");
    for (const table of await readTables(premises)) {
      await client.query(`lock table ${qualified(table)} in access exclusive mode`);
    }
    if ((await inspectSchema(premises)) === undefined) return;
    await client.query(`drop schema ${quoteIdentifier(schema!)} cascade`);
  });
}

async function inspectSchema(premises: Premises): Promise<readonly DoomedTable[] | undefined> {
  const { client, tenantId } = premises;
  const schema = premises.schema!;
  const { rows } = await client.query(isMarkedSchema(schema, tenantId));
  const { present, own } = rows[0] as { present: boolean; own: boolean };
  if (!present) return undefined;
  if (!own) {
    throw refused(
      `Nothing marks the schema ${schema} as this tenant's. Nothing was dropped. Where it surely is, say so: comment on schema ${quoteIdentifier(schema)} is the text of ownershipMark(id).`,
    );
  }
  await assertNone(premises, outside(schema), "is outside and depends on what is inside");
  await assertNone(premises, partsOfOthers(schema), "is a part of a table outside");
  const doomed: DoomedTable[] = [];
  for (const table of await readTables(premises)) {
    doomed.push({ table, rows: await countRows(premises, table) });
  }
  return doomed;
}

async function assertNone({ client, schema }: Premises, sql: string, what: string): Promise<void> {
  const { rows } = await client.query(sql);
  const found = rows[0]?.["found"] as string;
  if (found === "") return;
  throw refused(
    `The schema ${schema} cannot be dropped by itself: ${found} ${what}. Nothing was dropped. Take that away first.`,
  );
}
