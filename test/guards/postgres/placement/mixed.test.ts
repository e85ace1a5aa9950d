import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { buildTown, type Town } from "./town.js";

const EVERYWHERE = [
  { slug: "anna", strategy: "row" },
  { slug: "ben", strategy: "row" },
  { slug: "carla", strategy: "schema" },
  { slug: "dan", strategy: "schema" },
  { slug: "eve", strategy: "schema", own: true },
  { slug: "fred", strategy: "database" },
  { slug: "greta", strategy: "database", own: true },
] as const;
const SLUGS = EVERYWHERE.map(({ slug }) => slug);

for (const seal of ["parameter", "mac"] as const) {
  describeEngine("postgres", `one pool for tenants placed in every way (${seal} seal)`, () => {
    let town: Town;

    beforeAll(async () => {
      town = await buildTown(EVERYWHERE, { seal, max: 2 });
    });
    afterAll(() => town.close());

    test("the wall stands", async () => {
      await expect(town.pw.ready()).resolves.toBeUndefined();
    });

    test.each(SLUGS)("%s reads its own rows, and no other's", async (slug) => {
      expect(await town.as(slug, "select note from orders order by id")).toEqual(
        [1, 2, 3].map((n) => ({ note: `${slug}${n}` })),
      );
      expect(await town.as(slug, "select count(*)::int as n from customers")).toEqual([{ n: 3 }]);
    });

    test.each(SLUGS)("%s writes where it lives, stamped by the database", async (slug) => {
      await town.as(slug, "insert into orders (id, note) values (10, 'new')");
      const written = (await town.rows(slug)).find(({ id }) => id === 10);
      expect(written).toMatchObject({ tenant_id: town.id(slug), note: "new" });
      for (const other of SLUGS.filter((one) => one !== slug)) {
        expect((await town.rows(other)).filter(({ id }) => id === 10)).toEqual([]);
      }
      await town.as(slug, "delete from orders where id = 10");
      expect(await town.rows(slug)).toHaveLength(3);
    });

    test.each(SLUGS)("%s cannot write a row of another tenant's", async (slug) => {
      const other = SLUGS.find((one) => one !== slug)!;
      await expect(
        town.as(slug, "insert into orders (tenant_id, id) values ($1, 77)", [town.id(other)]),
      ).rejects.toMatchObject({ code: "PW_WRITE_MISMATCH" });
      for (const one of SLUGS) {
        expect((await town.rows(one)).filter(({ id }) => id === 77)).toEqual([]);
      }
    });

    test("transactions of all interleave on a pool of two, each with its own rows", async () => {
      const work = Array.from({ length: 70 }, (_, turn) => SLUGS[turn % SLUGS.length]!);
      await Promise.all(
        work.map((slug, turn) =>
          town.pw.run({ slug }, async () => {
            const client = await town.pool.connect();
            try {
              await client.query("begin");
              const { rows } = await client.query("select note from orders where id = 1");
              expect(rows).toEqual([{ note: `${slug}1` }]);
              await client.query("savepoint s");
              await client.query("update orders set amount = amount + 1 where id = 2");
              if (turn % 2 === 0) await client.query("rollback to s");
              const after = await client.query("select note from orders order by id");
              expect(after.rows.map(({ note }) => note)).toEqual([1, 2, 3].map((n) => slug + n));
              await client.query(turn % 4 === 3 ? "commit" : "rollback");
            } finally {
              client.release();
            }
          }),
        ),
      );
      for (const slug of SLUGS) {
        const kept = work.filter((one, turn) => one === slug && turn % 4 === 3).length;
        expect((await town.rows(slug)).map(({ amount }) => amount)).toEqual([10, 20 + kept, 30]);
      }
    });

    test("a client taken for one tenant is refused in the scope of one who lives elsewhere", async () => {
      const client = await town.pw.run({ slug: "fred" }, () => town.pool.connect());
      const asks = (slug: string) =>
        town.pw.run({ slug }, () => client.query("select 1 from orders"));
      await expect(asks("greta")).rejects.toMatchObject({ code: "PW_PLACEMENT" });
      await expect(asks("anna")).rejects.toMatchObject({ code: "PW_PLACEMENT" });
      await expect(
        town.pw.central(() => client.query("select 1 from orders")),
      ).rejects.toMatchObject({ code: "PW_PLACEMENT" });
      await expect(asks("fred")).resolves.toMatchObject({ rowCount: 3 });
      client.release();
      const shared = await town.pw.run({ slug: "anna" }, () => town.pool.connect());
      await expect(
        town.pw.run({ slug: "fred" }, () => shared.query("select note from orders")),
      ).rejects.toMatchObject({ code: "PW_PLACEMENT" });
      shared.release();
    });

    test("a callback runs in its caller's scope, wherever the connection is", async () => {
      for (const slug of SLUGS) {
        const seen = await town.pw.run(
          { slug },
          () =>
            new Promise((resolve, reject) => {
              town.pool.connect((error, client, release) => {
                if (error || client === undefined) return reject(error);
                client.query("select 1", (failure) => {
                  release();
                  if (failure) reject(failure);
                  else resolve(town.pw.current().slug);
                });
              });
            }),
        );
        expect(seen).toBe(slug);
      }
    });

    test("outside any scope nothing is sent", async () => {
      await expect(town.pool.query("select * from orders")).rejects.toMatchObject({
        code: "PW_NO_SCOPE",
      });
    });
  });
}
