import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/** An account of this machine that PostgreSQL can run as. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The account PostgreSQL runs as: `undefined` (this process's own) unless this process is root, because PostgreSQL
 * refuses to run as root. Uses `postgres` where it exists, else `nobody`; no account is ever created.
 *
 * @throws when this process is root and the machine has neither account.
 */
export async function unprivilegedAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const lines = (await readFile("/etc/passwd", "utf8")).split("\n");
  for (const name of ["postgres", "nobody"]) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(":");
    const [uid, gid] = [Number(fields?.[2]), Number(fields?.[3])];
    if (fields && uid > 0 && gid > 0) return { name, uid, gid };
  }
  throw new Error(
    "PostgreSQL does not run as root, and this machine has no account named postgres or nobody. " +
      "Run the command as an ordinary user, or create one of them: useradd --system postgres",
  );
}

/** The first folder on the way to `path` that `account` may not pass through, or `undefined` when it can reach `path`. */
export async function barrierTo(path: string, account: Account): Promise<string | undefined> {
  const folders: string[] = [];
  for (let at = dirname(resolve(path)); ; at = dirname(at)) {
    folders.unshift(at);
    if (at === dirname(at)) break;
  }
  for (const folder of folders) {
    const { mode, uid, gid } = await stat(folder);
    const execute = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & execute) === 0) return folder;
  }
  return undefined;
}
