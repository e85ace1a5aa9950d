import type { BigIntStats } from "node:fs";
import {
  constants,
  lstat,
  mkdir,
  open,
  opendir,
  realpath,
  type FileHandle,
} from "node:fs/promises";
import { sep } from "node:path";
import { pathRefused } from "./path.js";

/** A folder that was reached without following a link. */
export interface Folder {
  /** Where an entry is, for calls to the system while the folder is not closed; `"."` for the folder itself. */
  at(name: string): string;
  /** A folder in it. Throws `PW_PATH_REFUSED` where a link stands in its place. */
  enter(name: string): Promise<Folder>;
  /** Throws `PW_PATH_REFUSED` unless what was opened is the entry, and the entry still where it was. */
  assertOpened(name: string, opened: BigIntStats): Promise<void>;
  close(): Promise<void>;
}

/** Opens the folder that everything is under; `held` by default where the system can. */
export async function rootFolder(root: string, held: boolean = canHold()): Promise<Folder> {
  if (held) return new HeldFolder(await open(root, constants.O_RDONLY | constants.O_DIRECTORY));
  return new CheckedFolder(await realpath(root));
}

/** Enters a folder, making it where there is none. */
export async function entered(folder: Folder, name: string, mode: number): Promise<Folder> {
  try {
    return await folder.enter(name);
  } catch (error) {
    if (!isCode(error, "ENOENT")) throw error;
  }
  await mkdir(folder.at(name), { mode }).catch((error: unknown) => {
    if (!isCode(error, "EEXIST")) throw error;
  });
  return folder.enter(name);
}

/** Whether an error is one of the system's with this code. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? "");
}

/** Throws `PW_PATH_REFUSED` where a link stands, and nothing where nothing does. */
export async function assertNoLink(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats?.isSymbolicLink() === true) throw linkRefused();
}

/** The error for a link in a path. */
export function linkRefused(): Error {
  return pathRefused("a symbolic link stands in it");
}

/** Linux reaches an open folder by its descriptor, whatever has become of its name since (proc_pid_fd(5)). */
function canHold(): boolean {
  return process.platform === "linux";
}

/** Kept open: what is swapped on the way to it changes nothing. Node.js has no openat(2); `/proc/self/fd` stands in for it. */
class HeldFolder implements Folder {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  at(name: string): string {
    return `/proc/self/fd/${this.#handle.fd}/${name}`;
  }

  async enter(name: string): Promise<Folder> {
    const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
    try {
      return new HeldFolder(await open(this.at(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    } catch (error) {
      await assertNoLink(this.at(name));
      throw error;
    }
  }

  // Whatever was opened without following a link below a folder that is held was opened there.
  async assertOpened(): Promise<void> {}

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** Checked by name before and after: for systems that reach a folder only by its name. */
class CheckedFolder implements Folder {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  at(name: string): string {
    return `${this.#path}${sep}${name}`;
  }

  async enter(name: string): Promise<Folder> {
    const path = name === "." ? this.#path : this.at(name);
    await assertNoLink(path);
    // Told apart from a file by the system, in its own words.
    await (await opendir(path)).close();
    const folder = new CheckedFolder(path);
    await folder.#assertUnmoved();
    return folder;
  }

  async assertOpened(name: string, opened: BigIntStats): Promise<void> {
    await this.#assertUnmoved();
    const named = await lstat(this.at(name), { bigint: true }).catch(() => undefined);
    if (named?.ino !== opened.ino || named.dev !== opened.dev)
      throw pathRefused("what it names was changed while it was opened");
  }

  async #assertUnmoved(): Promise<void> {
    // Not only within the root: another tenant's folder is there too.
    if (comparable(await realpath(this.#path)) !== comparable(this.#path)) throw linkRefused();
  }

  async close(): Promise<void> {}
}

/** The system may answer in another case or Unicode form; no two tenants' folders differ in those alone. */
function comparable(path: string): string {
  return path.normalize("NFC").toLowerCase();
}
