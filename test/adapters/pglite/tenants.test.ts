import pg from "pg";
import Cursor from "pg-cursor";
import { Kysely, PostgresDialect, type Generated } from "kysely";
import { jsonArrayFrom } from "kysely/helpers/postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ADA, BOB, buildSite, type Site } from "./site.js";

const NAMES = "select name from authors order by id";

interface Tables {
  authors: { id: Generated<number>; name: string };
  books: { id: Generated<number>; author_id: number; title: string };
}

describe("tenants on the one session of PGlite", () => {
  let site: Site;
  beforeAll(async () => {
    site = await buildSite();
  }, 120_000);
  afterAll(() => site.close());

  test("each reads its own rows, and the wall is complete", async () => {
    expect(site.report.missing).toEqual([]);
    expect(await site.as(ADA, NAMES)).toEqual([{ name: "Ada's author" }]);
    expect(await site.as(BOB, NAMES)).toEqual([{ name: "Bob's author" }]);
  });

  test("two tenants, central and the system, interleaved on many connections, keep apart", async () => {
    const { pw, query, as } = site;
    const rounds = Array.from({ length: 24 }, async (_, n) => {
      const [id, name] = n % 2 === 0 ? [ADA, "Ada's author"] : [BOB, "Bob's author"];
      expect(await as(id, NAMES)).toEqual([{ name }]);
      expect(await pw.central(() => query("select * from countries"))).toEqual([{ code: "gb" }]);
      expect(await pw.system({ reason: "test" }, () => query(NAMES))).toHaveLength(2);
      await pw.run(id, async () => {
        const client = await site.guard.pool.connect();
        try {
          await client.query("begin");
          expect((await client.query(NAMES)).rows).toEqual([{ name }]);
          await new Promise(setImmediate);
          expect((await client.query(NAMES)).rows).toEqual([{ name }]);
          await client.query("commit");
        } finally {
          client.release();
        }
      });
    });
    await Promise.all(rounds);
  });

  test("nothing is sent outside a scope, and no tenant's row is read in a central one", async () => {
    await expect(site.query(NAMES)).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    await expect(site.pw.central(() => site.query(NAMES))).rejects.toMatchObject({
      code: "PW_CENTRAL_SCOPE",
    });
  });

  test("a row with another tenant's id is refused, and one without is stamped", async () => {
    const insert = "insert into authors (tenant_id, name) values ($1, 'forged')";
    await expect(site.as(ADA, insert, [BOB])).rejects.toMatchObject({ code: "PW_WRITE_MISMATCH" });
    await site.as(ADA, "insert into authors (name) values ('stamped')");
    expect(
      await site.eye("select tenant_id, name from authors where name in ('forged', 'stamped')"),
    ).toEqual([{ tenant_id: ADA, name: "stamped" }]);
    await site.as(ADA, "delete from authors where name = 'stamped'");
  });

  test("a transaction that is rolled back or given up leaves nothing", async () => {
    const { pw, guard } = site;
    await pw.run(ADA, async () => {
      const client = await guard.pool.connect();
      await client.query("begin");
      await client.query("insert into authors (name) values ('rolled back')");
      await client.query("rollback");
      client.release();
      const other = await guard.pool.connect();
      await other.query("begin");
      await other.query("insert into authors (name) values ('given up')");
      other.release();
      const closed = await guard.pool.connect();
      await closed.query("begin");
      await closed.query("insert into authors (name) values ('closed')");
      closed.release(true);
    });
    expect(await site.as(ADA, NAMES)).toEqual([{ name: "Ada's author" }]);
    expect(await site.eye("select from authors")).toHaveLength(2);
  });

  test("a failed statement fails alone, and its transaction with it", async () => {
    await expect(site.as(ADA, "select 1 / 0")).rejects.toMatchObject({ code: "22012" });
    await site.pw.run(BOB, async () => {
      const client = await site.guard.pool.connect();
      await client.query("begin");
      await expect(client.query("select nothing")).rejects.toMatchObject({ code: "42703" });
      await expect(client.query(NAMES)).rejects.toMatchObject({ code: "25P02" });
      await client.query("rollback");
      client.release();
    });
    expect(await site.as(ADA, NAMES)).toEqual([{ name: "Ada's author" }]);
  });

  test("a setting that one tenant leaves is not another's", async () => {
    const { as } = site;
    await as(ADA, "set search_path = pg_catalog");
    await as(ADA, "select set_config('my.note', 'of Ada', false)");
    const note = "select current_setting('my.note', true) as note";
    expect(await as(BOB, note)).not.toEqual([{ note: "of Ada" }]);
    expect(await as(BOB, NAMES)).toEqual([{ name: "Bob's author" }]);
  });

  test("nor is what another login left: settings, temporary tables, prepared statements", async () => {
    const { as, eye } = site;
    await eye("set my.note = 'of the superuser'");
    await eye("create temporary table authors (name text)");
    await eye("prepare mine as select 1");
    expect(await as(ADA, "select current_setting('my.note', true) as note")).not.toEqual([
      { note: "of the superuser" },
    ]);
    expect(await as(ADA, NAMES)).toEqual([{ name: "Ada's author" }]);
    await expect(as(ADA, "execute mine")).rejects.toMatchObject({ code: "26000" });
  });

  test("each connection has the settings of its own startup, whoever was there between", async () => {
    const one = new pg.Client({ ...site.login("postgres"), statement_timeout: 7000 });
    await one.connect();
    const timeout = async () => (await one.query("show statement_timeout")).rows;
    expect(await timeout()).toEqual([{ statement_timeout: "7s" }]);
    expect(await site.as(ADA, "show statement_timeout")).toEqual([{ statement_timeout: "0" }]);
    expect(await timeout()).toEqual([{ statement_timeout: "7s" }]);
    await one.end();
  });

  test("a cursor, and several statements in one text", async () => {
    const { pw, guard, as } = site;
    const rows = await pw.run(ADA, async () => {
      const client = await guard.pool.connect();
      const cursor = client.query(new Cursor("select n from generate_series(1, 5) n, authors"));
      const read = [...(await cursor.read(2)), ...(await cursor.read(10))];
      await cursor.close();
      client.release();
      return read;
    });
    expect(rows).toHaveLength(5);
    await as(
      BOB,
      `insert into authors (name) values ('one'); delete from authors where name = 'one'`,
    );
    expect(await as(BOB, NAMES)).toEqual([{ name: "Bob's author" }]);
  });

  test("a suspended tenant cannot enter", async () => {
    await site.pw.tenants.suspend(BOB);
    await expect(site.as(BOB, NAMES)).rejects.toMatchObject({ code: "PW_TENANT_SUSPENDED" });
    await site.pw.tenants.restore(BOB);
    expect(await site.as(BOB, NAMES)).toHaveLength(1);
  });

  test("Kysely reads, writes and nests in each tenant's scope", async () => {
    const { pw, guard } = site;
    const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: guard.pool }) });
    const publish = (id: string, title: string) =>
      pw.run(id, () =>
        db.transaction().execute(async (tx) => {
          const { id: author } = await tx
            .selectFrom("authors")
            .select("id")
            .executeTakeFirstOrThrow();
          await tx.insertInto("books").values({ author_id: author, title }).execute();
        }),
      );
    await Promise.all([publish(ADA, "Ada's book"), publish(BOB, "Bob's book")]);
    const shelf = () =>
      db
        .selectFrom("authors")
        .select((eb) => [
          "name",
          jsonArrayFrom(
            eb.selectFrom("books").select("title").whereRef("author_id", "=", "authors.id"),
          ).as("books"),
        ])
        .execute();
    expect(await pw.run(ADA, shelf)).toEqual([
      { name: "Ada's author", books: [{ title: "Ada's book" }] },
    ]);
    expect(await pw.run(BOB, shelf)).toEqual([
      { name: "Bob's author", books: [{ title: "Bob's book" }] },
    ]);
  });
});
