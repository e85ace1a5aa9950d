import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Placement } from "partywall";
import { tenantMover, type TenantMover } from "partywall/tenants";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { testDatabase, withClient } from "../../../support/postgres.js";
import { buildTown, type Town } from "../../../guards/postgres/placement/town.js";
import { townHomes } from "./homes.js";

describeEngine("postgres", "moving a tenant that is in use", () => {
  let town: Town;
  let other: ReturnType<Town["elsewhere"]>;
  let mover: TenantMover;
  let homes: ReturnType<typeof townHomes>;

  beforeAll(async () => {
    town = await buildTown(
      [
        { slug: "anna", strategy: "row" },
        { slug: "ben", strategy: "row" },
        { slug: "cleo", strategy: "row" },
      ],
      { servers: { east: await testDatabase() }, max: 6, guard: { budget: { connections: 40 } } },
    );
    other = town.elsewhere();
    homes = townHomes(town);
    mover = tenantMover(pg, {
      tenants: town.pw.tenants,
      guard: town.guard,
      admin: town.database.url,
      servers: { east: town.boroughs["east"]!.database.url },
      homes,
    });
  });
  afterAll(async () => {
    await other.close();
    await town.close();
  });

  const name = (suffix: string) => `${town.database.name}_${suffix}`;
  const ROW: Placement = { strategy: "row" };

  /** What is really at a placement of a tenant, seen by a superuser. */
  const notesAt = async (slug: string, { strategy, server, name: at }: Placement) => {
    const { database } = town.boroughs[server ?? "default"]!;
    const url = new URL(database.url);
    if (strategy === "database") url.pathname = `/${at}`;
    const eye = new pg.Client({ connectionString: url.href });
    await eye.connect();
    try {
      const { rows } = await eye.query(
        `select id, note, customer_id from ${strategy === "schema" ? at : "public"}.orders where tenant_id = $1 order by id`,
        [town.id(slug)],
      );
      return rows as { id: number; note: string }[];
    } finally {
      await eye.end();
    }
  };

  test("row → schema → database → other server → row, with writers that never stop", async () => {
    const path: Placement[] = [
      { strategy: "schema", name: name("anna_s") },
      { strategy: "database", name: name("anna_d") },
      { strategy: "database", name: name("anna_e"), server: "east" },
      { strategy: "row", server: "east" },
      ROW,
    ];
    const done = new AbortController();
    let turn = 1000;
    let retried = 0;
    const expected = new Map<number, string>();
    const attempt = async (fn: () => Promise<unknown>) => {
      for (;;) {
        try {
          return await fn();
        } catch (error) {
          // What an application does with a 503.
          if ((error as { code?: string }).code !== "PW_PLACEMENT_STALE") throw error;
          retried += 1;
          await sleep(5);
        }
      }
    };
    const writer = async (pw: typeof other) => {
      while (!done.signal.aborted) {
        turn += 1;
        const mine = turn;
        const ask = (text: string, values: unknown[]) =>
          pw.run({ slug: "anna" }, () => pw.postgres.pool.query(text, values));
        await attempt(() =>
          ask("insert into orders (id, customer_id, note) values ($1, 1, 'new')", [mine]),
        );
        expected.set(mine, "new");
        if (mine % 3 === 0) {
          await attempt(() => ask("update orders set note = 'changed' where id = $1", [mine]));
          expected.set(mine, "changed");
        }
        if (mine % 5 === 0) {
          await attempt(() => ask("delete from orders where id = $1", [mine]));
          expected.delete(mine);
        }
        if (mine % 7 === 0) {
          // In a transaction, which is begun again where it is refused.
          await attempt(() =>
            pw.run({ slug: "anna" }, async () => {
              const client = await pw.postgres.pool.connect();
              try {
                await client.query("begin");
                await client.query("update orders set note = 'twice' where id = 1");
                await client.query("update orders set amount = amount + 1 where id = 1");
                await client.query("commit");
                client.release();
              } catch (error) {
                client.release(true);
                throw error;
              }
            }),
          );
        }
        await sleep(2);
      }
    };
    const writers = [writer(town.pw), writer(other), writer(town.pw), writer(other)];
    const pauses: number[] = [];
    try {
      for (const to of path) {
        await sleep(100);
        const report = await mover.move({ slug: "anna" }, to);
        pauses.push(report.pauseMs);
        expect(report.tables.map(({ table }) => table.replace(/^.*\./, "")).toSorted()).toEqual([
          "customers",
          "orders",
        ]);
        await sleep(50);
        await mover.confirm({ slug: "anna" });
      }
    } finally {
      done.abort();
      await Promise.all(writers);
    }
    const rows = await notesAt("anna", ROW);
    expect(new Map(rows.filter(({ id }) => id > 1000).map(({ id, note }) => [id, note]))).toEqual(
      expected,
    );
    expect(rows.filter(({ id }) => id <= 3)).toHaveLength(3);
    expect(expected.size).toBeGreaterThan(30);
    console.log(`held for ${pauses.join(", ")} ms; ${expected.size} rows, ${retried} retried`);
    // The neighbours are as they were, and nothing is left anywhere else.
    expect((await notesAt("ben", ROW)).map(({ note }) => note)).toEqual(["ben1", "ben2", "ben3"]);
    expect(await notesAt("anna", { strategy: "row", server: "east" })).toEqual([]);
    expect(homes.built).toEqual([]);
    const { rows: triggers } = await town.boroughs["default"]!.superuser.query(
      "select tgname from pg_trigger where tgname like 'partywall_capture%'",
    );
    expect(triggers).toEqual([]);
  }, 120_000);

  test("200 writes a second on 20,000 rows: none lost or doubled, and the longest wait is told", async () => {
    const { superuser } = town.boroughs["default"]!;
    await superuser.query(
      "insert into orders (tenant_id, id, note) select $1, n, repeat('x', 100) from generate_series(10001, 30000) n",
      [town.id("cleo")],
    );
    const to: Placement = { strategy: "database", name: name("cleo_d"), server: "east" };
    const done = new AbortController();
    const written: number[] = [];
    const writes: Promise<void>[] = [];
    let longest = 0;
    let refused = 0;
    const write = async (id: number) => {
      const began = performance.now();
      for (;;) {
        try {
          await town.as("cleo", "insert into orders (id, note) values ($1, 'load')", [id]);
          break;
        } catch (error) {
          if ((error as { code?: string }).code !== "PW_PLACEMENT_STALE") throw error;
          refused += 1;
        }
      }
      longest = Math.max(longest, performance.now() - began);
      written.push(id);
    };
    const load = (async () => {
      const began = performance.now();
      for (let sent = 0; !done.signal.aborted; sent += 1) {
        writes.push(write(100_000 + sent));
        // By the clock, so that a slow moment is made up for.
        const due = began + (sent + 1) * 5;
        if (due > performance.now()) await sleep(due - performance.now());
      }
      return (writes.length * 1000) / (performance.now() - began);
    })();
    await sleep(500);
    const report = await mover.move({ slug: "cleo" }, to);
    await sleep(500);
    done.abort();
    const rate = await load;
    await Promise.all(writes);
    const ids = (await notesAt("cleo", to)).map(({ id }) => id).filter((id) => id >= 100_000);
    expect(ids).toEqual(written.toSorted((a, b) => a - b));
    expect((await notesAt("cleo", to)).filter(({ id }) => id < 100_000)).toHaveLength(20_003);
    // The old copy is kept until it is confirmed.
    expect((await notesAt("cleo", ROW)).length).toBeGreaterThanOrEqual(20_003);
    await mover.confirm({ slug: "cleo" });
    expect(await notesAt("cleo", ROW)).toEqual([]);
    console.log(
      `${Math.round(rate)} writes a second, ${written.length} in all, ${refused} told to try again; longest wait ${Math.round(longest)} ms, held for ${report.pauseMs} ms, ${report.changes} changes carried after the copy`,
    );
  }, 60_000);

  test("a transaction that outlasts the hold puts the cut off, and is not ended", async () => {
    const to: Placement = { strategy: "schema", name: name("ben_s") };
    const client = await other.run({ slug: "ben" }, () => other.postgres.pool.connect());
    const ask = (text: string) => other.run({ slug: "ben" }, () => client.query(text));
    await ask("begin");
    await ask("update orders set note = 'under way' where id = 1");
    const moving = mover.move({ slug: "ben" }, to, { holdMs: 200, graceMs: 50 });
    await sleep(400);
    // Others are served all the while.
    expect(await town.as("ben", "select note from orders where id = 2")).toEqual([
      { note: "ben2" },
    ]);
    await ask("commit");
    client.release();
    await moving;
    expect((await notesAt("ben", to))[0]).toMatchObject({ note: "under way" });
    await mover.confirm({ slug: "ben" });
  });

  test("two movers of one tenant do not meet, and the move cannot be bent to another place", async () => {
    const to: Placement = { strategy: "database", name: name("ben_d") };
    const both = await Promise.allSettled([
      mover.move({ slug: "ben" }, to),
      mover.move({ slug: "ben" }, to),
    ]);
    // Whoever comes second finds the move done.
    expect(both.map(({ status }) => status)).toContain("fulfilled");
    await expect(
      mover.move({ slug: "ben" }, { strategy: "schema", name: name("ben_x") }),
    ).rejects.toThrow("old copy of ben is still kept");
    await expect(mover.giveUp({ slug: "ben" })).rejects.toThrow("lives at its new place already");
    await mover.confirm({ slug: "ben" });
    await expect(mover.confirm({ slug: "ben" })).rejects.toThrow("no old copy");
    await expect(mover.giveUp({ slug: "ben" })).rejects.toThrow("nothing to give up");
    await expect(mover.move({ slug: "ben" }, to)).rejects.toThrow("lives there already");
    expect(await mover.status({ slug: "ben" })).toBeUndefined();
  });

  test("a tenant that is not active, and one whose rows cannot be told apart, are not moved", async () => {
    const to: Placement = { strategy: "schema", name: name("anna_x") };
    await town.pw.tenants.suspend(town.id("anna"));
    await expect(mover.move({ slug: "anna" }, to)).rejects.toThrow("Only an active tenant");
    await town.pw.tenants.restore(town.id("anna"));
    const { superuser } = town.boroughs["default"]!;
    await superuser.query(
      "alter table orders drop constraint orders_pkey, alter column id drop not null",
    );
    await expect(mover.move({ slug: "anna" }, to)).rejects.toThrow("no unique key without nulls");
    await mover.giveUp({ slug: "anna" });
    await superuser.query("alter table orders add primary key (tenant_id, id)");
    expect(await town.as("anna", "select count(*)::int as n from orders where id <= 3")).toEqual([
      { n: 3 },
    ]);
  });

  test("one that is suspended while it is moved stays out, here and there, until it is restored", async () => {
    const to: Placement = { strategy: "schema", name: name("anna_t") };
    let hasSeen = false;
    await mover.move({ slug: "anna" }, to, {
      onProgress: ({ phase }) => {
        if (phase !== "compare" || hasSeen) return;
        hasSeen = true;
        void town.pw.tenants.suspend(town.id("anna"));
      },
    });
    expect(hasSeen).toBe(true);
    await expect(town.as("anna", "select 1 from orders")).rejects.toMatchObject({
      code: "PW_TENANT_SUSPENDED",
    });
    const { rows } = await town.boroughs["default"]!.superuser.query(
      "select 1 from partywall.seals where tenant = $1 and (held_until is null or held_until < now())",
      [town.id("anna")],
    );
    expect(rows).toEqual([]);
    await town.pw.tenants.restore(town.id("anna"));
    expect(await town.as("anna", "select note from orders where id = 2")).toEqual([
      { note: "anna2" },
    ]);
    await mover.confirm({ slug: "anna" });
  });

  test("a copy that somebody else has written to is noticed, and not cut over to", async () => {
    const back: Placement = { strategy: "database", name: name("anna_u") };
    const stop = new AbortController();
    const stopped = mover.move({ slug: "anna" }, back, {
      signal: stop.signal,
      onProgress: ({ phase }) => {
        if (phase === "compare") stop.abort(new Error("stopped"));
      },
    });
    await expect(stopped).rejects.toThrow("stopped");
    const url = new URL(town.database.url);
    url.pathname = `/${back.name}`;
    await withClient(url.href, (client) =>
      client.query("update orders set note = 'meddled' where id = 2"),
    );
    await expect(mover.move({ slug: "anna" }, back)).rejects.toThrow(
      "does not equal its origin in",
    );
    expect(await town.as("anna", "select note from orders where id = 2")).toEqual([
      { note: "anna2" },
    ]);
    await mover.giveUp({ slug: "anna" });
    expect(homes.built.filter(({ name: built }) => built === back.name)).toEqual([]);
  });
});
