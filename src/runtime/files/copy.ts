import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { PartywallError } from "../../errors.js";

const CHUNK_BYTES = 64 * 1024;

/** Whether `copyFile`'s mode refuses a destination that exists. Throws `PW_STATEMENT_REFUSED` for what cannot be kept. */
export function isExclusive(mode: unknown = 0): boolean {
  const { COPYFILE_EXCL, COPYFILE_FICLONE } = constants;
  if (typeof mode !== "number" || (mode & ~(COPYFILE_EXCL | COPYFILE_FICLONE)) !== 0)
    throw new PartywallError(
      "PW_STATEMENT_REFUSED",
      "tenantFiles(): copyFile() was given a mode that it does not know. COPYFILE_EXCL and COPYFILE_FICLONE are known.",
    );
  return (mode & COPYFILE_EXCL) !== 0;
}

/** Writes what one file holds over another, unless they are one. */
export async function copyInto(from: FileHandle, to: FileHandle): Promise<void> {
  const [source, target] = await Promise.all([
    from.stat({ bigint: true }),
    to.stat({ bigint: true }),
  ]);
  if (source.ino === target.ino && source.dev === target.dev) return;
  await to.truncate(0);
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let at = 0; ;) {
    const { bytesRead } = await from.read(buffer, 0, CHUNK_BYTES, at);
    if (bytesRead === 0) break;
    // Writes what is missing too where the system took a part only.
    await to.writeFile(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  await to.chmod(Number(source.mode & 0o777n));
}
