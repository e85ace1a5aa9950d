import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { buildSite, PAIRS, type Site } from "./site.js";

const NOTES = "select note from orders order by id";

describeEngine("postgres", "a reserved connection of postgres.js", () => {
  let site: Site;
  beforeAll(async () => {
    site = await buildSite({ max: 2, sql: { max: 1 } });
  });
  afterAll(() => site.close());

  const own = (slug: string) => [1, 2, 3].map((n) => ({ note: `${slug}${n}` }));
  /** Reserves the only connection, has it do something, and gives it back at once, whatever became of it. */
  const reserving = async (use: (sql: Awaited<ReturnType<Site["sql"]["reserve"]>>) => unknown) => {
    const reserved = await site.sql.reserve();
    try {
      return await use(reserved);
    } finally {
      reserved.release();
    }
  };

  for (const [strategy, mine, other] of PAIRS) {
    test(`is not out of step when it is given back as its statement is refused (${strategy})`, async () => {
      const refusals: ((sql: Awaited<ReturnType<Site["sql"]["reserve"]>>) => Promise<unknown>)[] = [
        (sql) => sql.unsafe(NOTES),
        async (sql) => {
          for await (const rows of sql.unsafe(NOTES).cursor(10)) return rows;
          return [];
        },
        async (sql) => {
          await sql.unsafe("begin");
          return sql.unsafe("select note from orders where id = $1", [1]);
        },
      ];
      for (const refusal of [...refusals, ...refusals]) {
        const refused = site.pw.central(() => reserving(refusal));
        await expect(refused).rejects.toMatchObject({ code: "PW_CENTRAL_SCOPE" });
        const answers = [mine, other].map((slug) =>
          site.inside(slug, async () => [
            [...((await site.sql.unsafe(NOTES)) as unknown as unknown[])],
            [...((await reserving((sql) => sql.unsafe(NOTES))) as unknown[])],
          ]),
        );
        expect(await Promise.all(answers)).toEqual(
          [mine, other].map((slug) => [own(slug), own(slug)]),
        );
      }
    });

    test(`is handed on when what still ran on it has ended (${strategy})`, async () => {
      for (let n = 0; n < 3; n += 1) {
        let late: Promise<unknown> = Promise.resolve();
        await site.inside(mine, () =>
          reserving((sql) => {
            late = sql
              .unsafe("select note from orders, pg_sleep(0.1) where id = 1")
              .then((rows) => [...rows]);
          }),
        );
        const next = await site.inside(other, () => site.sql.unsafe(NOTES));
        expect([...next]).toEqual(own(other));
        expect(await late).toEqual([{ note: `${mine}1` }]);
      }
    });
  }
});
