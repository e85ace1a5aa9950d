import postgres from "postgres";
import { guardPostgresJs } from "partywall/adapters/postgres-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { buildSite, PAIRS, type Site } from "./site.js";

describeEngine("postgres", "postgres.js when things go wrong", () => {
  let site: Site;
  beforeAll(async () => {
    site = await buildSite({ max: 2, sql: { max: 2 }, app: { connectionTimeoutMillis: 500 } });
  });
  afterAll(() => site.close());

  const note = (slug: string) =>
    site.inside(slug, () => site.sql`select note from orders where id = ${1}`);
  const standing = async () => {
    for (const [, mine, other] of PAIRS) {
      expect(await note(mine)).toEqual([{ note: `${mine}1` }]);
      expect(await note(other)).toEqual([{ note: `${other}1` }]);
    }
  };
  /** How many statements have taken the advisory lock of a mark. */
  const taken = async (mark: number) =>
    (await site.native`select from pg_locks where locktype = 'advisory' and objid = ${mark}`).count;
  const kill = (pid: unknown) => site.native`select pg_terminate_backend(${pid as number})`;

  for (const [strategy, mine] of PAIRS) {
    test(`a backend that is killed in a transaction undoes it, and nothing of it is sent elsewhere (${strategy})`, async () => {
      const { sql } = site;
      const told = await site.inside(mine, () =>
        sql
          .begin(async (tx) => {
            await tx`update orders set note = ${"lost"} where id = 1`;
            const [row] = await tx`select pg_backend_pid() as pid`;
            await kill(row?.["pid"]);
            await tx`update orders set note = ${"after"} where id = 2`;
            return "committed";
          })
          .catch((error: unknown) => error),
      );
      expect(told).toBeInstanceOf(Error);
      expect((await site.notes(mine)).slice(0, 2)).toEqual([`${mine}1`, `${mine}2`]);
      await standing();
    });

    test(`a backend that is killed while nobody asks ends the transaction (${strategy})`, async () => {
      const { sql } = site;
      const told = await site.inside(mine, () =>
        sql
          .begin(async (tx) => {
            await tx`update orders set note = ${"lost"} where id = 1`;
            const [row] = await tx`select pg_backend_pid() as pid`;
            await kill(row?.["pid"]);
            await new Promise((resolve) => setTimeout(resolve, 50));
          })
          .catch((error: { code: unknown }) => error.code),
      );
      expect(told).toBe("CONNECTION_CLOSED");
      expect(await site.notes(mine)).toEqual([1, 2, 3].map((n) => `${mine}${n}`));
      await standing();
    });

    test(`a backend that is killed while it works tells its own caller alone (${strategy})`, async () => {
      const { sql } = site;
      const [asleep, ...others] = await Promise.all([
        site.inside(mine, () => sql`select pg_sleep(20)`.catch((error: unknown) => error)),
        ...Array.from({ length: 6 }, () => note(mine)),
        (async () => {
          for (;;) {
            const [row] = await site.native`
select pid from pg_stat_activity where usename = ${site.roles.app} and wait_event = 'PgSleep'`;
            if (row !== undefined) return void (await kill(row["pid"]));
          }
        })(),
      ]);
      expect(asleep).toMatchObject({
        code: expect.stringMatching(/^(57P01|PW_PLACEMENT_STALE)$/) as string,
      });
      expect(others.slice(0, 6).flat()).toEqual(
        Array.from({ length: 6 }, () => ({ note: `${mine}1` })),
      );
      await standing();
    });
  }

  test("a pool that is exhausted is told as such, and the statement is not sent", async () => {
    const { sql, guard } = site;
    const held = await Promise.all(
      [1, 2].map(() => site.inside("ada", () => guard.pool.connect())),
    );
    await expect(
      site.inside("bob", () => sql`update orders set note = ${"late"} where id = 1`),
    ).rejects.toMatchObject({ code: "PW_POOL_EXHAUSTED", status: 503 });
    await expect(site.inside("bob", () => sql.begin(() => "begun"))).rejects.toMatchObject({
      code: "PW_POOL_EXHAUSTED",
    });
    for (const client of held) client.release();
    await standing();
  });

  test("where not even the types can be asked, the statement says why, and later ones run", async () => {
    const fresh = guardPostgresJs(site.guard, postgres, { max: 1 });
    const held = await Promise.all(
      [1, 2].map(() => site.inside("ada", () => site.guard.pool.connect())),
    );
    await expect(site.inside("ada", () => fresh`select 1`)).rejects.toMatchObject({
      code: "PW_POOL_EXHAUSTED",
    });
    for (const client of held) client.release();
    const arrays = () => fresh`select array['a']::citext_like[] as xs`;
    await site.native`create domain citext_like as text`;
    await expect.poll(() => site.inside("ada", arrays)).toEqual([{ xs: ["a"] }]);
    await fresh.end();
  });

  test("a suspended tenant's statements are refused by the database, in and outside transactions", async () => {
    const { sql, pw } = site;
    const { id } = await pw.tenants.create({ slug: "hal", name: "Hal" });
    const other = site.elsewhere();
    let begun = () => {};
    const hasBegun = new Promise<void>((resolve) => (begun = resolve));
    // From outside the scope, by another process.
    const suspended = hasBegun.then(() => other.tenants.suspend(id));
    await pw.run(id, async () => {
      expect(await sql`select count(*)::int as n from orders`).toEqual([{ n: 0 }]);
      begun();
      await suspended;
      await expect(sql`select note from orders`).rejects.toMatchObject({ code: "PW_SEAL_REFUSED" });
      await expect(sql.unsafe("select 1; select 2").simple()).rejects.toMatchObject({
        code: "PW_SEAL_REFUSED",
      });
      await expect(sql`select ${1}::int`).rejects.toMatchObject({ code: "PW_SEAL_REFUSED" });
      await expect(sql.begin((tx) => tx`select note from orders`)).rejects.toMatchObject({
        code: "PW_SEAL_REFUSED",
      });
      await expect(sql`select 1`.cursor(1, () => undefined)).rejects.toMatchObject({
        code: "PW_SEAL_REFUSED",
      });
    });
    await other.close();
    await standing();
  });

  test("a slow statement holds up nobody else's while a connection is free", async () => {
    const { sql } = site;
    let isOver = false;
    await Promise.all([1, 2, 3, 4].map(() => note("ada")));
    const asleep = await site.inside("ada", () => [sql`select pg_sleep(20)`.execute()] as const);
    const told = asleep[0].catch((error: { code: unknown }) => error.code);
    void told.finally(() => (isOver = true));
    const rows = await Promise.all(
      Array.from({ length: 12 }, () =>
        site.inside("bob", () => sql`select note from orders where id = 1`),
      ),
    );
    expect([isOver, rows.flat().length]).toEqual([false, 12]);
    asleep[0].cancel();
    expect(await told).toBe("57014");
  });

  test("cancelling hits the statement that was meant, and no other tenant's", async () => {
    const { sql } = site;
    await Promise.all(
      Array.from({ length: 12 }, async (_, n) => {
        const slug = n % 2 === 0 ? "ada" : "bob";
        await site.inside(slug, async () => {
          if (n % 3 === 0) {
            const mark = 9000 + n;
            const text = `select pg_advisory_xact_lock_shared(${mark}), pg_sleep(20)`;
            const running = sql.unsafe(text).execute();
            const told = running.catch((error: { code: unknown }) => error.code);
            // A server that has not begun on a statement passes over a request to cancel it.
            await expect.poll(() => taken(mark), { timeout: 20_000 }).toBe(1);
            running.cancel();
            expect(await told).toBe("57014");
          } else
            expect(await sql`select note from orders where id = 1`).toEqual([{ note: `${slug}1` }]);
        });
      }),
    );
    await standing();
  });

  test("an end in the middle of a transaction rolls it back", async () => {
    const fresh = guardPostgresJs(site.guard, postgres, { max: 1 });
    const told = await site.inside("ada", () =>
      fresh
        .begin(async (tx) => {
          await tx`update orders set note = ${"lost"} where id = 1`;
          await fresh.end({ timeout: 0 });
          await tx`select 1`;
        })
        .catch((error: { code: unknown }) => error.code),
    );
    expect(String(told)).toMatch(/^CONNECTION_/);
    await expect.poll(() => site.open()).toBe(0);
    await standing();
  });

  test("options that are the guard's to say are refused", () => {
    for (const options of [
      { host: "elsewhere" },
      { connection: { search_path: "other" } },
      { ssl: true },
      { password: "secret" },
      { target_session_attrs: "primary" },
    ]) {
      expect(() => guardPostgresJs(site.guard, postgres, options as never)).toThrow(
        expect.objectContaining({
          code: "PW_CONFIG",
          message: expect.not.stringContaining("secret") as string,
        }),
      );
    }
    expect(() => guardPostgresJs({} as never, postgres)).toThrow(
      expect.objectContaining({ code: "PW_CONFIG" }),
    );
    expect(() => guardPostgresJs(site.guard, (() => ({})) as never)).toThrow(
      expect.objectContaining({ code: "PW_CONFIG" }),
    );
  });

  test("a client is known to be wired over this guard, and over no other", async () => {
    await site.guard.assertWired((text) => site.sql.unsafe(text));
    await site.pw.central(() => site.guard.assertWired((text) => site.sql.unsafe(text)));
    await expect(site.guard.assertWired((text) => site.native.unsafe(text))).rejects.toMatchObject({
      code: "PW_GUARD_BYPASSED",
    });
  });
});
