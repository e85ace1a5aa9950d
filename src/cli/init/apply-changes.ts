import { randomBytes } from "node:crypto";
import * as disk from "node:fs";
import { dirname, join } from "node:path";
import { PartywallError } from "../../errors.js";

/** A file to be written: created where `before` is undefined, otherwise changed from exactly that text. */
export interface FileChange {
  /** Relative to the project, with slashes. */
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string;
  /** Whether only its owner may read it, where it is new. */
  readonly isPrivate?: boolean;
}

/** The slice of `node:fs` that is written through. */
export type Disk = Pick<
  typeof disk,
  | "chmodSync"
  | "chownSync"
  | "copyFileSync"
  | "linkSync"
  | "lstatSync"
  | "mkdirSync"
  | "readFileSync"
  | "renameSync"
  | "rmSync"
  | "rmdirSync"
  | "writeFileSync"
>;

interface Prepared extends FileChange {
  readonly file: string;
  /** Where the new text is, beside the file. */
  readonly temporary: string;
}

/**
 * Writes all changes or none: the texts go into files beside the targets, which take their places when all are there.
 * Nothing that is there is overwritten unless it is what the change began with. Throws `PW_CONFIG` and leaves everything
 * as it was; where even that fails, the message names the files.
 */
export function applyChanges(
  folder: string,
  changes: readonly FileChange[],
  files: Disk = disk,
): void {
  const prepared: Prepared[] = [];
  const done: Prepared[] = [];
  const folders: string[] = [];
  try {
    for (const change of changes) {
      const file = join(folder, change.path);
      assertAsExpected(files, file, change);
      makeFolders(files, dirname(file), folders);
      const temporary = `${file}.${randomBytes(6).toString("hex")}.partywall`;
      const one = { ...change, file, temporary };
      prepared.push(one);
      write(files, one, change.after);
    }
    // From here on without a pause, so that a signal finds all of it done or none.
    for (const one of prepared) {
      assertAsExpected(files, one.file, one);
      if (one.before === undefined) place(files, one);
      else files.renameSync(one.temporary, one.file);
      done.push(one);
    }
  } catch (cause) {
    const left = done.toReversed().flatMap((one) => putBack(files, one));
    for (const one of prepared) forget(files, one);
    for (const made of folders.toReversed()) removeEmpty(files, made);
    throw failure(cause, left);
  }
  for (const one of prepared) forget(files, one);
}

function assertAsExpected(files: Disk, file: string, { path, before }: FileChange): void {
  const state = files.lstatSync(file, { throwIfNoEntry: false });
  if (before === undefined) {
    if (state === undefined) return;
    throw new PartywallError("PW_CONFIG", `${path} is there already, and is not overwritten.`);
  }
  if (state?.isFile() === true && files.readFileSync(file, "utf8") === before) return;
  throw new PartywallError(
    "PW_CONFIG",
    `${path} has changed since it was read. Run the command again.`,
  );
}

function makeFolders(files: Disk, folder: string, made: string[]): void {
  if (files.lstatSync(folder, { throwIfNoEntry: false }) !== undefined) return;
  makeFolders(files, dirname(folder), made);
  files.mkdirSync(folder);
  made.push(folder);
}

/** Writes a text beside its file, with the mode and the owner that the file has. */
function write(files: Disk, { file, temporary, before, isPrivate }: Prepared, text: string): void {
  const mode = isPrivate || before !== undefined ? 0o600 : 0o666;
  files.writeFileSync(temporary, text, { flag: "wx", mode });
  if (before === undefined) return;
  const { mode: own, uid, gid } = files.lstatSync(file);
  if (process.getuid?.() === 0) files.chownSync(temporary, uid, gid);
  files.chmodSync(temporary, own & 0o777);
}

/** Puts a new file into its place, and never in the place of one that somebody made meanwhile, as a rename would. */
function place(files: Disk, { temporary, file }: Prepared): void {
  try {
    files.linkSync(temporary, file);
  } catch (error) {
    // Not every file system knows links.
    if (!/^(?:EPERM|ENOTSUP|EOPNOTSUPP|ENOSYS)$/.test(codeOf(error))) throw error;
    files.copyFileSync(temporary, file, disk.constants.COPYFILE_EXCL);
  }
}

/** Undoes one change; gives its path where that failed. */
function putBack(files: Disk, one: Prepared): string[] {
  try {
    if (one.before === undefined) {
      files.rmSync(one.file);
    } else {
      write(files, one, one.before);
      files.renameSync(one.temporary, one.file);
    }
    return [];
  } catch {
    // Told with the error that led here.
    return [one.path];
  }
}

function forget(files: Disk, { temporary }: Prepared): void {
  try {
    files.rmSync(temporary, { force: true });
  } catch {
    // What is beside the file harms nobody.
  }
}

function removeEmpty(files: Disk, folder: string): void {
  try {
    files.rmdirSync(folder);
  } catch {
    // Somebody has put something into it.
  }
}

function failure(cause: unknown, left: readonly string[]): PartywallError {
  const state =
    left.length === 0 ? "Everything is as it was." : `Not put back: ${left.join(", ")}.`;
  if (cause instanceof PartywallError) {
    return new PartywallError(cause.code, `${cause.message} ${state}`, { cause: cause.cause });
  }
  return new PartywallError("PW_CONFIG", `The files could not be written. ${state}`, { cause });
}

function codeOf(error: unknown): string {
  return String((error as { readonly code?: unknown }).code);
}
