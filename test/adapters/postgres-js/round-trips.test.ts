import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine, engineUrl } from "../../support/engine.js";
import { tapWire, type Wire } from "../../guards/postgres/wire.js";
import { buildSite, type Site } from "./site.js";

type Use = (sql: postgres.Sql) => PromiseLike<unknown>;

// Until the connection is ready again, which postgres.js does not wait for.
const whole = async (sql: postgres.Sql, use: Use) => {
  await use(sql);
  await sql`select 1`;
};

// By how many round trips the guard has more, for the seal.
const USES: [name: string, more: number, use: Use][] = [
  ["a template", 0, (sql) => sql`select note from orders where id = 1`],
  ["a template with a parameter", 0, (sql) => sql`select note from orders where id = ${1}`],
  ["unsafe text", 0, (sql) => sql.unsafe("select note from orders where id = 1")],
  ["unsafe text with a parameter", 0, (sql) => sql.unsafe("select $1::int", [1])],
  ["a cursor", 0, (sql) => sql`select generate_series(1, 3)`.cursor(2, () => undefined)],
  ["a description", 0, (sql) => sql`select note from orders where id = ${1}`.describe()],
  ["an error", 0, (sql) => sql`select 1 / 0`.catch(() => undefined)],
  ["an error in a statement with a parameter", 0, (sql) => sql`selec ${1}`.catch(() => undefined)],
  ["several statements", 1, (sql) => sql.unsafe("select 1; select note from orders").simple()],
  [
    "a COPY",
    1,
    (sql) =>
      sql`copy (select 1) to stdout`.readable().then(async (stream) => {
        for await (const _ of stream);
      }),
  ],
  [
    "a transaction",
    0,
    (sql) =>
      sql.begin(async (tx) => {
        await tx`select note from orders where id = ${1}`;
        await tx.savepoint((inner) => inner`select note from orders`);
      }),
  ],
];

describeEngine("postgres", "what postgres.js costs through the guard", () => {
  let wire: Wire;
  let site: Site;
  let raw: postgres.Sql;
  beforeAll(async () => {
    wire = await tapWire(engineUrl("postgres"));
    site = await buildSite({ max: 1, sql: { max: 1 }, through: wire.through });
    raw = postgres(wire.through(site.database.url), { max: 1, prepare: false });
    await raw`select 1`;
    await site.inside("ada", () => site.sql`select 1`);
  });
  afterAll(async () => {
    await raw.end();
    await site.close();
    await wire.close();
  });

  test.each(USES)("%s takes %i round trips more", async (_name, more, use) => {
    const before = await wire.during(() => whole(raw, use));
    const after = await wire.during(() => site.inside("ada", () => whole(site.sql, use)));
    expect(before.trips).toBeGreaterThan(0);
    expect(after.trips).toBe(before.trips + more);
  });

  const central = USES.filter(([name]) => name !== "a transaction");
  test.each(central)("%s takes none more in a central scope", async (_name, _more, use) => {
    const shared: Use = (sql) =>
      use(sql).then(
        () => undefined,
        () => undefined,
      );
    const before = await wire.during(() => whole(raw, shared));
    const after = await wire.during(() => site.pw.central(() => whole(site.sql, shared)));
    expect(after.trips).toBe(before.trips);
  });

  test("the seal goes with the statement, and nothing that is named", async () => {
    const sent = async (use: Use) =>
      (await wire.during(() => site.inside("ada", () => use(site.sql)))).sent;
    expect(await sent((sql) => sql`select note from orders`)).toBe("PBEPDBES");
    expect(await sent((sql) => sql.unsafe("select note from orders"))).toBe("PBEPBDES");
    expect(await sent((sql) => sql`select note from orders where id = ${1}`)).toBe("PBEPDH BES");
  });
});
