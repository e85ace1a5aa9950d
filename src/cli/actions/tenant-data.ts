import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import type { Partywall } from "../../partywall.js";
import type { TenantRecord } from "../../registry/record.js";
import {
  exportTenant,
  importTenant,
  type ExportSummary,
  type ImportOptions,
  type ImportReport,
  type Premises,
  type WatchOptions,
} from "../../tenants/index.js";
import { codeOf } from "../error-report.js";
import { UsageError } from "../usage-error.js";
import { findTenant } from "./tenants.js";

/** As `findTenant`, and among the deleted too. */
export async function findTenantOrDeleted(pw: Partywall, word: string): Promise<TenantRecord> {
  try {
    return await findTenant(pw, word);
  } catch (error) {
    if (codeOf(error) !== "PW_TENANT_UNKNOWN") throw error;
    const [, kind, value = word] = /^(slug|id):(.+)$/s.exec(word) ?? [];
    let after: string | undefined;
    do {
      const page = await pw.tenants.list({
        status: "deleted",
        limit: 1000,
        ...(after === undefined ? {} : { after }),
      });
      for (const record of page.tenants) {
        if (kind !== "id" && record.slug === value) return record;
        if (kind !== "slug" && record.id === value) return record;
      }
      after = page.next;
    } while (after !== undefined);
    throw error;
  }
}

/**
 * Writes an archive to a new file that only its owner may read, compressed where its name ends in `.gz`. The file is there
 * once it is whole. Throws {@link UsageError} where it is there already.
 */
export async function exportToFile(
  premises: Premises,
  file: string,
  options: WatchOptions,
): Promise<ExportSummary & { readonly file: string; readonly bytes: number }> {
  if (await exists(file)) {
    throw new UsageError(`--out names ${file}, which is there already. Name another file.`);
  }
  let summary: ExportSummary | undefined;
  const lines = exportTenant(premises, { ...options, onEnd: (end) => void (summary = end) });
  const part = `${file}.part`;
  const output = createWriteStream(part, { mode: 0o600 });
  try {
    await (file.endsWith(".gz")
      ? pipeline(Readable.from(lines), createGzip(), output)
      : pipeline(Readable.from(lines), output));
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw (error as NodeJS.ErrnoException).syscall === "open"
      ? new UsageError(`--out names ${file}, which cannot be written. Mend the path.`, {
          cause: error,
        })
      : error;
  }
  const { size } = await stat(file);
  return { ...summary!, file, bytes: size };
}

/** Brings a file that {@link exportToFile} wrote into premises. Throws {@link UsageError} where it is not there. */
export async function importFromFile(
  premises: Premises,
  file: string,
  options: ImportOptions,
): Promise<ImportReport> {
  if (!(await exists(file))) {
    throw new UsageError(`--in names ${file}, which is not there. Mend the path.`);
  }
  const bytes = createReadStream(file);
  if (!file.endsWith(".gz")) return importTenant(premises, bytes, options);
  const plain = createGunzip();
  // What goes wrong with the file is told where the archive is read.
  bytes.on("error", (error) => plain.destroy(error));
  return importTenant(premises, bytes.pipe(plain), options);
}

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );
