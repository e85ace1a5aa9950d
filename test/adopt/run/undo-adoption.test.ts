import { afterEach, expect, test } from "vitest";
import { adoptionStatus } from "../../../src/adopt/run/adoption-status.js";
import { resumeAdoption, runAdoption } from "../../../src/adopt/run/run-adoption.js";
import { undoAdoption } from "../../../src/adopt/run/undo-adoption.js";
import { describeEngine } from "../../support/engine.js";
import {
  backendOf,
  buildSite,
  indexStep,
  planOf,
  recorder,
  rejection,
  step,
  terminate,
  type Site,
} from "./site.js";

const DDL =
  "create table orders (id int primary key, note text); insert into orders select n, n::text from generate_series(1, 500) n";

const PLAN = planOf(
  step({
    id: "column",
    sql: ["alter table orders add column tenant_id text"],
    locks: [{ table: "orders", mode: "ACCESS EXCLUSIVE" }],
    down: ["alter table orders drop column tenant_id"],
  }),
  indexStep("orders_key", "orders (tenant_id, id)"),
  step({
    id: "fill",
    phase: "backfill",
    batches: { table: "orders", key: ['"id"'], set: "tenant_id = 'a'", where: "tenant_id is null" },
    down: [],
  }),
  step({
    id: "present",
    phase: "backfill",
    sql: ["alter table orders alter column tenant_id set not null"],
    down: ["alter table orders alter column tenant_id drop not null"],
  }),
);
const COLUMNS =
  "select string_agg(attname, ' ' order by attnum) from pg_attribute where attrelid = 'orders'::regclass and attnum > 0 and not attisdropped";

describeEngine("postgres", "taking an adoption back", () => {
  const sites: Site[] = [];
  const site = async () => {
    const built = await buildSite(DDL);
    sites.push(built);
    return built;
  };
  afterEach(async () => {
    for (const built of sites.splice(0).toReversed()) await built.close();
  });

  test("undoes what is done, the last first, and leaves the way free for a new one", async () => {
    const at = await site();
    const client = await at.connect();
    await runAdoption(client, PLAN);
    const report = await undoAdoption(client, PLAN);
    expect(report).toMatchObject({
      outcome: "undone",
      steps: ["present", "fill", "index/orders_key", "column"],
    });
    expect(await at.value(COLUMNS)).toBe("id note");
    expect(await adoptionStatus(client)).toMatchObject({ state: "undone", done: 0, left: 4 });
    await expect(undoAdoption(client, PLAN)).rejects.toMatchObject({ code: "PW_ADOPTION_REFUSED" });
    await runAdoption(client, PLAN);
    expect(await at.value("select count(*)::int from orders where tenant_id = 'a'")).toBe(500);
  });

  test("undoes an adoption that is half-way, with what a kill has left of a step", async () => {
    const at = await site();
    const old = await at.connect();
    const killed = await at.connect();
    const pid = await backendOf(killed);
    const stop = new AbortController();
    await runAdoption(killed, PLAN, {
      signal: stop.signal,
      onProgress: ({ type }) => type === "step-done" && stop.abort(),
    });
    await old.query("begin isolation level repeatable read; select from orders");
    const failed = rejection(resumeAdoption(killed, { lockTimeoutMs: 60_000 }));
    await at.until("select wait_event = 'virtualxid' from pg_stat_activity where pid = $1", [pid]);
    await terminate(at, pid);
    expect(await failed).toMatchObject({ code: "PW_ADOPTION_FAILED" });
    expect(await at.value("select to_regclass('orders_key') is null")).toBe(false);
    await old.query("commit");
    const client = await at.connect();
    await undoAdoption(client, PLAN);
    expect(await at.value(COLUMNS)).toBe("id note");
    expect(await at.value("select to_regclass('orders_key') is null")).toBe(true);
  });

  test("is resumed where it was stopped, and until then nothing else is run", async () => {
    const at = await site();
    const client = await at.connect();
    await runAdoption(client, PLAN);
    const stop = new AbortController();
    const stopped = await undoAdoption(client, PLAN, {
      signal: stop.signal,
      onProgress: ({ type }) => type === "step-undone" && stop.abort(),
    });
    expect(stopped).toMatchObject({ outcome: "stopped", steps: ["present"] });
    expect((await adoptionStatus(client))?.state).toBe("being-undone");
    for (const refused of [() => runAdoption(client, PLAN), () => resumeAdoption(client)]) {
      await expect(refused()).rejects.toMatchObject({
        code: "PW_ADOPTION_REFUSED",
        message: expect.stringContaining("Finish that with undoAdoption()"),
      });
    }
    expect((await undoAdoption(client, PLAN)).steps).toEqual([
      "fill",
      "index/orders_key",
      "column",
    ]);
    expect(await at.value(COLUMNS)).toBe("id note");
  });

  test("is refused whole where a step that is done has no way back", async () => {
    const at = await site();
    const client = await at.connect();
    const plan = planOf(
      ...PLAN.steps,
      step({ id: "wall", phase: "enforce", sql: ["select 'no way back'"] }),
    );
    await runAdoption(client, plan, { phases: ["expand", "backfill"] });
    await resumeAdoption(client);
    await expect(undoAdoption(client, plan)).rejects.toMatchObject({
      code: "PW_ADOPTION_REFUSED",
      message: expect.stringMatching(/1 step\(s\) .*\(wall\)/),
    });
    expect(await at.value(COLUMNS)).toBe("id note tenant_id");
    expect((await adoptionStatus(client))?.state).toBe("finished");
  });

  test("is refused for another plan than the one that stands", async () => {
    const at = await site();
    const client = await at.connect();
    const refused = { code: "PW_ADOPTION_REFUSED" };
    await expect(undoAdoption(client, PLAN)).rejects.toMatchObject(refused);
    await runAdoption(client, PLAN);
    await expect(undoAdoption(client, planOf(PLAN.steps[0]!))).rejects.toMatchObject(refused);
    expect(await at.value(COLUMNS)).toBe("id note tenant_id");
  });

  test("waits for its locks as the way there does", async () => {
    const at = await site();
    const client = await at.connect();
    await runAdoption(client, PLAN);
    const holder = await at.connect();
    await holder.query("begin; select from orders");
    const { seen, onProgress } = recorder();
    const undoing = undoAdoption(client, PLAN, { lockTimeoutMs: 50, onProgress });
    await seen("retry", 2);
    await holder.query("commit");
    expect((await undoing).outcome).toBe("undone");
  });
});
