import { execFileSync } from "node:child_process";
import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { engineUrl } from "./engine.js";
import { freePort } from "./free-port.js";
import { unprivilegedAccount } from "./unprivileged-account.js";
import { endProcess, logOf, runWatched } from "./watched-process.js";

/** A PgBouncer in transaction mode before the tests' server. */
export interface PgBouncer {
  /** The same connection string, through it. */
  through(url: string): string;
  /** Stops it and removes its files. */
  stop(): Promise<void>;
}

/** Whether it can keep prepared statements under names of its own, which came with 1.21. */
export function renamesStatements(): boolean {
  const text = execFileSync(fileURLToPath(engineUrl("pgbouncer")), ["--version"], {
    encoding: "utf8",
  });
  const [major = 0, minor = 0] = (/PgBouncer (\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number);
  return major > 1 || minor >= 21;
}

/**
 * Starts PgBouncer on 127.0.0.1 before a server, in transaction mode with one backend for each login and database
 * unless `settings` say otherwise. Never as root, which it refuses.
 *
 * @param serverUrl connection string whose server it stands before
 * @param users passwords of the logins it takes, by name
 */
export async function startPgBouncer(
  serverUrl: string,
  users: Readonly<Record<string, string>>,
  settings: Readonly<Record<string, string>> = {},
): Promise<PgBouncer> {
  const account = await unprivilegedAccount();
  const folder = await mkdtemp(join(tmpdir(), "partywall-pgbouncer-"));
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  const { hostname, port: serverPort } = new URL(serverUrl);
  try {
    for (let attempt = 1; ; attempt += 1) {
      const port = await freePort();
      const files = {
        users: Object.entries(users).map(([name, password]) => `"${name}" "${password}"\n`),
        "pgbouncer.ini": [
          `[databases]\n* = host=${hostname} port=${serverPort || "5432"}\n[pgbouncer]\n`,
          ...Object.entries({
            listen_addr: "127.0.0.1",
            listen_port: String(port),
            unix_socket_dir: "",
            auth_type: "scram-sha-256",
            auth_file: join(folder, "users"),
            pool_mode: "transaction",
            default_pool_size: "1",
            max_client_conn: "200",
            ...settings,
          }).map(([name, value]) => `${name} = ${value}\n`),
        ],
      };
      for (const [name, lines] of Object.entries(files)) {
        await writeFile(join(folder, name), lines.join(""), { mode: 0o600 });
        if (account) await chown(join(folder, name), account.uid, account.gid);
      }
      if (account) await chown(folder, account.uid, account.gid);
      await chmod(folder, 0o700);
      const child = runWatched(
        fileURLToPath(engineUrl("pgbouncer")),
        [join(folder, "pgbouncer.ini")],
        account,
        [folder],
      );
      const log = logOf(child);
      const exited = new Promise<void>((done) => child.once("exit", () => done()));
      const isUp = await new Promise<boolean>((settle) => {
        child.stderr?.on("data", () => log().includes("process up: ") && settle(true));
        child.once("close", () => settle(false));
        child.once("error", () => settle(false));
      });
      if (isUp) {
        return {
          through: (url) => {
            const changed = new URL(url);
            changed.hostname = "127.0.0.1";
            changed.port = String(port);
            return changed.href;
          },
          stop: async () => {
            await endProcess(child, exited);
            await removeFolder();
          },
        };
      }
      // Between finding a free port and taking it somebody else may have been quicker.
      if (log().includes("ddress already in use") && attempt < 5) continue;
      throw new Error(`PgBouncer did not start from ${folder}:\n${log()}`);
    }
  } catch (error) {
    await removeFolder();
    throw error;
  }
}
