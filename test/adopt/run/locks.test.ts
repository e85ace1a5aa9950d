import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { afterEach, expect, test } from "vitest";
import { runAdoption } from "../../../src/adopt/run/run-adoption.js";
import { describeEngine } from "../../support/engine.js";
import { startLoad, type Load } from "./load.js";
import { backendOf, buildSite, planOf, recorder, step, type Site } from "./site.js";

const TABLES = `
  create table orders (id int primary key, note text);
  create table items (id int primary key, note text);
  insert into orders select n, '' from generate_series(1, 100) n;
  insert into items select n, '' from generate_series(1, 100) n`;

const exclusive = (...tables: string[]) =>
  tables.map((table) => ({ table, mode: "ACCESS EXCLUSIVE" as const }));

describeEngine("postgres", "the locks of an adoption and the load", () => {
  const sites: Site[] = [];
  const loads: Load[] = [];
  const site = async (ddl = "") => {
    const built = await buildSite(TABLES + (ddl && `; ${ddl}`));
    sites.push(built);
    return built;
  };
  const load = async (at: Site, ...[timeout, work]: [number, Parameters<typeof startLoad>[2]]) => {
    const clients = await Promise.all([1, 2, 3].map(() => at.connect()));
    const started = await startLoad(clients, timeout, work);
    loads.push(started);
    return started;
  };
  afterEach(async () => {
    for (const started of loads.splice(0)) await started.stop();
    for (const built of sites.splice(0).toReversed()) await built.close();
  });

  test("a step that does not get its lock lets the load pass and is tried again until it does", async () => {
    const at = await site();
    const holder = await at.connect();
    await holder.query("begin; select from orders");
    const { done, refused } = await load(at, 2000, async (client) => {
      await client.query("update orders set note = note || '.' where id = 1 + random() * 99");
    });
    const client = await at.connect();
    const pid = await backendOf(client);
    const { of, seen, onProgress } = recorder();
    const running = runAdoption(
      client,
      planOf(
        step({
          id: "column",
          sql: ["alter table orders add column tenant_id text not null default 'a'"],
          locks: exclusive("orders"),
        }),
      ),
      { lockTimeoutMs: 200, onProgress },
    );
    await seen("retry", 4);
    // Between two attempts it neither waits nor holds: nobody is behind it.
    expect(
      await at.value(
        "select count(*)::int from pg_locks where pid = $1 and (locktype = 'relation' or not granted)",
        [pid],
      ),
    ).toBe(0);
    const before = done();
    await seen("retry", 5);
    expect(done()).toBeGreaterThan(before);
    await holder.query("commit");
    const report = await running;
    expect(report.outcome).toBe("finished");
    expect(report.steps[0]?.attempts).toBe(of("retry").length + 1);
    expect(new Set(of("retry").map(({ because }) => because))).toEqual(new Set(["lock"]));
    expect(refused()).toEqual([]);
    expect(await at.value("select attempts from partywall.adoption_steps")).toBe(
      of("retry").length + 1,
    );
  });

  test("a step is given up when all its attempts are used, and says what to look for", async () => {
    const at = await site();
    const holder = await at.connect();
    await holder.query("begin; select from orders");
    await expect(
      runAdoption(
        await at.connect(),
        planOf(
          step({
            id: "column",
            sql: ["alter table orders add column x int"],
            locks: exclusive("orders"),
          }),
        ),
        { lockTimeoutMs: 50, retries: 2 },
      ),
    ).rejects.toMatchObject({
      code: "PW_ADOPTION_FAILED",
      message: expect.stringMatching(/column .*after 3 attempts.*\(lock\).*long transactions/),
      cause: expect.objectContaining({ code: "55P03" }),
    });
  });

  test("a step that has its locks for too long is taken back before the load has waited too long", async () => {
    const at = await site(
      "create function gate() returns void language sql as 'select pg_sleep(60)'",
    );
    const { refused } = await load(at, 2000, async (client) => {
      await client.query("update orders set note = note || '.' where id = 1 + random() * 99");
    });
    const { of, seen, onProgress } = recorder();
    const running = runAdoption(
      await at.connect(),
      planOf(
        step({
          id: "slow",
          sql: ["alter table orders add column x int", "select gate()"],
          locks: exclusive("orders"),
        }),
      ),
      { lockTimeoutMs: 400, onProgress },
    );
    await seen("retry", 2);
    await at.eye.query("create or replace function gate() returns void language sql as 'select'");
    expect((await running).outcome).toBe("finished");
    expect(of("retry").map(({ because }) => because)).toContain("hold");
    expect(refused()).toEqual([]);
  });

  test("a step that reads the table while it blocks nobody may take its time", async () => {
    const at = await site(
      "create function gate() returns void language sql as 'select pg_sleep(0.5)'",
    );
    const { events, onProgress } = recorder();
    await runAdoption(
      await at.connect(),
      planOf(
        step({
          id: "validate",
          sql: ["select gate()"],
          locks: [{ table: "orders", mode: "SHARE UPDATE EXCLUSIVE" }],
          bytes: 1_000_000,
        }),
      ),
      { lockTimeoutMs: 100, onProgress },
    );
    expect(events.some(({ type }) => type === "retry")).toBe(false);
  });

  test("where a step and the load lock tables crosswise, the load is not the one that is sacrificed", async () => {
    const at = await site();
    const [holder, worker, client] = [await at.connect(), await at.connect(), await at.connect()];
    const isWaiting = async (session: pg.Client) =>
      at.until("select wait_event_type = 'Lock' from pg_stat_activity where pid = $1", [
        (session as unknown as { processID: number }).processID,
      ]);
    await holder.query("begin; select from orders");
    await worker.query("begin; update items set note = '.' where id = 1");
    const running = runAdoption(
      client,
      planOf(
        step({
          id: "both",
          sql: ["alter table orders add column x int", "alter table items add column x int"],
          locks: exclusive("orders", "items"),
        }),
      ),
      { lockTimeoutMs: 10_000 },
    );
    await isWaiting(client);
    // The worker waits behind the step, and the step, as soon as it has its first lock, for the worker.
    const update = worker.query("update orders set note = '.' where id = 1");
    await isWaiting(worker);
    await sleep(200);
    await holder.query("commit");
    await expect(update).resolves.toMatchObject({ rowCount: 1 });
    await worker.query("commit");
    expect((await running).outcome).toBe("finished");
  });
});
