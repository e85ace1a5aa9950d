import { afterEach, expect, test } from "vitest";
import { runAdoption } from "../../../src/adopt/run/run-adoption.js";
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

const TABLES = `
  create table orders (id int primary key, note text);
  insert into orders select n, n::text from generate_series(1, 1000) n`;
const VALIDITY =
  "select coalesce(string_agg(indexrelid::regclass || ' ' || indisvalid, ', '), 'none') from pg_index where indrelid = 'orders'::regclass and not indisprimary";

describeEngine("postgres", "a step outside a transaction", () => {
  const sites: Site[] = [];
  const site = async (ddl = "") => {
    const built = await buildSite(TABLES + (ddl && `; ${ddl}`));
    sites.push(built);
    return built;
  };
  afterEach(async () => {
    for (const built of sites.splice(0).toReversed()) await built.close();
  });

  test("an index whose build was killed is dropped and built anew", async () => {
    const at = await site();
    const plan = planOf(indexStep("orders_note", "orders (note)"));
    const old = await at.connect();
    await old.query("begin isolation level repeatable read; select from orders");
    const killed = await at.connect();
    const pid = await backendOf(killed);
    const failed = rejection(runAdoption(killed, plan, { lockTimeoutMs: 60_000 }));
    // It has been built, and waits for transactions that could still see the table without it.
    await at.until("select wait_event = 'virtualxid' from pg_stat_activity where pid = $1", [pid]);
    await terminate(at, pid);
    expect(await failed).toMatchObject({ code: "PW_ADOPTION_FAILED" });
    expect(await at.value(VALIDITY)).toBe("orders_note false");
    expect(await at.value("select state from partywall.adoption_steps")).toBe("running");
    await old.query("commit");
    const { of, onProgress } = recorder();
    await runAdoption(await at.connect(), plan, { onProgress });
    expect(of("repair")).toHaveLength(1);
    expect(await at.value(VALIDITY)).toBe("orders_note true");
    expect(await at.value("select state from partywall.adoption_steps")).toBe("done");
  });

  test("an index that is built but not noted is noted and not built again", async () => {
    const at = await site("create index orders_note on orders (note)");
    const oid = await at.value("select 'orders_note'::regclass::oid");
    const { of, onProgress } = recorder();
    await runAdoption(await at.connect(), planOf(indexStep("orders_note", "orders (note)")), {
      onProgress,
    });
    expect(of("step-done")).toMatchObject([{ wasThere: true }]);
    expect(await at.value("select 'orders_note'::regclass::oid")).toBe(oid);
  });

  test("an index that waits for old transactions is tried again, with more patience each time", async () => {
    const at = await site();
    const old = await at.connect();
    await old.query("begin isolation level repeatable read; select from orders");
    const { of, seen, onProgress } = recorder();
    const running = runAdoption(
      await at.connect(),
      planOf(indexStep("orders_note", "orders (note)")),
      { lockTimeoutMs: 50, onProgress },
    );
    await seen("retry", 3);
    await old.query("commit");
    const report = await running;
    expect(report.outcome).toBe("finished");
    expect(of("retry").every(({ because }) => because === "lock")).toBe(true);
    expect(of("repair").length).toBe(of("retry").length);
    expect(await at.value(VALIDITY)).toBe("orders_note true");
  });

  test("an index that cannot be built does not stay behind, where it would go on refusing rows", async () => {
    const at = await site("update orders set note = '1' where id = 2");
    const client = await at.connect();
    const plan = planOf(indexStep("orders_note", "orders (note)", { title: "unique" }));
    await expect(runAdoption(client, plan)).rejects.toMatchObject({
      code: "PW_ADOPTION_FAILED",
      message: expect.not.stringContaining("(1)"),
      cause: expect.objectContaining({ code: "23505" }),
    });
    expect(await at.value(VALIDITY)).toBe("none");
    await at.eye.query("update orders set note = '2' where id = 2");
    await runAdoption(client, plan);
    expect(await at.value(VALIDITY)).toBe("orders_note true");
  });

  test("what cannot be cleared away for want of a lock is told, and cleared away by the next run", async () => {
    const at = await site();
    const old = await at.connect();
    await old.query("begin isolation level repeatable read; select from orders");
    const client = await at.connect();
    const plan = planOf(indexStep("orders_note", "orders (note)"));
    await expect(
      runAdoption(client, plan, { lockTimeoutMs: 50, retries: 1 }),
    ).rejects.toMatchObject({
      code: "PW_ADOPTION_FAILED",
      message: expect.stringContaining("drop index concurrently if exists orders_note"),
    });
    const stop = new AbortController();
    const { of, onProgress } = recorder();
    const report = await runAdoption(client, plan, {
      lockTimeoutMs: 50,
      signal: stop.signal,
      onProgress: (event) => {
        onProgress(event);
        if (event.type === "retry") stop.abort();
      },
    });
    expect(report).toMatchObject({ outcome: "stopped", left: 1 });
    expect(of("left-behind")).toHaveLength(1);
    expect(await at.value(VALIDITY)).toBe("orders_note false");
    await old.query("commit");
    await runAdoption(client, plan);
    expect(await at.value(VALIDITY)).toBe("orders_note true");
  });

  test("a signal that is aborted while it waits for the next attempt stops it, with nothing left behind", async () => {
    const at = await site();
    const old = await at.connect();
    await old.query("begin isolation level repeatable read; select from orders");
    const stop = new AbortController();
    const { seen, onProgress } = recorder();
    const running = runAdoption(
      await at.connect(),
      planOf(indexStep("orders_note", "orders (note)")),
      { lockTimeoutMs: 50, signal: stop.signal, onProgress },
    );
    await seen("retry", 5);
    await old.query("commit");
    stop.abort();
    expect(await running).toMatchObject({ outcome: "stopped", left: 1 });
    expect(await at.value(VALIDITY)).toBe("none");
  });

  test("a login's statement_timeout does not end a build; the one that is asked for does", async () => {
    const at = await site(
      "create function slow(text) returns text language plpgsql immutable as 'begin perform pg_sleep(0.001); return $1; end'",
    );
    await at.eye.query(`alter database ${at.database.name} set statement_timeout = '100ms'`);
    const client = await at.connect();
    const plan = planOf(indexStep("orders_note", "orders (slow(note))"));
    await expect(runAdoption(client, plan, { statementTimeoutMs: 200 })).rejects.toMatchObject({
      cause: expect.objectContaining({ code: "57014" }),
    });
    await runAdoption(client, plan);
    expect(await at.value(VALIDITY)).toBe("orders_note true");
  });

  test("a step that was run without its effect fails", async () => {
    const at = await site();
    await expect(
      runAdoption(
        await at.connect(),
        planOf(
          step({
            id: "x",
            transaction: false,
            sql: ["select 1"],
            done: "select false as done",
          }),
        ),
      ),
    ).rejects.toMatchObject({ message: expect.stringContaining("its effect is not there") });
  });

  test("a query `done` that does not answer yes or no is no answer", async () => {
    const at = await site();
    for (const done of [
      "select null as done",
      "select true as other",
      "select true as done where false",
    ]) {
      await expect(
        runAdoption(
          await at.connect(),
          planOf(step({ id: `x ${done}`, transaction: false, sql: ["select 1"], done })),
        ),
      ).rejects.toMatchObject({
        code: "PW_ADOPTION_FAILED",
        message: expect.stringContaining("`done`"),
      });
      await at.eye.query("delete from partywall.adoption_steps; delete from partywall.adoptions");
    }
  });
});
