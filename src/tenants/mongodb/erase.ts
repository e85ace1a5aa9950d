import { PartywallError } from "../../errors.js";
import { assertMayErase, type EraseConsent } from "../erase-consent.js";
import { failed, refused } from "../refusal.js";
import { databaseOf } from "./collections.js";
import { eraseDatabase, planDatabase } from "./erase-database.js";
import { countOthers, eraseRows, planRows, type DoomedCollection } from "./erase-rows.js";
import { checkPremises, type Premises } from "./premises.js";
import { scanTenant, type ScanOptions, type ScanReport } from "./scan.js";
import { TenantLock } from "./tenant-lock.js";

/** What {@link eraseTenant} takes besides the premises. */
export interface EraseOptions extends ScanOptions, EraseConsent {
  /** Most documents deleted by one command. Default 1000. */
  readonly batchRows?: number;
}

/** What {@link eraseTenant} did, as evidence to keep: ids, names and counts, no values. */
export interface EraseReport {
  readonly tenantId: string;
  readonly slug: string;
  readonly strategy: Premises["strategy"];
  readonly dryRun: boolean;
  readonly database: string;
  /** The server's version, as it names itself. */
  readonly server: string;
  /** ISO 8601 in UTC, of this machine's clock. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** By collection, the documents that went in this run, or would go. */
  readonly removed: readonly { readonly table: string; readonly rows: number }[];
  /**
   * By collection that tenants share, how many documents are not this tenant's, before and after. What others write
   * meanwhile is in it.
   */
  readonly others: readonly {
    readonly table: string;
    readonly before: number;
    readonly after: number;
  }[];
  /** The database that was dropped, or would be. */
  readonly dropped: readonly string[];
  /** The scan after it; absent from a dry run, and for `database`, where the server itself says it is gone. */
  readonly scan?: ScanReport;
  /** Whether nothing is left, as far as the scan sees. `false` in a dry run with something to erase. */
  readonly clean: boolean;
}

/**
 * Erases one tenant's data and looks for what is left. `row`: its documents, in batches, by its value alone. `database`: dropped
 * whole, only where it is marked as this tenant's. Stopped at any moment, it ends in the same state when it is run again. The registry's
 * record stays; so does what no scan of a database sees: backups, the oplog, logs, files.
 *
 * Throws, with nothing done, `PW_TENANT_DATA_REFUSED` for a tenant that is neither suspended nor deleted, without `confirm`, where a
 * document is not this tenant's alone, or a database is not marked; and `PW_TENANT_DATA_FAILED` where the database fails: what went
 * before stays gone.
 *
 * @example
 * ```ts
 * import { BSON, MongoClient } from "mongodb";
 * import { eraseTenant } from "partywall/tenants/mongodb";
 *
 * const client = new MongoClient(process.env["ADMIN_MONGODB_URL"] ?? "");
 * const record = { id: "7f0c3c1e", slug: "acme", status: "deleted" } as const;
 * const acme = { client, bson: BSON, strategy: "row", database: "shop", tenantId: record.id } as const;
 * console.log((await eraseTenant(acme, { record, dryRun: true })).removed);
 * const report = await eraseTenant(acme, { record, confirm: "acme" });
 * console.log(report.clean, JSON.stringify(report)); // keep it
 * await client.close();
 * ```
 */
export async function eraseTenant(premises: Premises, options: EraseOptions): Promise<EraseReport> {
  checkPremises(premises);
  assertMayErase(premises.tenantId, options);
  const { batchRows = 1 } = options;
  if (!Number.isSafeInteger(batchRows) || batchRows < 1) {
    throw refused("batchRows is a whole number from 1. Mend it, or leave it out.");
  }
  try {
    return await erase(premises, options);
  } catch (error) {
    if (error instanceof PartywallError) throw error;
    if (options.signal?.aborted && error === options.signal.reason) throw error;
    throw failed(
      "The tenant could not be erased to the end. What went is gone; run it again to go on. The cause is what the database said.",
      error,
    );
  }
}

async function erase(premises: Premises, options: EraseOptions): Promise<EraseReport> {
  const startedAt = new Date().toISOString();
  const { tenantId, strategy, database } = premises;
  const { record, dryRun = false } = options;
  const { version } = await databaseOf(premises).command({ buildInfo: 1 });
  const done =
    strategy === "row"
      ? await removeRows(premises, options)
      : await removeDatabase(premises, dryRun);
  const scan = dryRun || strategy === "database" ? undefined : await scanTenant(premises, options);
  const nothing = done.removed.every(({ rows }) => rows === 0) && done.dropped.length === 0;
  return {
    tenantId,
    slug: record.slug,
    strategy,
    dryRun,
    database,
    server: String(version),
    startedAt,
    finishedAt: new Date().toISOString(),
    ...done,
    ...(scan && { scan }),
    clean: scan ? scan.clean : !dryRun || nothing,
  };
}

type Removed = Pick<EraseReport, "removed" | "others" | "dropped">;

async function removeRows(premises: Premises, options: EraseOptions): Promise<Removed> {
  if (options.dryRun) {
    const doomed = await planRows(premises);
    return { removed: doomed.map(counted), others: [], dropped: [] };
  }
  const lock = await TenantLock.take(premises);
  try {
    const doomed = await planRows(premises);
    const assertHeld = () => lock.assertHeld();
    const deleted = await eraseRows(premises, doomed, { ...options, assertHeld });
    const others: EraseReport["others"][number][] = [];
    for (const { table, others: before } of doomed) {
      others.push({ table, before, after: await countOthers(premises, table, 0) });
    }
    // With it goes what an import that did not end has noted.
    await lock.finish();
    const removed = doomed.map(({ table }, at) => ({ table, rows: deleted[at]! }));
    return { removed, others, dropped: [] };
  } finally {
    await lock.leave();
  }
}

async function removeDatabase(premises: Premises, dryRun: boolean): Promise<Removed> {
  const doomed = await planDatabase(premises);
  if (doomed === undefined) return { removed: [], others: [], dropped: [] };
  if (!dryRun) await eraseDatabase(premises);
  return { removed: doomed.map(counted), others: [], dropped: [premises.database] };
}

const counted = ({ table, rows }: DoomedCollection) => ({ table, rows });
