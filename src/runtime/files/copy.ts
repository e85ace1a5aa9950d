import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { PartywallError } from "../../errors.js";

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
  await pipeline(
    from.createReadStream({ autoClose: false, start: 0 }),
    to.createWriteStream({ autoClose: false, start: 0 }),
  );
  await to.chmod(Number(source.mode & 0o777n));
}
