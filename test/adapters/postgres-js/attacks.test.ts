import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { buildSite, PAIRS, RESIDENCES, type Site } from "./site.js";

describeEngine("postgres", "tenants on postgres.js are kept apart", () => {
  let site: Site;
  beforeAll(async () => {
    site = await buildSite({ max: 2, sql: { max: 2 } });
  });
  afterAll(() => site.close());

  const own = (slug: string) => [1, 2, 3].map((n) => ({ note: `${slug}${n}` }));
  const notes = () => site.sql`select note from orders order by id`;
  const untouched = async () => {
    for (const { slug } of RESIDENCES) {
      expect(await site.notes(slug)).toEqual([1, 2, 3].map((n) => `${slug}${n}`));
    }
  };

  test("a statement outside any scope is refused before anything is sent", async () => {
    const before = site.guard.pool.totalCount;
    const ways: (() => PromiseLike<unknown>)[] = [
      () => site.sql`select note from orders`,
      () => site.sql`select note from orders where id = ${1}`,
      () => site.sql.unsafe("select note from orders"),
      () => site.sql.unsafe("select note from orders where id = $1", [1]),
      () => site.sql`select note from orders`.simple(),
      () => site.sql`select note from orders`.values(),
      () => site.sql`select note from orders`.raw(),
      () => site.sql`select note from orders`.describe(),
      () => site.sql`select note from orders`.forEach(() => undefined),
      () => site.sql`select note from orders`.cursor(2, () => undefined),
      async () => {
        for await (const _ of site.sql`select note from orders`.cursor(2)) throw new Error("read");
      },
      () => site.sql`copy orders to stdout`.readable().then((stream) => stream.toArray()),
      () => site.sql.begin(() => undefined),
      () => site.sql.begin("read only", () => undefined),
      () => site.sql.notify("channel", "payload"),
      () => site.sql.file(new URL("orders.sql", import.meta.url)),
      async () => {
        const reserved = await site.sql.reserve();
        try {
          return await reserved`select note from orders`;
        } finally {
          reserved.release();
        }
      },
    ];
    for (const way of ways) {
      // The stream of a COPY that is refused never comes.
      await expect(way()).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    }
    // Asking which types are arrays takes one, and is the only thing that may.
    expect(site.guard.pool.totalCount - before).toBeLessThanOrEqual(2);
    await untouched();
  });

  test("in a central scope tenant tables are refused and shared ones are read", async () => {
    await site.pw.central(async () => {
      await expect(notes()).rejects.toMatchObject({ code: "PW_CENTRAL_SCOPE" });
      expect(await site.sql`select name from common.plans order by name`).toEqual([
        { name: "free" },
        { name: "pro" },
      ]);
    });
  });

  test("in a system scope all rows of the shared database are read, under the system's login", async () => {
    await site.pw.system({ reason: "test" }, async () => {
      const rows = await site.sql`select distinct left(note, 3) as slug from orders order by 1`;
      expect(rows).toEqual([{ slug: "ada" }, { slug: "bob" }]);
      const [row] = await site.sql.begin(
        (tx) => tx`select current_user as login, ${1}::int as one`,
      );
      expect(row).toEqual({ login: site.roles.system, one: 1 });
      await expect(site.sql`select ${1} / 0`).rejects.toMatchObject({ code: "22012" });
    });
    await expect(site.inside("ada", () => notes())).resolves.toEqual(own("ada"));
  });

  test("a statement that postgres.js was talked into naming is refused before anything is sent", async () => {
    const { sql } = site;
    const options = sql.options as { prepare: boolean };
    options.prepare = true;
    try {
      await site.inside("ada", async () => {
        for (const use of [() => sql`select 1`, () => sql`select ${1}::int`]) {
          await expect(use()).rejects.toMatchObject({
            name: "PartywallError",
            code: "PW_STATEMENT_REFUSED",
          });
        }
      });
    } finally {
      options.prepare = false;
    }
    expect(await site.inside("ada", () => notes())).toEqual(own("ada"));
  });

  for (const [strategy, mine, other] of PAIRS) {
    test(`cannot read another tenant's rows, whatever the statement says (${strategy})`, async () => {
      const { sql } = site;
      const id = site.id(other);
      await site.inside(mine, async () => {
        expect(await notes()).toEqual(own(mine));
        expect(await sql`select note from orders where tenant_id = ${id}`).toEqual([]);
        expect(await sql.unsafe(`select note from orders where tenant_id = '${id}'`)).toEqual([]);
        expect(await sql`select count(*)::int as all from orders`).toEqual([{ all: 3 }]);
      });
    });

    test(`cannot write another tenant's rows (${strategy})`, async () => {
      const { sql } = site;
      const id = site.id(other);
      await site.inside(mine, async () => {
        expect((await sql`update orders set note = 'mine' where tenant_id = ${id}`).count).toBe(0);
        expect((await sql`delete from orders where tenant_id = ${id}`).count).toBe(0);
        await expect(
          sql`insert into orders ${sql({ tenant_id: id, id: 9, note: "planted" })}`,
        ).rejects.toMatchObject({
          name: "PartywallError",
          code: "PW_WRITE_MISMATCH",
          cause: { severity: "ERROR" },
        });
      });
      await untouched();
    });

    test(`cannot become another tenant by raw SQL (${strategy})`, async () => {
      const { sql } = site;
      const id = site.id(other);
      const spoofs = [
        `select set_config('partywall.tenant', '${id}', true)`,
        `select set_config('partywall.tenant', '${id}', false)`,
        `set partywall.tenant = '${id}'`,
        `set session authorization '${site.roles.system}'`,
        `set role '${site.roles.system}'`,
        `select partywall.enter('${id}')`,
        "reset all",
        "discard all",
        "commit",
        "rollback",
      ];
      for (const spoof of spoofs) {
        for (const text of [
          spoof,
          `${spoof}; select note from orders`,
          `begin; ${spoof}; select note from orders; commit`,
        ]) {
          const seen = await site.inside(mine, () =>
            sql
              .unsafe(text)
              .simple()
              .then(
                (rows) => JSON.stringify(rows),
                (error: Error) => error.message,
              ),
          );
          expect(seen).not.toMatch(new RegExp(`${other}\\d`));
        }
        expect(await site.inside(mine, () => notes())).toEqual(own(mine));
        expect(await site.inside(other, () => notes())).toEqual(own(other));
      }
      await untouched();
    });

    test(`stacked statements stay the tenant's, and end with its text (${strategy})`, async () => {
      const { sql } = site;
      const results = await site.inside(mine, () =>
        sql
          .unsafe("select 1 as one; select note from orders order by id; select 2 as two")
          .simple(),
      );
      expect(results).toEqual([[{ one: 1 }], own(mine), [{ two: 2 }]]);
      const after = await site.inside(mine, () =>
        sql
          .unsafe("select 1; commit; select note from orders")
          .simple()
          .then(
            (rows) => (rows.at(-1) as unknown as unknown[]).length as unknown,
            (error: { code?: unknown }) => error.code,
          ),
      );
      // In a database of its own there is nobody else, and no seal that the COMMIT could end.
      expect(after).toBe(strategy === "database" ? 3 : "PW_WALL_REFUSED");
      expect(await site.inside(other, () => notes())).toEqual(own(other));
    });

    test(`a query is issued where it is awaited, not where it was built (${strategy})`, async () => {
      const built = await site.inside(mine, () => [notes()] as const);
      expect(await site.inside(other, () => built[0])).toEqual(own(other));
      const outside = await site.inside(mine, () => [notes()] as const);
      await expect(outside[0].then((rows) => rows)).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    });

    test(`what is cancelled gives its answer to nobody else (${strategy})`, async () => {
      const { sql } = site;
      const strays: string[] = [];
      for (let round = 0; round < 5; round += 1) {
        const waiting: Promise<unknown>[] = [];
        for (let n = 0; n < 12; n += 1) {
          const slug = n % 2 === 0 ? mine : other;
          waiting.push(
            site.inside(slug, async () => {
              // Without parameters, which is what postgres.js sends ahead of answers.
              const asked = sql`select note from orders order by id`.execute();
              if (n % 3 === 0) setImmediate(() => asked.cancel());
              const seen = await asked.then(
                (rows) => rows.map((row) => String(row["note"])).join(),
                (error: { code: unknown }) => String(error.code),
              );
              const isOwn = seen === [1, 2, 3].map((one) => `${slug}${one}`).join();
              if (!isOwn && !(n % 3 === 0 && seen === "57014")) strays.push(`${slug} saw ${seen}`);
            }),
          );
        }
        await Promise.all(waiting);
      }
      expect(strays).toEqual([]);
    });

    test(`callbacks run in the scope that issued the statement (${strategy})`, async () => {
      const { sql } = site;
      const seen: string[] = [];
      const look = () => void seen.push(site.pw.tryCurrent()?.slug ?? "nobody");
      await Promise.all(
        [mine, other, mine, other].map((slug) =>
          site.inside(slug, async () => {
            await sql`select 1 from orders`.forEach(() => {
              if (site.pw.tryCurrent()?.slug !== slug) seen.push("stray");
              look();
            });
            await sql`select 1 from orders`.cursor(1, () => {
              if (site.pw.tryCurrent()?.slug !== slug) seen.push("stray");
              look();
            });
          }),
        ),
      );
      const times = (slug: string) => seen.filter((one) => one === slug).length;
      expect([times(mine), times(other), seen.length]).toEqual([12, 12, 24]);
    });
  }
});
