import { createHash } from "node:crypto";
import { PartywallError } from "../../errors.js";
import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { ARCHIVE_VERSION } from "../archive.js";
import { RowSum, type TableSum } from "../checksum.js";
import type { WatchOptions } from "../progress.js";
import { failed } from "../refusal.js";
import type { ArchiveHeader, ArchiveTable } from "./archive-format.js";
import { fillOrder } from "./order.js";
import { checkPremises, type Premises } from "./premises.js";
import { ownColumns, rowsQuery } from "./rows.js";
import { estimateRows, readTables, titleOf, type PremisesTable } from "./tables.js";
import { begin } from "./transaction.js";

/** What {@link exportTenant} takes besides the premises. */
export interface ExportOptions extends WatchOptions {
  /** Told once, after the last row and before the last line. */
  readonly onEnd?: (summary: ExportSummary) => void;
}

/** What an archive holds. */
export interface ExportSummary {
  readonly tenantId: string;
  /** When the snapshot was taken, ISO 8601 in UTC. */
  readonly takenAt: string;
  readonly tables: readonly ({ readonly table: string } & TableSum)[];
}

// One by one until it is known how long rows are.
const FIRST_BATCH = 1;
const MOST_ROWS = 2000;
const BATCH_CHARACTERS = 1024 * 1024;

/**
 * Writes one tenant's data as an archive: NDJSON, a header, the rows of each table with what is pointed at first, and a
 * last line with counts and checksums. It is one snapshot (repeatable read), fetched through a cursor as fast as it is
 * taken; memory is a batch of about 1 MB, or one row where that is longer. Where the reader stops early, the client is
 * left in no transaction. Compression is the caller's.
 *
 * Throws `PW_TENANT_DATA_REFUSED` for premises that cannot be read whole, `PW_TENANT_DATA_FAILED` where the database fails.
 *
 * @example
 * ```ts
 * import { createWriteStream } from "node:fs";
 * import { Readable } from "node:stream";
 * import { pipeline } from "node:stream/promises";
 * import { createGzip } from "node:zlib";
 * import pg from "pg";
 * import { exportTenant } from "partywall/tenants";
 *
 * const client = new pg.Client(process.env["MIGRATION_URL"]);
 * await client.connect();
 * const acme = { client, strategy: "row", tenantId: "7f0c3c1e-5d0e-4a52-9f0e-0d3c5f1b2a34" } as const;
 * await pipeline(Readable.from(exportTenant(acme)), createGzip(), createWriteStream("acme.ndjson.gz"));
 * await client.end();
 * ```
 */
export async function* exportTenant(
  premises: Premises,
  options: ExportOptions = {},
): AsyncGenerator<string, void> {
  checkPremises(premises);
  const { client, tenantId, strategy } = premises;
  const transaction = await begin(client, "read");
  try {
    const tables = fillOrder(await readTables(premises));
    const described: ArchiveTable[] = [];
    for (const table of tables) described.push(await describe(premises, table));
    const header: ArchiveHeader = {
      partywall: "tenant-archive",
      version: ARCHIVE_VERSION,
      engine: "postgres",
      tenantId,
      strategy,
      takenAt: await snapshotTime(client),
      tables: described,
    };
    const digest = createHash("sha256");
    const signed = (text: string) => {
      digest.update(text);
      return text;
    };
    yield signed(`${JSON.stringify(header)}\n`);
    const sums: TableSum[] = [];
    for (const [index, table] of tables.entries()) {
      yield signed(`{"table":${index}}\n`);
      const sum = new RowSum();
      let bytes = 0;
      for await (const lines of batches(premises, table)) {
        options.signal?.throwIfAborted();
        for (const line of lines) sum.add(line);
        const text = `${lines.join("\n")}\n`;
        bytes += Buffer.byteLength(text);
        options.onProgress?.({
          phase: "export",
          table: titleOf(table),
          rows: sum.result().rows,
          bytes,
          estimate: described[index]!.estimate,
        });
        yield signed(text);
      }
      sums.push(sum.result());
    }
    await transaction.commit();
    options.onEnd?.({
      tenantId,
      takenAt: header.takenAt,
      tables: tables.map((table, index) => ({ table: titleOf(table), ...sums[index]! })),
    });
    yield `${JSON.stringify({ end: true, tables: sums, sha256: digest.digest("hex") })}\n`;
  } catch (error) {
    throw exportFault(error, options.signal);
  } finally {
    await transaction.rollback();
  }
}

function exportFault(error: unknown, signal: AbortSignal | undefined): unknown {
  if (error instanceof PartywallError || (signal?.aborted && error === signal.reason)) return error;
  return failed(
    "The tenant's data could not be read to its end; what was written so far is no archive. The cause is what the database said.",
    error,
  );
}

async function describe(premises: Premises, table: PremisesTable): Promise<ArchiveTable> {
  const columns = ownColumns(table);
  const estimate = await estimateRows(premises.client, rowsQuery(premises, table, columns));
  const { schema, name, tenantColumn } = table;
  return {
    schema,
    name,
    columns: columns.map((column) => ({ name: column.name, type: column.type })),
    ...(tenantColumn === null ? {} : { tenantColumn }),
    estimate,
  };
}

async function snapshotTime(client: SqlClient): Promise<string> {
  const { rows } = await client.query(
    `select to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as time`,
  );
  return rows[0]?.["time"] as string;
}

/** The lines of one table, so many at a time that they are about as long as a batch. */
async function* batches(premises: Premises, table: PremisesTable): AsyncGenerator<string[], void> {
  const { client } = premises;
  const query = rowsQuery(premises, table, ownColumns(table));
  await client.query(`declare partywall_export no scroll cursor for ${query}`);
  let size = FIRST_BATCH;
  for (;;) {
    const { rows } = await client.query(`fetch ${size} from partywall_export`);
    if (rows.length > 0) {
      const lines = rows.map((row) => row["line"] as string);
      yield lines;
      const longest = lines.reduce((most, line) => Math.max(most, line.length), 1);
      const wanted = Math.floor(BATCH_CHARACTERS / longest);
      // Slowly up, at once down: a few short rows say little about the next.
      size = Math.max(1, Math.min(MOST_ROWS, wanted, rows.length * 4));
    }
    if (rows.length === 0) break;
  }
  await client.query("close partywall_export");
}
