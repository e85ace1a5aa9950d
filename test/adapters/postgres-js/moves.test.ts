import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { buildSite, type Site } from "./site.js";

describeEngine("postgres", "a tenant that is moved under its callers on postgres.js", () => {
  let site: Site;
  beforeAll(async () => {
    site = await buildSite({
      residences: [
        { slug: "ada", strategy: "row" },
        { slug: "bob", strategy: "row" },
      ],
      sql: { max: 30 },
      guard: { budget: { waitMs: 5000 } },
    });
  });
  afterAll(() => site.close());

  const held = () => ({ id: site.id("ada"), placement: { strategy: "row" as const } });
  const hold = () => site.guard.hold(held(), { holdMs: 20_000, graceMs: 2000 });
  const ways = (): (() => PromiseLike<unknown>)[] => [
    () => site.sql`select note from orders where id = 1`,
    () => site.sql`select note from orders where id = ${1}`,
    () => site.sql.unsafe("select note from orders where id = 1"),
    () => site.sql.unsafe("select note from orders where id = $1", [1]),
    () => site.sql.unsafe("select note from orders where id = 1; select 1").then(([rows]) => rows),
    () => site.sql`select note from orders where id = 1`.describe().then(() => [{ note: "ada1" }]),
    async () => {
      for await (const rows of site.sql`select note from orders where id = ${1}`.cursor())
        return rows;
      return undefined;
    },
  ];

  test("a lone statement waits while it is held, then is answered as if nothing had been", async () => {
    expect(await hold()).toBe(true);
    let answered = 0;
    const asking = [...ways(), ...ways()].map(async (ask) => {
      const rows = await site.inside("ada", ask);
      answered += 1;
      return rows;
    });
    await sleep(100);
    expect(answered).toBe(0);
    // Nobody else waits for it.
    expect(await site.inside("bob", () => site.sql`select note from orders where id = 1`)).toEqual([
      { note: "bob1" },
    ]);
    await site.guard.release(held());
    expect(await Promise.all(asking)).toEqual(asking.map(() => [{ note: "ada1" }]));
    await expect.poll(() => site.open()).toBe(0);
  });

  test("a transaction that begins meanwhile is told to begin again", async () => {
    await hold();
    const begun = site.inside("ada", () =>
      site.sql.begin((tx) => tx`select note from orders where id = ${1}`),
    );
    await expect(begun).rejects.toMatchObject({ code: "PW_PLACEMENT_STALE", status: 503 });
    await site.guard.release(held());
    await expect.poll(() => site.open()).toBe(0);
  });

  test("a scope that was opened before is led to where the tenant lives now", async () => {
    const { schema, placement, eye } = await site.buildHome(site.id("ada"), {
      slug: "ada_s",
      strategy: "schema",
    });
    await eye.query(`insert into ${schema}.orders (tenant_id, id, note) values ($1, 1, 'moved')`, [
      site.id("ada"),
    ]);
    let moved = () => {};
    const hasMoved = new Promise<void>((resolve) => (moved = resolve));
    const seen = site.inside("ada", async () => {
      await site.sql`select 1`;
      await hasMoved;
      return Promise.all(
        ways()
          .slice(0, 5)
          .map((ask) => ask()),
      );
    });
    const from = held();
    const to = { id: from.id, placement };
    await site.guard.hold(from, { holdMs: Number.POSITIVE_INFINITY, graceMs: 2000 });
    await site.guard.admit(to);
    await site.pw.tenants.relocate(from.id, from.placement, placement);
    moved();
    expect(await seen).toEqual(Array.from({ length: 5 }, () => [{ note: "moved" }]));
  });
});
