import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEmbeddedPostgres } from "../support/embedded-postgres.js";
import { describeEngine } from "../support/engine.js";
import { testDatabase, urlAs, withClient, type TestDatabase } from "../support/postgres.js";
import { barrierTo } from "../support/unprivileged-account.js";
import { ROOT } from "./run.js";

describeEngine("postgres", "a test database", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database.drop());

  test("is reached as superuser", async () => {
    const { rows } = await withClient(database.url, (client) =>
      client.query(
        `SELECT current_database() AS name, rolsuper FROM pg_roles WHERE rolname = current_user`,
      ),
    );
    expect(rows).toEqual([{ name: database.name, rolsuper: true }]);
  });

  test("is apart from every other test database", async () => {
    const other = await testDatabase();
    try {
      await withClient(database.url, (client) => client.query("CREATE TABLE only_here (id int)"));
      const { rows } = await withClient(other.url, (client) =>
        client.query("SELECT to_regclass('only_here') AS found"),
      );
      expect(rows).toEqual([{ found: null }]);
    } finally {
      await other.drop();
    }
  });

  test("cannot be entered with a wrong password", async () => {
    await expect(
      withClient(urlAs(database.url, { password: "wrong" }), async () => {}),
    ).rejects.toThrow(/password authentication failed/);
  });
});

describeEngine("postgres", "the embedded server", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "partywall-launcher-"));
    await chmod(folder, 0o755);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("keeps its rows, its password and its port over a stop, a crash and a start", async () => {
    const dataDir = join(folder, "kept");
    const first = await startEmbeddedPostgres({ dataDir });
    await withClient(first.url, (client) => client.query("CREATE TABLE kept AS SELECT 1 AS id"));
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);

    const second = await startEmbeddedPostgres({ dataDir, port: first.port });
    expect(second.url).toBe(first.url);
    await withClient(second.url, (client) => client.query("INSERT INTO kept VALUES (2)"));
    second.kill("SIGKILL");
    await second.exited;

    const third = await startEmbeddedPostgres({ dataDir, port: first.port });
    try {
      const { rows } = await withClient(third.url, (client) =>
        client.query("SELECT id FROM kept ORDER BY id"),
      );
      expect(rows).toEqual([{ id: 1 }, { id: 2 }]);
    } finally {
      await third.stop();
    }
  });

  test("does not outlive the process that started it, even one that was killed", async () => {
    const parent = spawn(
      process.execPath,
      ["--import", "tsx", `${ROOT}test/house/fixtures/start-postgres-and-wait.ts`],
      {
        cwd: ROOT,
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const line = await new Promise<string>((done) =>
      parent.stdout.once("data", (chunk: Buffer) => done(String(chunk))),
    );
    const { pid, dataDir } = JSON.parse(line) as { pid: number; dataDir: string };
    expect(isAlive(pid)).toBe(true);
    parent.kill("SIGKILL");
    while (isAlive(pid)) await sleep(50);
    while (await stat(dataDir).catch(() => undefined)) await sleep(50);
  });

  test("says so when its port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((done) => other.once("listening", done));
    const { port } = other.address() as AddressInfo;
    try {
      await expect(startEmbeddedPostgres({ port })).rejects.toThrow(
        `Port ${port} on 127.0.0.1 is taken`,
      );
    } finally {
      other.close();
    }
  });

  test("says so when its folder cannot be used", async () => {
    const file = join(folder, "a-file");
    await writeFile(file, "");
    await expect(startEmbeddedPostgres({ dataDir: file })).rejects.toThrow(
      /cannot keep its data in .*a-file/,
    );
  });

  test("says so when its folder holds no usable cluster", async () => {
    const dataDir = join(folder, "broken");
    await mkdir(join(dataDir, "cluster"), { recursive: true });
    await expect(startEmbeddedPostgres({ dataDir })).rejects.toThrow(
      /no superuser-password\. Remove the folder/,
    );
  });

  test.runIf(process.getuid?.() === 0)(
    "says so when its account may not pass the way to the folder",
    async () => {
      const closed = join(folder, "closed");
      await mkdir(closed, { mode: 0o700 });
      await expect(startEmbeddedPostgres({ dataDir: join(closed, "data") })).rejects.toThrow(
        new RegExp(`this process is root, .* may not pass ${closed}`),
      );
    },
  );
});

describe("barrierTo", () => {
  test("is the outermost folder on the way that the account may not pass", async () => {
    const folder = await mkdtemp(join(tmpdir(), "partywall-barrier-"));
    try {
      await mkdir(join(folder, "open"), { mode: 0o755 });
      const stranger = { name: "stranger", uid: 4_000_001, gid: 4_000_001 };
      expect(await barrierTo(join(folder, "open", "file"), stranger)).toBe(folder);
      await chmod(folder, 0o711);
      expect(await barrierTo(join(folder, "open", "file"), stranger)).toBeUndefined();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Only "no such process" means it is gone; another account's process may not be signalled by an ordinary user.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
