import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { assertNoLink, type Folder } from "./folder.js";
import { pathRefused } from "./path.js";

/** How a file is opened. */
export interface Opening {
  readonly bits: number;
  readonly mode?: number | string | undefined;
}

/** Opens an entry of a folder; whether a file of several names is let through is `hardLinks`. */
export async function openEntry(
  folder: Folder,
  name: string,
  { bits, mode }: Opening,
  hardLinks: boolean,
): Promise<FileHandle> {
  const path = folder.at(name);
  // Emptied only once it is known to be the tenant's own. A pipe must not make the caller wait for its other end. Windows has neither.
  const safe =
    (bits & ~constants.O_TRUNC) | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  let handle: FileHandle;
  try {
    handle = await open(path, safe, mode);
  } catch (error) {
    await assertNoLink(path);
    throw error;
  }
  try {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile() && !stats.isDirectory())
      throw pathRefused("it names a pipe, a socket or a device");
    if (stats.isFile() && stats.nlink > 1n && !hardLinks) throw severalNames();
    await folder.assertOpened(name, stats);
    if ((bits & constants.O_TRUNC) !== 0) await handle.truncate(0);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The error for a hard link: nothing tells whose file it is as well. */
export function severalNames(): Error {
  return pathRefused("the file has another name (a hard link), which may be somebody else's");
}
