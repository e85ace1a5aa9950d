import { qualified, quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import type { WatchOptions } from "../progress.js";
import { refused } from "../refusal.js";
import { checkPremises, type Premises } from "./premises.js";
import { OWN_SCHEMAS, SEES_ALL, titleOf, WALLED_COLUMN } from "./tables.js";
import { inTransaction } from "./transaction.js";

/** What {@link scanTenant} takes besides the premises. */
export interface ScanOptions extends WatchOptions {
  /** Name of the tenant column. Default `"tenant_id"`. */
  readonly tenantColumn?: string;
  /**
   * Other columns to look into, by name (`"owner_id"`), in whichever table; or `"all"` columns of type uuid, text and
   * varchar, and bigint where the id is a number, which reads every table whole. Default: none.
   */
  readonly columns?: readonly string[] | "all";
}

/** One column that was looked into. */
export interface ScannedColumn {
  /** `schema.name`. */
  readonly table: string;
  readonly column: string;
  /** Rows in which the column holds the tenant's id. */
  readonly rows: number;
}

/** What {@link scanTenant} found. */
export interface ScanReport {
  /** Nothing was found, and everything that was to be looked into could be. */
  readonly clean: boolean;
  readonly scanned: readonly ScannedColumn[];
  /** Those of `scanned` with rows. */
  readonly found: readonly ScannedColumn[];
  /** What could not be looked into, `schema.name`, and why. */
  readonly unseen: readonly { readonly table: string; readonly why: string }[];
  /** The tenant's own schema or database, where it is still there. */
  readonly standing: readonly string[];
}

interface Candidate {
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly column: string;
  readonly type: string;
  readonly seen: boolean;
}

/**
 * Looks for what is left of a tenant: in every table and materialised view of the database that has a column of the
 * tenant column's name or the wall's policy, in the wall's own seals, and in the columns that are named, for its id;
 * under the strategies `schema` and `database` also for that schema or database. Changes nothing. What it does not see:
 * backups, replicas, logs, other databases, the registry's record, and ids inside longer texts or JSON.
 *
 * Throws `PW_TENANT_DATA_REFUSED` for premises that contradict themselves.
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { scanTenant } from "partywall/tenants";
 *
 * const client = new pg.Client(process.env["MIGRATION_URL"]);
 * await client.connect();
 * const { clean, found } = await scanTenant({ client, strategy: "row", tenantId: "acme" }, { columns: ["owner_id"] });
 * if (!clean) console.error(found);
 * await client.end();
 * ```
 */
export async function scanTenant(
  premises: Premises,
  options: ScanOptions = {},
): Promise<ScanReport> {
  checkPremises(premises);
  return inTransaction(premises.client, "read", () => scan(premises, options));
}

async function scan(premises: Premises, options: ScanOptions): Promise<ScanReport> {
  const { client, tenantId, strategy, schema } = premises;
  const scanned: ScannedColumn[] = [];
  const unseen: ScanReport["unseen"][number][] = [];
  for (const candidate of await candidates(premises, options)) {
    options.signal?.throwIfAborted();
    const table = titleOf(candidate);
    if (!candidate.seen) {
      const why =
        candidate.kind === "f" ? "it is a foreign table" : "this login does not see it whole";
      unseen.push({ table, why });
      continue;
    }
    if (candidate.kind === "x") {
      unseen.push({ table, why: "the wall's policy does not tell its tenant column" });
      continue;
    }
    const rows = await countIn(client, candidate, tenantId);
    scanned.push({ table, column: candidate.column, rows });
    options.onProgress?.({ phase: "scan", table, rows, bytes: 0, estimate: 0 });
  }
  const standing: string[] = [];
  if (strategy === "schema" && (await schemaExists(client, schema!))) standing.push(schema!);
  const found = scanned.filter(({ rows }) => rows > 0);
  return {
    clean: found.length + unseen.length + standing.length === 0,
    scanned,
    found,
    unseen,
    standing,
  };
}

async function candidates(
  { client, tenantColumn }: Premises,
  { columns = [], tenantColumn: named = tenantColumn ?? "tenant_id" }: ScanOptions,
): Promise<readonly Candidate[]> {
  if (columns !== "all" && !Array.isArray(columns)) {
    throw refused('columns is a list of names or "all". Mend it, or leave it out.');
  }
  const wanted = [named, ...(columns === "all" ? [] : columns)].map(quoteLiteral).join(", ");
  // Partitions are reached through their parents; what inherits otherwise is a table of its own.
  const { rows } = await client.query(
    `select coalesce(json_agg(f), '[]')::text as found from (
select n.nspname as schema, c.relname as name, c.relkind::text as kind, a.attname as column,
  format_type(coalesce(nullif(y.typbasetype, 0), y.oid), null) as type,
  c.relkind <> 'f' and has_table_privilege(c.oid, 'SELECT') and has_schema_privilege(n.oid, 'USAGE') and ${SEES_ALL} as seen
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type y on y.oid = a.atttypid
where c.relkind in ('r', 'p', 'm', 'f') and not c.relispartition and c.relpersistence <> 't'
  and (${OWN_SCHEMAS} and (a.attname in (${wanted}) or a.attname = ${WALLED_COLUMN}
      ${columns === "all" ? "or coalesce(nullif(y.typbasetype, 0), y.oid) in ('uuid'::regtype, 'text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'int8'::regtype)" : ""})
    or n.nspname = 'partywall' and c.relname = 'seals' and a.attname = 'tenant')
union all
select n.nspname, c.relname, 'x', '', '', true
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where ${OWN_SCHEMAS} and not c.relispartition and exists (select from pg_policy w where w.polrelid = c.oid and w.polname = 'partywall_tenant')
  and ${WALLED_COLUMN} is null and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and a.attname in (${wanted}))
  and not pg_get_expr((select w.polqual from pg_policy w where w.polrelid = c.oid and w.polname = 'partywall_tenant'), c.oid) ~ '''[^'']*''::'
order by 1, 2, 4) f`,
  );
  return JSON.parse(rows[0]?.["found"] as string) as Candidate[];
}

const COMPARABLE: Readonly<Record<string, RegExp>> = {
  uuid: /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i,
  bigint: /^-?\d{1,18}$/,
  integer: /^-?\d{1,9}$/,
};

/** A column whose type the id is no value of is compared as text, which finds nothing there and says so. */
async function countIn(
  client: SqlClient,
  { schema, name, kind, column, type }: Candidate,
  tenantId: string,
): Promise<number> {
  const id = quoteLiteral(tenantId);
  const quoted = `t.${quoteIdentifier(column)}`;
  const typed = COMPARABLE[type]?.test(tenantId) ?? /^(text|character varying)$/.test(type);
  const condition = typed ? `${quoted} = ${id}::${type}` : `${quoted}::text = ${id}`;
  const { rows } = await client.query(
    `select count(*)::text as rows from ${kind === "r" ? "only " : ""}${qualified({ schema, name })} t where ${condition}`,
  );
  return Number(rows[0]?.["rows"]);
}

/** Whether a schema is there. */
async function schemaExists(client: SqlClient, schema: string): Promise<boolean> {
  const { rows } = await client.query(
    `select exists (select from pg_catalog.pg_namespace where nspname = ${quoteLiteral(schema)}) as found`,
  );
  return rows[0]?.["found"] === true;
}
