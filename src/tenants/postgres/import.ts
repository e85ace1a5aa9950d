import { PartywallError } from "../../errors.js";
import { qualified, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import type { ArchiveTrailer } from "../archive.js";
import type { ArchiveSource } from "../archive-lines.js";
import { ArchiveReader } from "../archive-reader.js";
import type { TableSum } from "../checksum.js";
import type { WatchOptions } from "../progress.js";
import { failed, refused } from "../refusal.js";
import { POSTGRES_ARCHIVE, type ArchiveHeader, type ArchiveValues } from "./archive-format.js";
import { LateColumns } from "./late-keys.js";
import { matchTables, type MatchedTable } from "./match.js";
import { lateKeys } from "./order.js";
import { checkPremises, type Premises } from "./premises.js";
import { RowWriter, type Value } from "./row-writer.js";
import { hasRows, sumInDatabase } from "./rows.js";
import { assertSequences, moveSequences } from "./sequences.js";
import { readTables, titleOf } from "./tables.js";
import { begin } from "./transaction.js";
import { silenceTriggers } from "./triggers.js";

/** What {@link importTenant} takes besides the premises and the archive. */
export interface ImportOptions extends WatchOptions {
  /** What to do where the tenant has rows already; `"refuse"` is all there is. */
  readonly onConflict?: "refuse";
  /**
   * Whether the user's triggers run for the rows: `"off"`, for a restore is data as it was, or `"fire"`. Default `"off"`,
   * for which the login must own the tables that have some. Foreign keys and checks hold in either case.
   */
  readonly triggers?: "off" | "fire";
}

/** What {@link importTenant} brought in. */
export interface ImportReport {
  readonly tenantId: string;
  /** Where the archive was written, and when. */
  readonly from: Pick<ArchiveHeader, "tenantId" | "strategy" | "takenAt">;
  /** By table here, what came in and was found in the database afterwards. */
  readonly tables: readonly ({ readonly table: string } & TableSum)[];
  /** Tables of the premises that the archive does not have. */
  readonly untouched: readonly string[];
  /** Triggers that were off meanwhile, `trigger on schema.table`. */
  readonly silenced: readonly string[];
}

/**
 * Brings an archive into a tenant's premises, of whatever strategy, under whatever id: the tenant column is written anew,
 * and no other value is changed. One transaction: where anything fails, or the process dies, nothing has been written, and
 * it can simply be run again. Sequences are moved past what came in (and stay moved where the rest is rolled back).
 *
 * Throws, before anything is written, `PW_TENANT_DATA_REFUSED` where a table, column or type differs, the tenant has rows
 * already or the login's rights do not do; `PW_ARCHIVE_INVALID` for an archive that is cut or altered;
 * `PW_TENANT_DATA_FAILED` where the database refuses a row.
 *
 * @param archive chunks of text or bytes, uncompressed
 *
 * @example
 * ```ts
 * import { createReadStream } from "node:fs";
 * import { createGunzip } from "node:zlib";
 * import pg from "pg";
 * import { importTenant } from "partywall/tenants";
 *
 * const client = new pg.Client(process.env["MIGRATION_URL"]);
 * await client.connect();
 * const copy = { client, strategy: "row", tenantId: "0b8f2f5e-0f58-4f2b-a5d3-7d0c5e0f9a11" } as const;
 * const report = await importTenant(copy, createReadStream("acme.ndjson.gz").pipe(createGunzip()));
 * console.log(report.tables);
 * await client.end();
 * ```
 */
export async function importTenant(
  premises: Premises,
  archive: ArchiveSource,
  options: ImportOptions = {},
): Promise<ImportReport> {
  const { onConflict = "refuse", triggers = "off" } = options;
  if (onConflict !== "refuse") {
    throw refused('onConflict can only be "refuse". Erase what is there first, or leave it out.');
  }
  if (triggers !== "off" && triggers !== "fire") {
    throw refused('triggers is "off" or "fire". Mend it, or leave it out.');
  }
  checkPremises(premises);
  const reader = new ArchiveReader(archive, POSTGRES_ARCHIVE);
  try {
    const header = await reader.header();
    const transaction = await begin(premises.client, "write");
    try {
      const report = await fill(premises, header, reader, { ...options, triggers });
      await transaction.commit();
      return report;
    } finally {
      await transaction.rollback();
    }
  } catch (error) {
    if (error instanceof PartywallError) throw error;
    if (options.signal?.aborted && error === options.signal.reason) throw error;
    throw failed(
      "The archive could not be brought in; everything was rolled back. The cause says why: a row that a key, a check or a type here refuses, an archive that could not be read on, or a connection that was lost.",
      error,
    );
  } finally {
    await reader.close();
  }
}

type PostgresReader = ArchiveReader<
  ArchiveHeader["engine"],
  ArchiveHeader["strategy"],
  ArchiveHeader["tables"][number],
  ArchiveValues
>;
type FillOptions = ImportOptions & Required<Pick<ImportOptions, "triggers">>;

async function fill(
  premises: Premises,
  header: ArchiveHeader,
  reader: PostgresReader,
  options: FillOptions,
): Promise<ImportReport> {
  const { client, tenantId } = premises;
  await lockTenant(premises);
  const here = await readTables(premises);
  const matched = matchTables(header, here);
  for (const { into } of matched) {
    if (!(await hasRows(client, premises, into))) continue;
    throw refused(
      `There are rows in ${titleOf(into)} already${premises.strategy === "row" ? " for this tenant" : ""}. Nothing was written. Erase them first, or import under another id or into other premises.`,
    );
  }
  await assertSequences(client, matched);
  const tables = matched.map(({ into }) => into);
  const { late, deferred } = lateKeys(tables);
  const silenced = options.triggers === "off" ? await silenceTriggers(client, tables) : undefined;
  if (deferred) await client.query("set constraints all deferred");
  const waiting = new Map<number, LateColumns>();
  for (const [index, table] of matched.entries()) {
    const keys = late.get(table.into.oid);
    if (!keys) continue;
    const columns = new LateColumns(premises, table, keys, index);
    await columns.open();
    waiting.set(index, columns);
  }
  await writeRows(premises, header, matched, waiting, reader, options);
  for (const columns of waiting.values()) await columns.set();
  // Keys that waited are checked here, where what is wrong can still be told; triggers are put on after the last check.
  await client.query("set constraints all immediate");
  const sums = await verify(premises, matched, reader.trailer, options);
  await silenced?.restore();
  await moveSequences(premises, matched);
  return {
    tenantId,
    from: { tenantId: header.tenantId, strategy: header.strategy, takenAt: header.takenAt },
    tables: sums,
    untouched: here.filter((table) => !tables.includes(table)).map(titleOf),
    silenced: silenced?.names ?? [],
  };
}

/** Two at work on one tenant would each find it empty. Held until the transaction ends. */
async function lockTenant({ client, tenantId }: Premises): Promise<void> {
  const { rows } = await client.query(
    `select pg_try_advisory_xact_lock(hashtextextended(${quoteLiteral(`partywall.tenant-data ${tenantId}`)}, 0)) as had`,
  );
  if (rows[0]?.["had"] === true) return;
  throw refused(
    "Another import or erasure of this tenant is at work in this database. Wait for it.",
  );
}

async function writeRows(
  { client, tenantId }: Premises,
  header: ArchiveHeader,
  matched: readonly MatchedTable[],
  waiting: ReadonlyMap<number, LateColumns>,
  reader: PostgresReader,
  { onProgress, signal }: FillOptions,
): Promise<void> {
  let current = -1;
  let writer: RowWriter | undefined;
  let rows = 0;
  let bytes = 0;
  const tell = () =>
    onProgress?.({
      phase: "import",
      table: titleOf(matched[current]!.into),
      rows,
      bytes,
      estimate: header.tables[current]!.estimate,
    });
  for await (const { table, values, length } of reader.rows()) {
    if (table !== current) {
      await writer?.flush();
      if (current >= 0) tell();
      current = table;
      rows = bytes = 0;
      const { into, columns } = matched[table]!;
      const names = columns.map(({ name }) => name);
      writer = new RowWriter(
        client,
        qualified(into),
        into.tenantColumn === null ? names : [into.tenantColumn, ...names],
      );
    }
    const own: readonly Value[] = (await waiting.get(table)?.take(values, length)) ?? values;
    await writer!.add(
      matched[table]!.into.tenantColumn === null ? own : [tenantId, ...own],
      length,
    );
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

/** What the database has now against what the archive's last line tells of. */
async function verify(
  premises: Premises,
  matched: readonly MatchedTable[],
  trailer: ArchiveTrailer,
  { triggers }: FillOptions,
): Promise<ImportReport["tables"]> {
  const sums: ImportReport["tables"][number][] = [];
  for (const [index, { into, columns }] of matched.entries()) {
    const found = await sumInDatabase(premises, into, columns);
    const told = trailer.tables[index]!;
    const same = found.rows === told.rows && found.checksum === told.checksum;
    // A trigger that was asked for may have changed them.
    if (!same && triggers === "off") {
      throw refused(
        `What came into ${titleOf(into)} is not what the archive has (${found.rows} rows of ${told.rows}${found.rows === told.rows ? ", with other values" : ""}); everything was rolled back. A rule, or a type that reads its own text differently, changes rows on their way in.`,
      );
    }
    sums.push({ table: titleOf(into), ...found });
  }
  return sums;
}
