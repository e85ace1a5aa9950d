import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import type { Folder } from "./folder.js";

/** An entry of a folder, and where it is in the tenant's folder. */
export interface Listed {
  readonly entry: Dirent;
  /** Relative to the folder that is listed. */
  readonly path: string;
}

/** The entries of a folder, those of folders in it too where that is asked for; no link is followed. */
export async function list(
  folder: Folder,
  shown: string,
  recursive: boolean,
  below = "",
): Promise<Listed[]> {
  const found: Listed[] = [];
  for (const entry of await readdir(folder.at("."), { withFileTypes: true })) {
    const path = `${below}${entry.name}`;
    found.push({ entry: placed(entry, shown), path });
    if (!recursive || !entry.isDirectory()) continue;
    const inner = await folder.enter(entry.name);
    try {
      found.push(...(await list(inner, `${shown}/${entry.name}`, true, `${path}/`)));
    } finally {
      await inner.close();
    }
  }
  return found;
}

/** The entry as in the folder that the application named, not as the system was asked for it. */
function placed(entry: Dirent, shown: string): Dirent {
  for (const name of ["parentPath", "path"])
    Object.defineProperty(entry, name, {
      value: shown,
      configurable: true,
      enumerable: name === "parentPath",
    });
  return entry;
}
