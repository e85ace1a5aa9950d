import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import type { Residence } from "../../guards/postgres/placement/town.js";
import { buildSite, type Site } from "./site.js";

const CROWD: readonly Residence[] = [
  ...Array.from({ length: 90 }, (_, n): Residence => ({ slug: `r${n}`, strategy: "row" })),
  ...Array.from({ length: 8 }, (_, n): Residence => ({ slug: `s${n}`, strategy: "schema" })),
  ...Array.from({ length: 2 }, (_, n): Residence => ({ slug: `d${n}`, strategy: "database" })),
];

const WRITING = new Set(["a transaction that writes", "a transaction that sends at once"]);

describeEngine("postgres", "a hundred tenants at once on postgres.js", () => {
  let site: Site;
  beforeAll(async () => {
    site = await buildSite({ residences: CROWD, max: 2, sql: { max: 2 } });
  });
  afterAll(() => site.close());

  type Way = (slug: string) => PromiseLike<readonly { readonly note?: string }[]>;
  const look = "select note from orders where note not like '%written' order by id";
  const ways = (): Record<string, Way> => ({
    "a template": () =>
      site.sql`select note from orders where note not like '%written' order by id`,
    "a template with a parameter": () =>
      site.sql`select note from orders where id < ${10} and note not like '%written' order by id`,
    "unsafe text": () => site.sql.unsafe(look),
    "unsafe text with a parameter": () =>
      site.sql.unsafe("select note from orders where id <= $1 order by id", [3]),
    "several statements": async () =>
      (await site.sql.unsafe(`select 1; ${look}`).simple()).at(1) as { note: string }[],
    "a cursor": async () => {
      const rows: { note: string }[] = [];
      for await (const some of site.sql<{ note: string }[]>`
        select note from orders where note not like '%written' order by id`.cursor(2)) {
        rows.push(...some);
      }
      return rows;
    },
    "a transaction that writes": (slug) =>
      site.sql.begin(async (sql) => {
        await sql`insert into orders (id, note) values (50, ${`${slug}written`})`;
        return sql`select note from orders where note not like '%written' order by id`;
      }),
    "a transaction that sends at once": (slug) =>
      site.sql
        .begin((sql) => [
          sql`insert into orders (id, note) values (51, ${`${slug}written`})`,
          sql`select note from orders where note not like '%written' order by id`,
        ])
        .then(([, rows]) => rows as unknown as { note: string }[]),
    "a transaction that is rolled back": (slug) =>
      site.sql
        .begin(async (sql) => {
          await sql`insert into orders (id, note) values (52, ${`${slug}written`})`;
          throw new Error("back");
        })
        .catch(() => site.sql<{ note: string }[]>`${site.sql.unsafe(look)}`),
    "a reserved connection": async () => {
      const sql = await site.sql.reserve();
      try {
        await sql`select 1`;
        return await sql<{ note: string }[]>`${sql.unsafe(look)}`;
      } finally {
        sql.release();
      }
    },
    "a failing statement first": async () => {
      await site.sql`select 1 / ${0}::int`.catch(() => undefined);
      return site.sql<{ note: string }[]>`${site.sql.unsafe(look)}`;
    },
    "a setting first": async () => {
      await site.sql.unsafe("set statement_timeout = '20s'");
      return site.sql<{ note: string }[]>`${site.sql.unsafe(look)}`;
    },
  });

  test("none gets another's rows, and each writes as itself", async () => {
    // Each tenant in every third way, so that all at once is no more than a server of two cores can bear.
    const asked = Object.entries(ways()).flatMap(([way, ask], at) =>
      CROWD.filter((_, tenant) => (tenant + at) % 3 === 0).map(({ slug }) => ({ way, ask, slug })),
    );
    for (let last = asked.length - 1; last > 0; last -= 1) {
      const at = Math.floor(Math.random() * (last + 1));
      [asked[last], asked[at]] = [asked[at]!, asked[last]!];
    }
    const strays = await Promise.all(
      asked.map(async ({ way, ask, slug }) => {
        const seen = await site
          .inside(slug, () => ask(slug))
          .then(
            (rows) => rows.map(({ note }) => note).join(),
            (error: Error) => error.message,
          );
        return seen === `${slug}1,${slug}2,${slug}3` ? [] : [`${way}: ${slug} saw ${seen}`];
      }),
    );
    expect(strays.flat()).toEqual([]);
    for (const { slug } of CROWD) {
      const written = asked.filter((one) => one.slug === slug && WRITING.has(one.way));
      expect(await site.notes(slug)).toEqual([
        ...[1, 2, 3].map((n) => `${slug}${n}`),
        ...written.map(() => `${slug}written`),
      ]);
    }
    await expect.poll(() => site.open()).toBe(0);
  }, 120_000);
});
