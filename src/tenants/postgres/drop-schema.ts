import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";
import { transaction } from "./admin.js";
import { untouched } from "../home.js";

// What is not in the schema, as one number; a cascade that leaves the schema changes it. A dropped column counts.
const OUTSIDE = `select concat_ws(' ',
  (select sum(pg_catalog.hashoid(c.oid)::bigint + c.relchecks) from pg_catalog.pg_class c where c.relnamespace <> n.oid
    and c.relnamespace <> 'pg_toast'::pg_catalog.regnamespace),
  (select sum(pg_catalog.hashoid(a.attrelid)::bigint + a.attnum) from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
    where a.attisdropped and c.relnamespace <> n.oid),
  (select sum(pg_catalog.hashoid(d.oid)::bigint) from pg_catalog.pg_attrdef d join pg_catalog.pg_class c on c.oid = d.adrelid where c.relnamespace <> n.oid),
  (select sum(pg_catalog.hashoid(p.oid)::bigint) from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid where c.relnamespace <> n.oid),
  (select sum(pg_catalog.hashoid(r.oid)::bigint) from pg_catalog.pg_rewrite r join pg_catalog.pg_class c on c.oid = r.ev_class where c.relnamespace <> n.oid),
  (select sum(pg_catalog.hashoid(t.oid)::bigint) from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid
    where c.relnamespace <> n.oid and not t.tgisinternal),
  (select sum(pg_catalog.hashoid(oid)::bigint) from pg_catalog.pg_constraint where connamespace <> n.oid),
  (select sum(pg_catalog.hashoid(oid)::bigint) from pg_catalog.pg_proc where pronamespace <> n.oid),
  (select sum(pg_catalog.hashoid(oid)::bigint) from pg_catalog.pg_type where typnamespace <> n.oid),
  (select sum(pg_catalog.hashoid(oid)::bigint) from pg_catalog.pg_operator where oprnamespace <> n.oid),
  (select sum(pg_catalog.hashoid(oid)::bigint) from pg_catalog.pg_opclass where opcnamespace <> n.oid),
  (select sum(pg_catalog.hashoid(oid)::bigint) from pg_catalog.pg_cast),
  (select sum(pg_catalog.hashoid(oid)::bigint) from pg_catalog.pg_event_trigger),
  (select sum(pg_catalog.hashoid(oid)::bigint) from pg_catalog.pg_extension where extnamespace <> n.oid),
  (select sum(pg_catalog.hashoid(oid)::bigint) from pg_catalog.pg_statistic_ext where stxnamespace <> n.oid)) as outside
from (select $1::oid as oid) n`;

/**
 * Drops a schema with all that is in it, and nothing else: where something outside hangs on it, all stays and it throws
 * `PW_PLACEMENT`. The caller has seen that the schema is to be dropped.
 */
export async function dropSchema(client: SqlClient, schema: string): Promise<void> {
  await transaction(client, async () => {
    // One snapshot, or what others create meanwhile would count.
    await client.query("set transaction isolation level repeatable read");
    const found = await client.query("select oid from pg_catalog.pg_namespace where nspname = $1", [
      schema,
    ]);
    const oid = found.rows[0]?.["oid"];
    const outside = async () => (await client.query(OUTSIDE, [oid])).rows[0]?.["outside"];
    const before = await outside();
    await client.query(`drop schema ${quoteIdentifier(schema)} cascade`);
    if ((await outside()) === before) return;
    throw untouched(
      `schema ${JSON.stringify(schema)}`,
      "is used by objects outside it, which would be dropped with it. Drop those first, or make them independent.",
    );
  });
}
