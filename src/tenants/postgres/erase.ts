import { PartywallError } from "../../errors.js";
import { quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import { assertMayErase, type EraseConsent } from "../erase-consent.js";
import { failed, refused } from "../refusal.js";
import { dropDatabase, planDatabase, type DatabaseDrop } from "./erase-database.js";
import { eraseRows, planRows, type DoomedTable } from "./erase-rows.js";
import { dropSchema, planSchema } from "./erase-schema.js";
import { checkPremises, type Premises } from "./premises.js";
import { scanTenant, type ScanOptions, type ScanReport } from "./scan.js";
import { titleOf } from "./tables.js";

/** What {@link eraseTenant} takes besides the premises. */
export interface EraseOptions extends ScanOptions, EraseConsent {
  /** Most rows deleted in one transaction. Default 5000. */
  readonly batchRows?: number;
  /** For the strategy `database`: whence it is dropped. */
  readonly database?: DatabaseDrop;
}

/** What {@link eraseTenant} did, as evidence to keep: ids, names and counts, no values. */
export interface EraseReport {
  readonly tenantId: string;
  readonly slug: string;
  readonly strategy: Premises["strategy"];
  readonly dryRun: boolean;
  /** The database and server that were worked on, as the server names itself. */
  readonly database: string;
  readonly server: string;
  /** The login that did it. */
  readonly login: string;
  /** ISO 8601 in UTC, of this machine's clock. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** By table, the rows that went in this run, or would go. */
  readonly removed: readonly { readonly table: string; readonly rows: number }[];
  /** The schema or database that was dropped, or would be. */
  readonly dropped: readonly string[];
  /** The scan after it; absent from a dry run, and for `database`, where the server itself says it is gone. */
  readonly scan?: ScanReport;
  /** Whether nothing is left, as far as the scan sees. `false` in a dry run with something to erase. */
  readonly clean: boolean;
}

/**
 * Erases one tenant's data and looks for what is left. `row`: its rows, those that point at others first, in batches.
 * `schema` and `database`: dropped whole, only where they are marked as this tenant's and nothing outside depends on them.
 * Stopped at any moment, it ends in the same state when it is run again. The registry's record stays; so does what no scan
 * of a database sees: backups, replicas, logs, files.
 *
 * Throws, with nothing done, `PW_TENANT_DATA_REFUSED` for a tenant that is neither suspended nor deleted, without
 * `confirm`, where rows that are not the tenant's point at some that are, or a schema or database is not marked; and
 * `PW_TENANT_DATA_FAILED` where the database fails: what went before stays gone.
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { eraseTenant } from "partywall/tenants";
 *
 * const client = new pg.Client(process.env["MIGRATION_URL"]);
 * await client.connect();
 * const record = { id: "7f0c3c1e", slug: "acme", status: "deleted" } as const;
 * const acme = { client, strategy: "row", tenantId: record.id } as const;
 * console.log((await eraseTenant(acme, { record, dryRun: true })).removed);
 * const report = await eraseTenant(acme, { record, confirm: "acme" });
 * console.log(report.clean, JSON.stringify(report)); // keep it
 * await client.end();
 * ```
 */
export async function eraseTenant(premises: Premises, options: EraseOptions): Promise<EraseReport> {
  checkPremises(premises);
  checkConsent(premises, options);
  try {
    return await unlockedAfter(premises, options, () => erase(premises, options));
  } catch (error) {
    if (error instanceof PartywallError) throw error;
    if (options.signal?.aborted && error === options.signal.reason) throw error;
    throw failed(
      "The tenant could not be erased to the end. What went is gone; run it again to go on. The cause is what the database said.",
      error,
    );
  }
}

function checkConsent({ tenantId, strategy }: Premises, options: EraseOptions): void {
  const { batchRows = 1, database, dryRun } = options;
  assertMayErase(tenantId, options);
  if (!Number.isSafeInteger(batchRows) || batchRows < 1) {
    throw refused("batchRows is a whole number from 1. Mend it, or leave it out.");
  }
  if (!dryRun && strategy === "database" && database === undefined) {
    throw refused(
      "A database cannot be dropped from within. Nothing was done. Give database: { client, release }.",
    );
  }
}
async function erase(premises: Premises, options: EraseOptions): Promise<EraseReport> {
  const startedAt = new Date().toISOString();
  const { tenantId, strategy } = premises;
  const { record, dryRun = false } = options;
  const where = await describeServer(premises);
  const { removed, dropped } = await remove(premises, options);
  const gone = dryRun || strategy === "database";
  const scan = gone ? undefined : await scanTenant(premises, options);
  const nothing = removed.every(({ rows }) => rows === 0) && dropped.length === 0;
  return {
    tenantId,
    slug: record.slug,
    strategy,
    dryRun,
    ...where,
    startedAt,
    finishedAt: new Date().toISOString(),
    removed,
    dropped,
    ...(scan && { scan }),
    clean: scan ? scan.clean : !dryRun || nothing,
  };
}

async function remove(
  premises: Premises,
  options: EraseOptions,
): Promise<Pick<EraseReport, "removed" | "dropped">> {
  const { dryRun = false, batchRows = 5000 } = options;
  switch (premises.strategy) {
    case "row": {
      const doomed = await planRows(premises);
      if (dryRun) return { removed: doomed.map(counted), dropped: [] };
      const deleted = await eraseRows(premises, doomed, { ...options, batchRows });
      const removed = doomed.map(({ table }, at) => ({
        table: titleOf(table),
        rows: deleted[at]!,
      }));
      return { removed, dropped: [] };
    }
    case "schema": {
      const doomed = await planSchema(premises);
      if (doomed === undefined) return { removed: [], dropped: [] };
      if (!dryRun) await dropSchema(premises);
      return { removed: doomed.map(counted), dropped: [premises.schema!] };
    }
    default: {
      const { name, doomed } = await planDatabase(premises);
      if (!dryRun) await dropDatabase(premises, name, options.database!);
      return { removed: doomed.map(counted), dropped: [name] };
    }
  }
}

const counted = ({ table, rows }: DoomedTable) => ({ table: titleOf(table), rows });

async function describeServer({
  client,
}: Premises): Promise<Pick<EraseReport, "database" | "server" | "login">> {
  const { rows } = await client.query(
    "select pg_catalog.current_database() as database, pg_catalog.current_setting('server_version') as server, current_user::text as login",
  );
  const { database, server, login } = rows[0] as Record<"database" | "server" | "login", string>;
  return { database, server, login };
}

/** Keeps a second erasure and an import away. The lock is the connection's, so it ends with it. */
async function unlockedAfter<T>(
  { client, tenantId, strategy }: Premises,
  { dryRun }: EraseOptions,
  work: () => Promise<T>,
): Promise<T> {
  if (dryRun || strategy === "database") return work();
  const key = `pg_catalog.hashtextextended(${quoteLiteral(`partywall.tenant-data ${tenantId}`)}, 0)`;
  const { rows } = await client.query(`select pg_catalog.pg_try_advisory_lock(${key}) as had`);
  if (rows[0]?.["had"] !== true) {
    throw refused(
      "Another import or erasure of this tenant is at work in this database. Wait for it.",
    );
  }
  try {
    return await work();
  } finally {
    // A connection that is gone holds no lock.
    await client.query(`select pg_catalog.pg_advisory_unlock(${key})`).catch(() => undefined);
  }
}
