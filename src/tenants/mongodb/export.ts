import { createHash } from "node:crypto";
import { PartywallError } from "../../errors.js";
import { ARCHIVE_VERSION } from "../archive.js";
import { RowSum, type TableSum } from "../checksum.js";
import type { WatchOptions } from "../progress.js";
import { failed, refused } from "../refusal.js";
import type { ArchiveCollection, ArchiveHeader } from "./archive-format.js";
import { readCollections, type TenantCollections } from "./collections.js";
import { checkPremises, scopeOf, type Premises } from "./premises.js";
import { assertNobodyElses, bytesOf, countRows, ownLine } from "./rows.js";

/** What {@link exportTenant} takes besides the premises. */
export interface ExportOptions extends WatchOptions {
  /** Told once, after the last document and before the last line. */
  readonly onEnd?: (summary: ExportSummary) => void;
}

/** What an archive holds. */
export interface ExportSummary {
  readonly tenantId: string;
  /** When it was begun, ISO 8601 in UTC, of this machine's clock. */
  readonly takenAt: string;
  readonly tables: readonly ({ readonly table: string } & TableSum)[];
  /** Views, which hold no documents of their own and are not in it. */
  readonly skipped: readonly string[];
}

const BATCH_CHARACTERS = 1024 * 1024;

/**
 * Writes one tenant's data as an archive: NDJSON, a header, the documents of each collection in canonical Extended JSON, and a last
 * line with counts and checksums. Documents are read one after the other as fast as they are taken, and **not as of one moment**:
 * keep the tenant suspended meanwhile. Documents that came or went are noticed at the end, and refused. Memory is a batch of the
 * server's, of at most 16 MB, and one of about 1 MB. Compression is the caller's.
 *
 * Throws `PW_TENANT_DATA_REFUSED` for premises or documents that cannot be taken whole, `PW_TENANT_DATA_FAILED` where the database fails.
 *
 * @example
 * ```ts
 * import { createWriteStream } from "node:fs";
 * import { Readable } from "node:stream";
 * import { pipeline } from "node:stream/promises";
 * import { createGzip } from "node:zlib";
 * import { BSON, MongoClient } from "mongodb";
 * import { exportTenant } from "partywall/tenants/mongodb";
 *
 * const client = new MongoClient(process.env["ADMIN_MONGODB_URL"] ?? "");
 * const acme = { client, bson: BSON, strategy: "row", database: "shop", tenantId: "7f0c3c1e" } as const;
 * await pipeline(exportTenant(acme), createGzip(), createWriteStream("acme.ndjson.gz"));
 * await client.close();
 * ```
 */
export async function* exportTenant(
  premises: Premises,
  options: ExportOptions = {},
): AsyncGenerator<string, void> {
  checkPremises(premises);
  const { tenantId, strategy } = premises;
  try {
    const { names, views } = await readCollections(premises);
    const tables: ArchiveCollection[] = [];
    for (const name of names) tables.push(await describe(premises, name));
    const header: ArchiveHeader = {
      partywall: "tenant-archive",
      version: ARCHIVE_VERSION,
      engine: "mongodb",
      tenantId,
      strategy,
      takenAt: new Date().toISOString(),
      tables,
    };
    const digest = createHash("sha256");
    const signed = (text: string) => {
      digest.update(text);
      return text;
    };
    yield signed(`${JSON.stringify(header)}\n`);
    const sums: TableSum[] = [];
    for (const [index, { name, estimate }] of tables.entries()) {
      yield signed(`{"table":${index}}\n`);
      const sum = new RowSum();
      let bytes = 0;
      for await (const lines of batches(premises, name)) {
        options.signal?.throwIfAborted();
        for (const line of lines) sum.add(line);
        const text = `${lines.join("\n")}\n`;
        bytes += Buffer.byteLength(text);
        const { rows } = sum.result();
        options.onProgress?.({ phase: "export", table: name, rows, bytes, estimate });
        yield signed(text);
      }
      sums.push(sum.result());
    }
    await assertUnchanged(premises, { names }, sums);
    options.onEnd?.({
      tenantId,
      takenAt: header.takenAt,
      tables: names.map((table, index) => ({ table, ...sums[index]! })),
      skipped: views,
    });
    yield `${JSON.stringify({ end: true, tables: sums, sha256: digest.digest("hex") })}\n`;
  } catch (error) {
    throw exportFault(error, options.signal);
  }
}

function exportFault(error: unknown, signal: AbortSignal | undefined): unknown {
  if (error instanceof PartywallError || (signal?.aborted && error === signal.reason)) return error;
  return failed(
    "The tenant's data could not be read to its end; what was written so far is no archive. The cause is what the database said.",
    error,
  );
}

async function describe(premises: Premises, name: string): Promise<ArchiveCollection> {
  await assertNobodyElses(premises, name);
  const { field } = scopeOf(premises);
  return {
    name,
    ...(premises.strategy === "row" && { tenantField: field }),
    estimate: await countRows(premises, name),
  };
}

/** Of a tenant that is at work, documents are found twice or not at all. */
async function assertUnchanged(
  premises: Premises,
  { names }: Pick<TenantCollections, "names">,
  sums: readonly TableSum[],
): Promise<void> {
  for (const [index, name] of names.entries()) {
    const now = await countRows(premises, name);
    if (now === sums[index]!.rows) continue;
    throw refused(
      `There are ${now} documents in ${name}, and ${sums[index]!.rows} were read: somebody writes meanwhile, so what was written is no archive. Suspend the tenant, and export again.`,
    );
  }
}

/** The lines of one collection, so many at a time that they are about as long as a batch. */
async function* batches(premises: Premises, name: string): AsyncGenerator<string[], void> {
  let lines: string[] = [];
  let characters = 0;
  for await (const bytes of bytesOf(premises, name)) {
    const line = ownLine(premises, name, bytes);
    lines.push(line);
    characters += line.length;
    if (characters < BATCH_CHARACTERS) continue;
    yield lines;
    lines = [];
    characters = 0;
  }
  if (lines.length > 0) yield lines;
}
