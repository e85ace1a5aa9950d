import { lstat, readdir, rm, rmdir, unlink } from "node:fs/promises";
import { isCode, type Folder } from "./folder.js";

/** Removes an entry; a link goes, never what it leads to. A folder only where `recursive`, with everything below. */
export async function remove(folder: Folder, name: string, recursive: boolean): Promise<void> {
  const path = folder.at(name);
  const stats = await lstat(path);
  if (!stats.isDirectory()) return unlink(path);
  // The system's own refusal of a folder.
  if (!recursive) return rm(path);
  const inner = await folder.enter(name);
  try {
    for (const entry of await readdir(inner.at("."))) {
      await remove(inner, entry, true).catch((error: unknown) => {
        // Somebody else removed it first.
        if (!isCode(error, "ENOENT")) throw error;
      });
    }
  } finally {
    await inner.close();
  }
  return rmdir(path);
}
