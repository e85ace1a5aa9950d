import { once } from "node:events";
import { createRequire } from "node:module";
import knexFactory, { type Knex } from "knex";
import type pg from "pg";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";
import { Sequelize } from "sequelize";
import { DataSource } from "typeorm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { buildTown, type Town } from "./town.js";

const EVERYWHERE = [
  { slug: "anna", strategy: "row" },
  { slug: "carla", strategy: "schema" },
  { slug: "eve", strategy: "schema", own: true },
  { slug: "fred", strategy: "database" },
  { slug: "greta", strategy: "database" },
] as const;
const SLUGS = EVERYWHERE.map(({ slug }) => slug);
const AWAY = ["eve", "fred", "greta"];

describeEngine("postgres", "a client of a host's own pool, for tenants placed in every way", () => {
  let town: Town;
  let client: pg.Client;
  const as = <T>(slug: string, fn: () => T) => town.pw.run({ slug }, fn);
  const ask = (slug: string, text: string) => as(slug, () => client.query(text));
  const noted = async (slug: string) =>
    (await ask(slug, "select note from orders where id = 1")).rows;
  const open = async () => {
    const one = new town.guard.Client(town.login(town.database, town.roles.app));
    one.on("error", () => undefined);
    await one.connect();
    return one;
  };
  /** Backends of the application that are in a transaction. */
  const inTransaction = async () => {
    const { rows } = await town.boroughs["default"]!.superuser.query(
      "select count(*)::int as n from pg_stat_activity where usename like $1 and xact_start is not null",
      [`${town.database.name}%`],
    );
    return rows[0].n as number;
  };

  beforeAll(async () => {
    town = await buildTown(EVERYWHERE);
    client = await open();
  });
  afterAll(async () => {
    await client.end();
    await town.close();
  });

  test("sends each statement to where its tenant lives", async () => {
    for (const slug of [...SLUGS, ...SLUGS.toReversed()]) {
      expect(await noted(slug)).toEqual([{ note: `${slug}1` }]);
    }
    expect(
      await Promise.all(Array.from({ length: 50 }, (_, n) => noted(SLUGS[n % SLUGS.length]!))),
    ).toEqual(Array.from({ length: 50 }, (_, n) => [{ note: `${SLUGS[n % SLUGS.length]}1` }]));
  });

  test.each(AWAY)(
    "keeps one connection for a transaction of %s, sent without waiting",
    async (slug) => {
      const answers = await as(slug, () =>
        Promise.all([
          client.query("begin"),
          client.query("update orders set amount = 99 where id = 1"),
          client.query("select pg_backend_pid() as pid, amount from orders where id = 1"),
          client.query("select pg_backend_pid() as pid, amount from orders where id = 1"),
          client.query("rollback"),
          client.query("select amount from orders where id = 1"),
        ]),
      );
      expect(answers[2].rows).toEqual(answers[3].rows);
      expect(answers[2].rows[0].amount).toBe(99);
      expect(answers[5].rows).toEqual([{ amount: 10 }]);
      expect((await town.rows(slug))[0]).toMatchObject({ amount: 10 });
      expect(await inTransaction()).toBe(0);
    },
  );

  test("refuses another scope's statement while a transaction is open elsewhere", async () => {
    await ask("fred", "begin");
    for (const slug of ["greta", "anna", "carla"]) {
      await expect(noted(slug)).rejects.toMatchObject({ code: "PW_TRANSACTION_SCOPE" });
    }
    await expect(town.pw.central(() => client.query("select 2"))).rejects.toMatchObject({
      code: "PW_TRANSACTION_SCOPE",
    });
    expect((await client.query("select 1")).rowCount).toBe(1);
    expect(await noted("fred")).toEqual([{ note: "fred1" }]);
    await ask("fred", "commit");
    expect(await noted("greta")).toEqual([{ note: "greta1" }]);
  });

  test.each(AWAY)("lets go of its loan after an error outside a transaction (%s)", async (slug) => {
    await expect(ask(slug, "select 1/0")).rejects.toMatchObject({ code: "22012" });
    await expect(ask(slug, "selec")).rejects.toMatchObject({ code: "42601" });
    expect(await noted(slug)).toEqual([{ note: `${slug}1` }]);
  });

  test.each(AWAY)("keeps a failed transaction of %s until it is rolled back", async (slug) => {
    await ask(slug, "begin");
    await ask(slug, "update orders set amount = 98 where id = 1");
    await expect(ask(slug, "select 1/0")).rejects.toMatchObject({ code: "22012" });
    await expect(noted(slug)).rejects.toMatchObject({ code: "25P02" });
    await ask(slug, "rollback");
    expect(await noted(slug)).toEqual([{ note: `${slug}1` }]);
    expect((await town.rows(slug))[0]).toMatchObject({ amount: 10 });
  });

  test("reads cursors and streams, in a transaction or not", async () => {
    for (const slug of AWAY) {
      for (const wrap of [false, true]) {
        const notes = await as(slug, async () => {
          if (wrap) await client.query("begin");
          const cursor = client.query(new Cursor("select note from orders order by id"));
          const first = (await cursor.read(2)) as { note: string }[];
          await cursor.close();
          const stream = client.query(new QueryStream("select note from orders order by id"));
          const rows: string[] = [];
          stream.on("data", ({ note }: { note: string }) => rows.push(note));
          await once(stream, "end");
          if (wrap) await client.query("commit");
          return [...first.map(({ note }) => note), ...rows];
        });
        expect(notes).toEqual([1, 2, 1, 2, 3].map((n) => slug + n));
        expect(await noted(slug)).toEqual([{ note: `${slug}1` }]);
      }
    }
  });

  test("calls back in the caller's scope, also with an error", async () => {
    for (const slug of AWAY) {
      for (const text of ["select 1 as one", "select 1/0"]) {
        const seen = await as(
          slug,
          () =>
            new Promise((resolve) => {
              client.query(text, () => resolve(town.pw.current().slug));
            }),
        );
        expect(seen).toBe(slug);
      }
    }
  });

  test("never goes on outside a transaction whose backend was killed", async () => {
    const doomed = await open();
    await as("fred", async () => {
      await doomed.query("begin");
      const { rows } = await doomed.query("select pg_backend_pid() as pid");
      await doomed.query("update orders set amount = 97 where id = 1");
      await town.eye("fred").query("select pg_terminate_backend($1)", [rows[0].pid]);
      await expect(doomed.query("update orders set amount = 96 where id = 1")).rejects.toThrow(
        /queryable|not run to its end/,
      );
      await expect(doomed.query("update orders set amount = 95 where id = 2")).rejects.toThrow(
        /queryable|terminat/,
      );
    });
    expect((await town.rows("fred")).map(({ amount }) => amount)).toEqual([10, 20, 30]);
    await doomed.end().catch(() => undefined);
  });

  test("an ended client rolls back what it had open elsewhere", async () => {
    const brief = await open();
    await as("greta", async () => {
      await brief.query("begin");
      await brief.query("delete from orders");
    });
    await brief.end();
    await expect.poll(inTransaction).toBe(0);
    expect(await town.rows("greta")).toHaveLength(3);
  });

  test("LISTEN at another place than the client's own is refused", async () => {
    await expect(ask("fred", "listen news")).rejects.toMatchObject({ code: "PW_LISTEN_ON_POOL" });
  });

  test.each(AWAY)(
    "keeps nothing of a session from one statement to the next (%s)",
    async (slug) => {
      await as(slug, async () => {
        const before = (await client.query("show work_mem")).rows;
        await client.query("set work_mem = '5MB'");
        expect((await client.query("show work_mem")).rows).toEqual(before);
        await client.query("prepare kept as select 1");
        await expect(client.query("execute kept")).rejects.toMatchObject({ code: "26000" });
        await client.query("declare kept cursor with hold for select 1");
        await expect(client.query("fetch kept")).rejects.toMatchObject({ code: "34000" });
        await client.query("select pg_advisory_lock(5)");
        expect(
          (
            await client.query(
              "select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()",
            )
          ).rowCount,
        ).toBe(0);
        await client.query("begin");
        await client.query("set local work_mem = '5MB'");
        expect((await client.query("show work_mem")).rows).toEqual([{ work_mem: "5MB" }]);
        await client.query("rollback");
      });
    },
  );

  test("takes its place in the budget, and gives it back", async () => {
    const small = await buildTown([{ slug: "zoe", strategy: "database" }], {
      guard: { budget: { connections: 1, waitMs: 200 } },
    });
    try {
      const own = new small.guard.Client(small.login(small.database, small.roles.app));
      await own.connect();
      await expect(small.as("zoe", "select 1")).rejects.toMatchObject({
        code: "PW_POOL_EXHAUSTED",
      });
      await own.end();
      expect(await small.as("zoe", "select note from orders where id = 1")).toEqual([
        { note: "zoe1" },
      ]);
    } finally {
      await small.close();
    }
  });

  test("Knex, whose pool holds such clients, serves all", async () => {
    const Postgres = createRequire(import.meta.url)(
      "knex/lib/dialects/postgres",
    ) as typeof Knex.Client;
    class Guarded extends Postgres {
      _driver() {
        return town.guard.driver;
      }
    }
    const knex: Knex = knexFactory({
      client: Guarded,
      connection: town.login(town.database, town.roles.app),
      pool: { min: 0, max: 2 },
    });
    try {
      await Promise.all(
        Array.from({ length: 40 }, (_, n) => SLUGS[n % SLUGS.length]!).map((slug) =>
          as(slug, async () => {
            expect(await knex("orders").where({ id: 1 }).pluck("note")).toEqual([`${slug}1`]);
            await knex
              .transaction(async (trx) => {
                await trx("orders").where({ id: 1 }).update({ note: "gone" });
                expect(await trx("orders").where({ id: 1 }).pluck("note")).toEqual(["gone"]);
                throw new Error("undo");
              })
              .catch((error: Error) => expect(error.message).toBe("undo"));
          }),
        ),
      );
    } finally {
      await knex.destroy();
    }
    for (const slug of SLUGS)
      expect((await town.rows(slug))[0]).toMatchObject({ note: `${slug}1` });
  });

  test("Sequelize and TypeORM, whose pools are their own, serve all", async () => {
    const sequelize = new Sequelize(town.login(town.database, town.roles.app), {
      dialectModule: town.guard.driver,
      logging: false,
      pool: { max: 2 },
    });
    const source = new DataSource({
      type: "postgres",
      driver: town.guard.driver,
      url: town.login(town.database, town.roles.app),
      poolSize: 2,
    });
    await town.pw.central(() => source.initialize());
    try {
      await Promise.all(
        Array.from({ length: 40 }, (_, n) => SLUGS[n % SLUGS.length]!).map((slug) =>
          as(slug, async () => {
            const text = "select note from orders where id = 1";
            const [rows] = await sequelize.query(text);
            expect(rows).toEqual([{ note: `${slug}1` }]);
            expect(await source.query(text)).toEqual([{ note: `${slug}1` }]);
            const undo = sequelize.transaction(async (transaction) => {
              await sequelize.query("update orders set note = 'gone'", { transaction });
              throw new Error("undo");
            });
            await expect(undo).rejects.toThrow("undo");
            await expect(
              source.transaction(async (manager) => {
                await manager.query("update orders set note = 'gone'");
                throw new Error("undo");
              }),
            ).rejects.toThrow("undo");
          }),
        ),
      );
    } finally {
      await sequelize.close();
      await source.destroy();
    }
    for (const slug of SLUGS)
      expect((await town.rows(slug))[0]).toMatchObject({ note: `${slug}1` });
  });
});
