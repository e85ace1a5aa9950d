import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../support/engine.js";
import { freePort } from "../support/free-port.js";
import { barrierTo, unprivilegedAccount } from "../support/unprivileged-account.js";
import {
  ask,
  assertNoneLeft,
  endLeftOver,
  processesOf,
  send,
  startShop,
  type ExampleProcess,
} from "./example-process.js";

const OPEN = "Ctrl-C stops the shop";

interface Row {
  readonly id: number;
  readonly title: string;
}

let base: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "partywall-shop-"));
  // As root PostgreSQL runs as another account, which has to pass through.
  await chmod(base, 0o755);
});
afterAll(async () => {
  await endLeftOver();
  await rm(base, { recursive: true, force: true });
});

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Runs a shop that is expected to refuse; its exit code and what it printed. */
async function refused(flags: readonly string[]) {
  const shop = startShop(flags);
  return { code: await shop.ended, said: shop.output() };
}

describeEngine("postgres", "the music shop", () => {
  let data: string;
  let port: number;
  let shop: ExampleProcess;
  const at = (path: string, host = "127.0.0.1") => new URL(`http://${host}:${port}${path}`);
  const keyOf = (slug: string) => /x-api-key: (\S+)'/.exec(shop.line(slug))![1]!;

  beforeAll(async () => {
    data = join(base, "shop");
    port = await freePort();
    shop = startShop(["--data", data, "--port", String(port)]);
    await shop.printed(OPEN);
  });
  afterAll(async () => {
    shop.kill("SIGTERM");
    await shop.ended;
  });

  test("gives two tenants different rows from the same query", async () => {
    const acme = await ask(shop.line("Two tenants"));
    const bluebird = await ask(shop.line("… and the other one"));
    expect([acme.status, bluebird.status]).toEqual([200, 200]);
    const ids = (answer: typeof acme) => (answer.json as Row[]).map((row) => row.id);
    expect(ids(acme)).toEqual(ids(bluebird));
    expect(ids(acme)).toHaveLength(12);
    expect(acme.text).not.toBe(bluebird.text);
  });

  test("numbers an order within its shop, and no other shop sees it", async () => {
    const placed = await ask(shop.line("An order"));
    expect(placed).toMatchObject({ status: 201, json: { id: 16, customerId: 1 } });
    const orders = await ask(shop.line("The tenant by header"));
    expect((orders.json as Row[]).map((row) => row.id)).toContain(16);
    const others = await send(at("/orders", "bluebird.localhost"), {
      headers: { "x-api-key": keyOf("… and the other one") },
    });
    expect(others.json).toHaveLength(15);
  });

  test("knows the tenant of a signed token", async () => {
    expect(await ask(shop.line("The tenant by a signed token"))).toMatchObject({
      status: 200,
      json: { slug: "cassette", name: "The Cassette Deck" },
    });
  });

  test("a handler that forgot the scope cannot read anything", async () => {
    expect(await ask(shop.line("A handler that forgot"))).toMatchObject({
      status: 500,
      json: { code: "PW_NO_SCOPE" },
    });
  });

  test("injected SQL cannot read another tenant's rows", async () => {
    const own = (await ask(shop.line("Two tenants"))).json as Row[];
    const found = await ask(shop.line("SQL injected"));
    expect(found.status).toBe(200);
    expect((found.json as Row[]).map((row) => row.title)).toEqual(own.map((row) => row.title));
  });

  test("injected set_config cannot become another tenant", async () => {
    expect(await ask(shop.line("An injected set_config"))).toMatchObject({
      status: 500,
      json: { code: "42501" },
    });
  });

  test("a suspended tenant is shut out, with its own key", async () => {
    expect(await ask(shop.line("A suspended tenant"))).toMatchObject({
      status: 403,
      json: { code: "PW_TENANT_SUSPENDED" },
    });
  });

  test("a tenant that is not yours answers as one that does not exist", async () => {
    const forbidden = await ask(shop.line("A tenant that is not yours"));
    const unknown = await ask(shop.line("… and one that does not exist"));
    expect(forbidden.status).toBe(404);
    const { date: _one, ...headers } = forbidden.headers;
    const { date: _other, ...others } = unknown.headers;
    expect([forbidden.text, headers]).toEqual([unknown.text, others]);
  });

  test("a request that names no tenant gets none", async () => {
    expect(await ask(shop.line("No tenant at all"))).toMatchObject({
      status: 404,
      json: { code: "PW_TENANT_UNRESOLVED" },
    });
  });

  test("shared rows are read in the central scope", async () => {
    const genres = await ask(shop.line("Rows shared by all"));
    expect(genres.json).toHaveLength(5);
  });

  test("every printed line has been asked by a test here", () => {
    expect(shop.output().match(/^curl /gm)).toHaveLength(13);
  });

  test("a header without the key cannot enter", async () => {
    for (const headers of [
      { "x-tenant": "acme" },
      { "x-tenant": "acme", "x-api-key": "guess" },
      { "x-tenant": "acme", "x-api-key": keyOf("… and the other one") },
      { "x-tenant": "deadwax", "x-api-key": keyOf("Two tenants") },
    ]) {
      expect(await send(at("/albums"), { headers })).toMatchObject({
        status: 404,
        json: { code: "PW_TENANT_UNKNOWN" },
      });
    }
    const two = { "x-tenant": "acme", "x-api-key": keyOf("Two tenants") };
    expect(await send(at("/albums", "bluebird.localhost"), { headers: two })).toMatchObject({
      status: 400,
      json: { code: "PW_TENANT_AMBIGUOUS" },
    });
  });

  test("an order that makes no sense is refused in words", async () => {
    const headers = { "x-api-key": keyOf("Two tenants"), "content-type": "application/json" };
    const place = (body: string) => send(at("/orders", "acme.localhost"), { headers, body });
    expect(await place("{")).toMatchObject({ status: 400 });
    expect(await place('{"customerId":1}')).toMatchObject({ status: 400 });
    expect(await place('{"customerId":"1","trackIds":[1]}')).toMatchObject({ status: 400 });
    expect(await place('{"customerId":1,"trackIds":[999]}')).toMatchObject({ status: 422 });
    expect(await place('{"customerId":999,"trackIds":[1]}')).toMatchObject({ status: 422 });
  });

  test("keeps its secrets from other accounts", async () => {
    const { mode } = await stat(join(data, "secrets.json"));
    expect(mode & 0o777).toBe(0o600);
  });

  test("a taken port is named, and how to choose another", async () => {
    const { code, said } = await refused(["--data", join(base, "never"), "--port", String(port)]);
    expect(code).toBe(1);
    expect(said).toContain(`Port ${port} on 127.0.0.1 is taken`);
    expect(said).toContain("--port");
    expect(await exists(join(base, "never"))).toBe(false);
  });

  test("a second shop cannot start on the same folder", async () => {
    const { code, said } = await refused(["--data", data, "--port", String(await freePort())]);
    expect(code).toBe(1);
    expect(said).toContain(`Another music shop is running on ${data}`);
    expect((await ask(shop.line("Two tenants"))).status).toBe(200);
  });

  test("Ctrl-C, pressed twice, leaves no process; the data is there after a restart", async () => {
    const before = shop;
    before.kill("SIGINT");
    await before.printed("Stopping");
    before.kill("SIGINT");
    expect(await before.ended).toBe(0);
    expect(processesOf(data)).toEqual([]);
    expect(await exists(join(data, "postgres", "cluster", "postmaster.pid"))).toBe(false);
    expect(await exists(join(data, "running.pid"))).toBe(false);

    shop = startShop(["--data", data, "--port", String(port)]);
    await shop.printed(OPEN);
    expect(shop.output()).not.toContain("First start");
    expect(shop.line("Two tenants")).toBe(before.line("Two tenants"));
    const orders = await ask(shop.line("The tenant by header"));
    expect((orders.json as Row[]).map((row) => row.id)).toContain(16);
    expect((await ask(shop.line("A suspended tenant"))).status).toBe(403);
  });
});

describeEngine("postgres", "starting the music shop", () => {
  let data: string;
  let count = 0;
  const fresh = () => (data = join(base, `start-${(count += 1)}`));
  afterEach(() => assertNoneLeft(data));

  test("a first start that was killed can be completed, and is never mistaken for a finished one", async () => {
    fresh();
    const flags = ["--data", data, "--port", String(await freePort())];
    const killed = startShop(flags);
    await killed.printed("wall: row security forced");
    killed.kill("SIGKILL");
    await killed.ended;

    const again = await refused(flags);
    expect(again.code).toBe(1);
    expect(again.said).toContain("was interrupted");
    expect(again.said).toContain("npm start -- --finish");
    expect(again.said).toContain(`rm -r ${data}`);

    const finished = startShop([...flags, "--finish"]);
    await finished.printed(OPEN);
    const albums = await ask(finished.line("Two tenants"));
    expect(albums.json).toHaveLength(12);
    expect((await ask(finished.line("A suspended tenant"))).status).toBe(403);
    finished.kill("SIGTERM");
    expect(await finished.ended).toBe(0);
  }, 60_000);

  test("Ctrl-C during the first start leaves no process", async () => {
    fresh();
    const shop = startShop(["--data", data, "--port", String(await freePort())]);
    await shop.printed("First start");
    shop.kill("SIGINT");
    expect(await shop.ended).toBe(0);
  });

  test("data of another PostgreSQL major, a start that fails half-way, missing secrets: each is told apart", async () => {
    fresh();
    const flags = ["--data", data, "--port", String(await freePort())];
    const first = startShop(flags);
    await first.printed(OPEN);
    first.kill("SIGTERM");
    await first.ended;

    const version = join(data, "postgres", "cluster", "PG_VERSION");
    const own = await readFile(version);
    await writeFile(version, "12\n");
    const older = await refused(flags);
    expect(older.code).toBe(1);
    expect(older.said).toContain(`The data in ${data} was written by PostgreSQL 12`);
    await writeFile(version, own);

    const file = join(data, "secrets.json");
    const secrets = JSON.parse(await readFile(file, "utf8")) as { logins: Record<string, string> };
    await writeFile(
      file,
      JSON.stringify({ ...secrets, logins: { ...secrets.logins, app: "wrong" } }),
    );
    const locked = await refused(flags);
    expect(locked.code).toBe(1);
    expect(locked.said).toContain("password authentication failed");

    await rm(file);
    const lost = await refused(flags);
    expect(lost.code).toBe(1);
    expect(lost.said).toContain(`cannot be read from ${file}`);

    await writeFile(join(data, "music-shop.json"), "{}");
    const marker = await refused(flags);
    expect(marker.code).toBe(1);
    expect(marker.said).toContain("does not say whether the data is complete");
  }, 60_000);

  test("a folder that cannot be used is named, and nothing is written", async () => {
    fresh();
    await mkdir(data);
    await writeFile(join(data, "letter.txt"), "mine");
    const port = String(await freePort());
    const foreign = await refused(["--data", data, "--port", port]);
    expect(foreign.code).toBe(1);
    expect(foreign.said).toContain(`${data} is not empty and holds no music shop`);
    expect(await exists(join(data, "music-shop.json"))).toBe(false);

    const within = join(data, "letter.txt", "shop");
    const inFile = await refused(["--data", within, "--port", port]);
    expect(inFile.code).toBe(1);
    expect(inFile.said).toContain("--data");

    const closed = join(base, "closed");
    await mkdir(closed, { mode: 0o500 });
    const unwritable = await refused(["--data", join(closed, "shop"), "--port", port]);
    expect(unwritable.code).toBe(1);
    expect(unwritable.said).toContain(closed);
    expect(unwritable.said).toContain("--data");
    expect(await exists(join(closed, "shop"))).toBe(false);
  }, 60_000);

  test("flags that cannot be meant are refused, and --help explains them", async () => {
    fresh();
    for (const [flags, message] of [
      [["--port", "http"], '"http" is not a port'],
      [["--port", "70000"], '"70000" is not a port'],
      [["--prot", "1"], "--prot"],
      [["--data="], "--data is empty"],
    ] as const) {
      const { code, said } = await refused(flags);
      expect(code).toBe(1);
      expect(said).toContain(message);
    }
    const help = await refused(["--help"]);
    expect(help.code).toBe(0);
    expect(help.said).toContain("--port <number>");
  }, 60_000);

  test("the port is held from the beginning", async () => {
    fresh();
    const port = await freePort();
    const shop = startShop(["--data", data, "--port", String(port)]);
    await shop.printed("First start");
    const other = createServer();
    const failed = new Promise((done) => other.once("error", done));
    other.listen(port, "127.0.0.1");
    expect(await failed).toMatchObject({ code: "EADDRINUSE" });
    shop.kill("SIGTERM");
    await shop.ended;
  });

  test("starts as an ordinary user too", async ({ skip }) => {
    fresh();
    const account = await unprivilegedAccount();
    if (account === undefined) skip("this is an ordinary user, so every test here has shown it");
    const here = fileURLToPath(import.meta.url);
    const barrier = await barrierTo(here, account!);
    if (barrier) skip(`${account!.name} may not pass ${barrier}`);
    await mkdir(data);
    await chown(data, account!.uid, account!.gid);
    const flags = ["--data", join(data, "shop"), "--port", String(await freePort())];
    const shop = startShop(flags, account);
    await shop.printed(OPEN);
    expect((await ask(shop.line("Two tenants"))).json).toHaveLength(12);
    expect((await stat(join(data, "shop", "secrets.json"))).uid).toBe(account!.uid);
    shop.kill("SIGINT");
    expect(await shop.ended).toBe(0);
  });
});
