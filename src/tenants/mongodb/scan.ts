import { isTenants } from "../../guards/mongodb/command/tenant-value.js";
import { tenantPredicate } from "../../guards/mongodb/command/tenant-match.js";
import type { MongoDocument } from "../../guards/mongodb/driver.js";
import { isApart } from "../../guards/mongodb/home-mark.js";
import type { WatchOptions } from "../progress.js";
import { refused } from "../refusal.js";
import { ARRAY, DOCUMENT, elementsOf } from "./bson-elements.js";
import { collectionOf, databaseOf } from "./collections.js";
import { valueOf } from "./document-line.js";
import { checkPremises, scopeOf, type Bson, type Premises } from "./premises.js";
import { rawDocuments } from "./raw-documents.js";
import { isNoted, WORK_COLLECTION } from "./tenant-lock.js";

/** What {@link scanTenant} takes besides the premises. */
export interface ScanOptions extends WatchOptions {
  /**
   * Other fields to look into, by path (`"ownerId"`, `"meta.owner"`), in whichever collection; or `"all"`, which reads every
   * document whole and finds the tenant's value and id at any depth. Default: none.
   */
  readonly fields?: readonly string[] | "all";
}

/** One field that was looked into. */
export interface ScannedField {
  /** The collection. */
  readonly table: string;
  /** Path of the field; `"*"` where every one was looked into. */
  readonly field: string;
  /** Documents in which the field holds the tenant's value or id. */
  readonly rows: number;
}

/** What {@link scanTenant} found. */
export interface ScanReport {
  /** Nothing was found. */
  readonly clean: boolean;
  readonly scanned: readonly ScannedField[];
  /** Those of `scanned` with documents. */
  readonly found: readonly ScannedField[];
  /** The tenant's own database, where it is still there, and an import or erasure that did not end. */
  readonly standing: readonly string[];
}

/**
 * Looks for what is left of a tenant: in the tenant's field of every collection of the database, shared ones too, and in the fields
 * that are named, for its value and its id; under the strategy `database` also for that database. Changes nothing. What it does not
 * see: backups, delayed members, the oplog, logs, other databases, the registry's record, and ids within longer texts.
 *
 * Throws `PW_TENANT_DATA_REFUSED` for premises that contradict themselves.
 *
 * @example
 * ```ts
 * import { BSON, MongoClient } from "mongodb";
 * import { scanTenant } from "partywall/tenants/mongodb";
 *
 * const client = new MongoClient(process.env["ADMIN_MONGODB_URL"] ?? "");
 * const acme = { client, bson: BSON, strategy: "row", database: "shop", tenantId: "acme" } as const;
 * const { clean, found } = await scanTenant(acme, { fields: ["ownerId"] });
 * if (!clean) console.error(found);
 * await client.close();
 * ```
 */
export async function scanTenant(
  premises: Premises,
  options: ScanOptions = {},
): Promise<ScanReport> {
  checkPremises(premises);
  const { fields = [], onProgress, signal } = options;
  const isPath = (path: unknown) => typeof path === "string" && path !== "" && path[0] !== "$";
  if (fields !== "all" && !(Array.isArray(fields) && fields.every(isPath))) {
    throw refused('fields is a list of paths or "all". Mend it, or leave it out.');
  }
  const there = await databaseOf(premises).listCollections().toArray();
  const names = there.filter(({ type }) => type !== "view").map(({ name }) => String(name));
  const scanned: ScannedField[] = [];
  for (const table of names.toSorted()) {
    if (table.startsWith("system.") || isApart(table)) continue;
    for (const field of fields === "all" ? ["*"] : [...ownField(premises), ...fields]) {
      signal?.throwIfAborted();
      const rows =
        field === "*"
          ? await countWhole(premises, table, signal)
          : await collectionOf(premises, table).countDocuments(mentions(premises, field));
      scanned.push({ table, field, rows });
      onProgress?.({ phase: "scan", table, rows, bytes: 0, estimate: 0 });
    }
  }
  const standing: string[] = [];
  if (premises.strategy === "database" && names.length > 0) standing.push(premises.database);
  if (await isNoted(premises)) standing.push(WORK_COLLECTION);
  const found = scanned.filter(({ rows }) => rows > 0);
  return { clean: found.length + standing.length === 0, scanned, found, standing };
}

const ownField = (premises: Premises): string[] =>
  premises.strategy === "row" ? [scopeOf(premises).field] : [];

/** The tenant as it may be told of: by the value that documents carry, and by its id. */
function tellings(premises: Premises) {
  const at = scopeOf(premises);
  return [at, { ...at, tenant: premises.tenantId }];
}

function mentions(premises: Premises, field: string): MongoDocument {
  const $or = tellings(premises).map((at) => ({
    [field]: tenantPredicate({ at, binary: false }),
  }));
  return { $or };
}

async function countWhole(
  premises: Premises,
  table: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const told = tellings(premises);
  const holds = (value: unknown) => told.some((at) => isTenants(at, value));
  let rows = 0;
  for await (const bytes of rawDocuments(collectionOf(premises, table), {})) {
    signal?.throwIfAborted();
    if (isWithin(premises.bson, bytes, holds)) rows += 1;
  }
  return rows;
}

function isWithin(bson: Bson, bytes: Uint8Array, holds: (value: unknown) => boolean): boolean {
  return elementsOf(bytes).some((element) => {
    if (element.type === DOCUMENT || element.type === ARRAY) {
      return isWithin(bson, bytes.subarray(element.value, element.end), holds);
    }
    return holds(valueOf(bson, bytes, element));
  });
}
