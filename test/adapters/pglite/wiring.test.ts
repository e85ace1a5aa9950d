import { PGlite } from "@electric-sql/pglite";
import { pgliteLogins } from "partywall/adapters/pglite";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { ADA, BOB, buildSite, type Site } from "./site.js";

const NAMES = "select name from authors order by id";
const BOTH = [{ name: "Ada's author" }, { name: "Bob's author" }];

describe("what PGlite is refused for", () => {
  const database = { execProtocolRaw: vi.fn<never>(), runExclusive: vi.fn<never>() };
  afterEach(() => vi.unstubAllEnvs());

  test("production", () => {
    vi.stubEnv("NODE_ENV", "production");
    expect(() => pgliteLogins(database, { development: true })).toThrow(
      expect.objectContaining({ code: "PW_CONFIG", message: expect.stringMatching(/production/) }),
    );
  });

  test("use without saying that it is for development", () => {
    expect(() => pgliteLogins(database, {} as never)).toThrow(
      expect.objectContaining({ code: "PW_CONFIG", message: expect.stringMatching(/development/) }),
    );
  });

  test("what is no PGlite", () => {
    expect(() => pgliteLogins({} as never, { development: true })).toThrow(
      expect.objectContaining({ code: "PW_CONFIG" }),
    );
  });
});

describe("what PGlite cannot give", () => {
  let site: Site;
  beforeAll(async () => {
    site = await buildSite({ waitMs: 300 });
  }, 120_000);
  afterAll(() => site.close());

  test("pw.ready() does not say that the wall stands", async () => {
    await expect(site.pw.ready()).rejects.toMatchObject({
      code: "PW_GUARD_BYPASSED",
      message: expect.stringMatching(/another role/),
    });
  });

  test.each(["reset role", "set role postgres", "set session authorization default"])(
    "`%s` in a tenant's scope opens every tenant's rows, until the transaction ends",
    async (escape) => {
      await site.pw.run(ADA, async () => {
        const client = await site.guard.pool.connect();
        await client.query("begin");
        expect((await client.query(NAMES)).rows).toEqual([BOTH[0]]);
        await client.query(escape);
        expect((await client.query(NAMES)).rows).toEqual(BOTH);
        await client.query("commit");
        expect((await client.query(NAMES)).rows).toEqual([BOTH[0]]);
        client.release();
      });
      expect(await site.as(BOB, NAMES)).toEqual([BOTH[1]]);
    },
  );

  test("a role left outside a transaction is not the next statement's", async () => {
    await site.as(ADA, "reset role");
    expect(await site.as(BOB, NAMES)).toEqual([BOTH[1]]);
    expect(await site.as(ADA, NAMES)).toEqual([BOTH[0]]);
  });

  test("whoever waits for what another connection's transaction holds is told", async () => {
    await site.pw.run(ADA, async () => {
      const client = await site.guard.pool.connect();
      await client.query("begin");
      await expect(site.query(NAMES)).rejects.toMatchObject({ code: "PW_POOL_EXHAUSTED" });
      await client.query("commit");
      client.release();
    });
    expect(await site.as(BOB, NAMES)).toEqual([BOTH[1]]);
  });

  test("a connection closed while it waited keeps nobody waiting", async () => {
    const waiting = new pg.Client(site.login("postgres"));
    waiting.on("error", () => undefined);
    await waiting.connect();
    await site.pw.run(ADA, async () => {
      const client = await site.guard.pool.connect();
      await client.query("begin");
      const refused = waiting.query("begin").catch((error: unknown) => error);
      await new Promise(setImmediate);
      (
        waiting as unknown as { connection: { stream: { destroy(): void } } }
      ).connection.stream.destroy();
      expect(await refused).toBeInstanceOf(Error);
      await client.query("commit");
      client.release();
    });
    expect(await site.as(BOB, NAMES)).toEqual([BOTH[1]]);
  });

  test("a role that does not exist is told", async () => {
    const client = new pg.Client(site.login("nobody"));
    await expect(client.connect()).rejects.toMatchObject({ code: "PW_CONFIG" });
    expect(await site.as(BOB, NAMES)).toEqual([BOTH[1]]);
  });

  test("a tenant with a database of its own is not admitted", async () => {
    await site.eye("create database own");
    const placement = { strategy: "database", name: "own" } as const;
    await expect(
      site.pw.tenants.create({ slug: "own", name: "Own", placement }),
    ).rejects.toMatchObject({ code: "PW_GUARD_FAILED" });
  });
});

describe("a PGlite that has ended", () => {
  test("fails every later statement", async () => {
    const database = await PGlite.create();
    const client = new pg.Client(pgliteLogins(database, { development: true })("postgres"));
    client.on("error", () => undefined);
    await client.connect();
    await client.query("create table t (n int)");
    await expect(client.query("copy t from stdin")).rejects.toThrow(/PGlite has ended/);
    const next = new pg.Client(pgliteLogins(database, { development: true })("postgres"));
    await expect(next.connect()).rejects.toThrow(/PGlite has ended/);
  }, 120_000);
});
