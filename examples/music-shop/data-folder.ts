import { existsSync } from "node:fs";
import { chmod, mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { codeOf, Failure } from "./failure.js";

/** How far the data folder is; `unfinished` until everything of the first start is in place. */
type Progress = "unfinished" | "complete";

/** The folder that holds everything the shop keeps, taken by this process until it is released. */
export interface DataFolder {
  readonly path: string;
  /** Folder of the database. */
  readonly postgres: string;
  readonly secrets: string;
  /** Whether the first start is still to be done, or to be completed. */
  readonly isNew: boolean;
  /** Marks the first start as complete. */
  complete(): Promise<void>;
  /** Lets another process have the folder. */
  release(): Promise<void>;
}

const MARKER = "music-shop.json";
const LOCK = "running.pid";

/**
 * Takes the data folder, creating it where it is not there. Throws a `Failure`, and changes nothing, when it cannot be
 * written, belongs to something else, is in use, or was left half-made and `finish` was not asked for.
 */
export async function takeDataFolder(path: string, finish: boolean): Promise<DataFolder> {
  const progress = await readable(path, () => progressOf(path));
  if (progress === "unfinished" && !finish) {
    await refuseWhileRunning(path);
    throw new Failure(
      `The first start in ${path} was interrupted, so its data is not complete. Nothing was lost. Either complete it:\n` +
        `  npm start -- --finish\n` +
        `or begin anew by removing it:\n  rm -r ${path}`,
    );
  }
  await writable(path, () => lock(path));
  const folder: DataFolder = {
    path,
    postgres: join(path, "postgres"),
    secrets: join(path, "secrets.json"),
    isNew: progress !== "complete",
    complete: () => mark(path, "complete"),
    release: () => rm(join(path, LOCK), { force: true }),
  };
  try {
    if (progress === undefined) await writable(path, () => mark(path, "unfinished"));
    return folder;
  } catch (error) {
    await folder.release();
    throw error;
  }
}

/** How far the folder is; undefined when it is not there or empty. */
async function progressOf(path: string): Promise<Progress | undefined> {
  let names: string[];
  try {
    names = await readdir(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  if (names.every((name) => name === LOCK)) return undefined;
  if (!names.includes(MARKER)) {
    throw new Failure(
      `${path} is not empty and holds no music shop (there is no ${MARKER} in it). Name another folder with --data.`,
    );
  }
  const text = await readFile(join(path, MARKER), "utf8");
  const progress = /"progress":\s*"(unfinished|complete)"/.exec(text)?.[1];
  if (progress === undefined) {
    throw new Failure(
      `${join(path, MARKER)} does not say whether the data is complete. Restore the file, or remove the folder to begin anew.`,
    );
  }
  return progress as Progress;
}

async function mark(path: string, progress: Progress): Promise<void> {
  const beside = join(path, `${MARKER}.new`);
  await writeFile(beside, `${JSON.stringify({ progress }, undefined, 2)}\n`);
  // One step for whoever looks: it is the old marker or the new one, never half a file.
  await rename(beside, join(path, MARKER));
}

async function lock(path: string): Promise<void> {
  await makeFolder(path);
  // The database's own account must be able to pass to its folder; what is secret has a mode of its own.
  await chmod(path, 0o711);
  await refuseWhileRunning(path);
  await rm(join(path, LOCK), { force: true });
  const file = await open(join(path, LOCK), "wx", 0o644);
  await file.writeFile(`${process.pid}\n`);
  await file.close();
}

/** Like `mkdir({ recursive: true })`, which never returns where a file system has folders but takes none, as /proc. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return;
    if (codeOf(error) !== "ENOENT" || existsSync(dirname(path))) throw error;
    await makeFolder(dirname(path));
    await mkdir(path);
  }
}

async function refuseWhileRunning(path: string): Promise<void> {
  const lockFile = join(path, LOCK);
  const shop = await pidIn(lockFile);
  if (shop !== undefined && shop !== process.pid && isRunning(shop)) {
    throw new Failure(
      `Another music shop is running on ${path} (process ${shop}). Stop it, or name another folder with --data. ` +
        `If process ${shop} is something else, remove ${lockFile}.`,
    );
  }
  // A shop that was killed leaves its database a moment to end.
  const database = join(path, "postgres", "cluster", "postmaster.pid");
  for (let waited = 0; ; waited += 100) {
    const pid = await pidIn(database);
    if (pid === undefined || !isRunning(pid)) return;
    if (waited >= 10_000) {
      throw new Failure(
        `A PostgreSQL is running on ${path} already (process ${pid}). Stop it (kill -INT ${pid}), or name another folder with --data.`,
      );
    }
    await new Promise((done) => setTimeout(done, 100));
  }
}

async function pidIn(file: string): Promise<number | undefined> {
  try {
    const pid = Number((await readFile(file, "utf8")).split("\n")[0]);
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch (error) {
    // Where it cannot be read the database's own check still stands.
    if (codeOf(error) === "ENOENT" || codeOf(error) === "EACCES") return undefined;
    throw error;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

const readable = <T>(path: string, work: () => Promise<T>) => usable(path, "read", work);
const writable = <T>(path: string, work: () => Promise<T>) => usable(path, "write", work);

async function usable<T>(path: string, verb: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure || codeOf(error) === undefined) throw error;
    throw new Failure(
      `The shop cannot ${verb} its data folder ${path} (${codeOf(error)}). ` +
        `Make it this account's own, or name another with --data.`,
      { cause: error },
    );
  }
}
