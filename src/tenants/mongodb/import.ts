import { PartywallError } from "../../errors.js";
import { stamped } from "../../guards/mongodb/command/documents.js";
import type { ArchiveTrailer } from "../archive.js";
import type { ArchiveSource } from "../archive-lines.js";
import { ArchiveReader } from "../archive-reader.js";
import type { TableSum } from "../checksum.js";
import type { WatchOptions } from "../progress.js";
import { failed, refused } from "../refusal.js";
import { mongoArchive, type ArchiveCollection, type ArchiveHeader } from "./archive-format.js";
import { collectionOf } from "./collections.js";
import type { StoredDocument } from "./document-line.js";
import { matchCollections, type MatchedCollections } from "./match.js";
import { checkPremises, scopeOf, type Premises } from "./premises.js";
import { RowWriter } from "./row-writer.js";
import { hasRows, sumRows } from "./rows.js";
import { takeBack } from "./take-back.js";
import { TenantLock } from "./tenant-lock.js";

/** What {@link importTenant} takes besides the premises and the archive. */
export type ImportOptions = WatchOptions;

/** What {@link importTenant} brought in. */
export interface ImportReport {
  readonly tenantId: string;
  /** Where the archive was written, and when. */
  readonly from: Pick<ArchiveHeader, "tenantId" | "strategy" | "takenAt">;
  /** By collection, what came in and was found in the database afterwards. */
  readonly tables: readonly ({ readonly table: string } & TableSum)[];
  /** Collections that were not there and came to be with their first document: without indexes and validators. */
  readonly created: readonly string[];
  /** Collections of the premises that the archive does not have. */
  readonly untouched: readonly string[];
}

/**
 * Brings an archive into a tenant's premises, of either strategy, under whatever id: the tenant's value is written anew, and no
 * other. There are no transactions of that size, so what comes in is noted: where anything fails all of it is removed again, and where
 * the process dies the next import removes it and begins anew. Keep the tenant suspended until it has ended.
 *
 * Throws, before anything is written, `PW_TENANT_DATA_REFUSED` where a collection may not take documents or the tenant has some
 * already; `PW_ARCHIVE_INVALID` for an archive that is cut, altered or not of MongoDB; `PW_TENANT_DATA_FAILED` where the database
 * refuses a document, and names the index that did.
 *
 * @param archive chunks of text or bytes, uncompressed
 *
 * @example
 * ```ts
 * import { createReadStream } from "node:fs";
 * import { createGunzip } from "node:zlib";
 * import { BSON, MongoClient } from "mongodb";
 * import { importTenant } from "partywall/tenants/mongodb";
 *
 * const client = new MongoClient(process.env["ADMIN_MONGODB_URL"] ?? "");
 * const copy = { client, bson: BSON, strategy: "row", database: "shop", tenantId: "0b8f2f5e" } as const;
 * const report = await importTenant(copy, createReadStream("acme.ndjson.gz").pipe(createGunzip()));
 * console.log(report.tables);
 * await client.close();
 * ```
 */
export async function importTenant(
  premises: Premises,
  archive: ArchiveSource,
  options: ImportOptions = {},
): Promise<ImportReport> {
  checkPremises(premises);
  const reader = new ArchiveReader(archive, mongoArchive(premises.bson));
  try {
    const header = await reader.header();
    const lock = await TenantLock.take(premises);
    try {
      return await bringIn(premises, lock, header, reader, options);
    } finally {
      await lock.leave();
    }
  } catch (error) {
    if (error instanceof PartywallError) throw error;
    if (options.signal?.aborted && error === options.signal.reason) throw error;
    throw failed(
      "The archive could not be brought in. What came in was removed again, or is removed by the next import. The cause says why: what the database said, an archive that could not be read on, or a connection that was lost.",
      error,
    );
  } finally {
    await reader.close();
  }
}

type MongoReader = ArchiveReader<
  ArchiveHeader["engine"],
  ArchiveHeader["strategy"],
  ArchiveCollection,
  StoredDocument
>;

async function bringIn(
  premises: Premises,
  lock: TenantLock,
  header: ArchiveHeader,
  reader: MongoReader,
  options: ImportOptions,
): Promise<ImportReport> {
  const unfinished = await lock.unfinished();
  if (unfinished !== undefined) await takeBack(premises, lock, unfinished);
  const matched = await matchCollections(header, premises);
  for (const name of matched.names) {
    if (!(await hasRows(premises, name))) continue;
    throw refused(
      `There are documents in ${name} already${premises.strategy === "row" ? " for this tenant" : ""}. Nothing was written. Erase them first, or import under another id or into other premises.`,
    );
  }
  const { names } = matched;
  let note = { collections: names, written: 0, upTo: 0 };
  const beforeBatch = async (documents: number) => {
    const { upTo } = note;
    note = { collections: names, written: upTo, upTo: upTo + documents };
    await lock.note(note);
  };
  await lock.note(note);
  try {
    await writeRows(premises, header, reader, beforeBatch, options);
    const tables = await verify(premises, matched, reader.trailer, options);
    await lock.finish();
    const { tenantId, strategy, takenAt } = header;
    return {
      tenantId: premises.tenantId,
      from: { tenantId, strategy, takenAt },
      tables,
      created: matched.missing.filter((name) =>
        tables.some(({ table, rows }) => table === name && rows > 0),
      ),
      untouched: matched.untouched,
    };
  } catch (error) {
    // Why it failed is what must be told; what cannot be removed now is noted, and the next import removes it.
    await takeBack(premises, lock, note)
      .then(() => lock.finish())
      .catch(() => undefined);
    throw error;
  }
}

async function writeRows(
  premises: Premises,
  header: ArchiveHeader,
  reader: MongoReader,
  beforeBatch: (documents: number) => Promise<void>,
  { onProgress, signal }: ImportOptions,
): Promise<void> {
  const { tables } = header;
  let current = -1;
  let writer: RowWriter | undefined;
  let rows = 0;
  let bytes = 0;
  const tell = () => {
    const { name, estimate } = tables[current]!;
    onProgress?.({ phase: "import", table: name, rows, bytes, estimate });
  };
  for await (const { table, values, length } of reader.rows()) {
    const { name } = tables[table]!;
    if (table !== current) {
      await writer?.flush();
      if (current >= 0) tell();
      current = table;
      rows = bytes = 0;
      writer = new RowWriter(collectionOf(premises, name), name, beforeBatch);
    }
    await writer!.add(theirs(premises, name, values), length);
    rows += 1;
    bytes += length + 1;
    if (rows % 1000 === 0) {
      signal?.throwIfAborted();
      tell();
    }
  }
  await writer?.flush();
  if (current >= 0) tell();
}

/** A document of the archive as it is stored here, with the tenant's value behind its own members. */
function theirs(premises: Premises, name: string, document: StoredDocument): StoredDocument {
  if (premises.strategy === "database") return document;
  const at = scopeOf(premises);
  const isMap = document instanceof Map;
  if (isMap ? document.has(at.field) : Object.hasOwn(document, at.field)) {
    throw refused(
      `A document of ${name} in the archive has a member ${at.field} of its own, which is where the tenant goes here. Export it from a place where that is the tenantField, or name another one here.`,
    );
  }
  return isMap ? new Map([...document, [at.field, at.tenant]]) : stamped(at, document);
}

/** What the database has now against what the archive's last line tells of. */
async function verify(
  premises: Premises,
  { names }: MatchedCollections,
  trailer: ArchiveTrailer,
  options: ImportOptions,
): Promise<ImportReport["tables"]> {
  const sums: ImportReport["tables"][number][] = [];
  for (const [index, name] of names.entries()) {
    const found = await sumRows(premises, name, options);
    const told = trailer.tables[index]!;
    if (found.rows !== told.rows || found.checksum !== told.checksum) {
      throw refused(
        `What came into ${name} is not what the archive has (${found.rows} documents of ${told.rows}${found.rows === told.rows ? ", with other values" : ""}), so it was removed again. Somebody writes at the same time, or this server does not keep every value as it is given.`,
      );
    }
    sums.push({ table: name, ...found });
  }
  return sums;
}
