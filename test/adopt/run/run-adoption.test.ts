import { afterEach, expect, test } from "vitest";
import { resumeAdoption, runAdoption } from "../../../src/adopt/run/run-adoption.js";
import { describeEngine } from "../../support/engine.js";
import {
  backendOf,
  buildSite,
  planOf,
  recorder,
  rejection,
  step,
  terminate,
  type Site,
} from "./site.js";

const note = (text: string) => `insert into log (entry) values ('${text}')`;
const LOG = "create table log (id serial, entry text)";

describeEngine("postgres", "running an adoption plan", () => {
  const sites: Site[] = [];
  const site = async (ddl = "") => {
    const built = await buildSite(LOG + (ddl && `; ${ddl}`));
    sites.push(built);
    return built;
  };
  const entries = ({ value }: Site) =>
    value<string>("select coalesce(string_agg(entry, ' ' order by id), '') from log");
  afterEach(async () => {
    for (const built of sites.splice(0).toReversed()) await built.close();
  });

  test("runs the phases in their order, and in each the steps as the plan has them", async () => {
    const at = await site();
    const client = await at.connect();
    const { events, onProgress } = recorder();
    const report = await runAdoption(
      client,
      planOf(
        step({ id: "e1", phase: "enforce", sql: [note("e1")] }),
        step({ id: "x1", sql: [note("x1a"), note("x1b")] }),
        step({ id: "b1", phase: "backfill", sql: [note("b1")] }),
        step({ id: "x2", sql: [note("x2")] }),
      ),
      { onProgress },
    );
    expect(await entries(at)).toBe("x1a x1b x2 b1 e1");
    expect(report).toMatchObject({ outcome: "finished", left: 0, refused: [] });
    expect(report.steps.map(({ id }) => id)).toEqual(["x1", "x2", "b1", "e1"]);
    expect(
      events.map((event) =>
        "step" in event ? `${event.type} ${event.step.id} ${event.step.number}` : event.type,
      ),
    ).toEqual([
      "started",
      "phase",
      "step x1 1",
      "step-done x1 1",
      "step x2 2",
      "step-done x2 2",
      "phase",
      "step b1 3",
      "step-done b1 3",
      "phase",
      "step e1 4",
      "step-done e1 4",
      "finished",
    ]);
  });

  test("runs the phases it is asked for, and none before those in front of it", async () => {
    const at = await site();
    const client = await at.connect();
    const plan = planOf(
      step({ id: "x", sql: [note("x")] }),
      step({ id: "b", phase: "backfill", sql: [note("b")] }),
      step({ id: "e", phase: "enforce", sql: [note("e")] }),
    );
    await expect(runAdoption(client, plan, { phases: ["backfill"] })).rejects.toMatchObject({
      code: "PW_ADOPTION_REFUSED",
      message: expect.stringContaining("Run expand first"),
    });
    // What is refused is not begun either.
    expect(await at.value("select count(*)::int from partywall.adoptions")).toBe(0);
    expect(await runAdoption(client, plan, { phases: ["expand"] })).toMatchObject({
      outcome: "phases-done",
      left: 2,
    });
    await expect(runAdoption(client, plan, { phases: ["enforce"] })).rejects.toMatchObject({
      message: expect.stringContaining("Run backfill first"),
    });
    expect(await entries(at)).toBe("x");
    expect((await runAdoption(client, plan, { phases: ["enforce", "backfill"] })).outcome).toBe(
      "finished",
    );
    expect(await entries(at)).toBe("x b e");
  });

  test("a plan that is finished is not run again, nor told as finished anew", async () => {
    const at = await site();
    const client = await at.connect();
    const plan = planOf(step({ id: "x", sql: [note("x")] }));
    await runAdoption(client, plan);
    const finished = await at.value("select finished_at::text from partywall.adoptions");
    expect(await runAdoption(client, plan)).toMatchObject({ outcome: "finished", steps: [] });
    expect(await entries(at)).toBe("x");
    expect(await at.value("select finished_at::text from partywall.adoptions")).toBe(finished);
  });

  test("a step that fails leaves nothing of itself, and is where the next run begins", async () => {
    const at = await site();
    const client = await at.connect();
    const plan = planOf(
      step({ id: "x1", sql: [note("x1")] }),
      step({ id: "x2", sql: [note("x2"), "insert into missing values (1)"] }),
      step({ id: "x3", sql: [note("x3")] }),
    );
    await expect(runAdoption(client, plan)).rejects.toMatchObject({
      code: "PW_ADOPTION_FAILED",
      message: expect.stringMatching(/^The step x2 .*SQLSTATE 42P01/),
      cause: expect.objectContaining({ code: "42P01" }),
    });
    expect(await entries(at)).toBe("x1");
    await at.eye.query("create table missing (id int)");
    await resumeAdoption(client);
    expect(await entries(at)).toBe("x1 x2 x3");
  });

  test("a step whose transaction fails at its commit is not noted", async () => {
    const at = await site("create table once (id int unique deferrable initially deferred)");
    const client = await at.connect();
    const plan = planOf(step({ id: "x", sql: ["insert into once values (1), (1)"] }));
    await expect(runAdoption(client, plan)).rejects.toMatchObject({ code: "PW_ADOPTION_FAILED" });
    expect(await at.value("select count(*)::int from once")).toBe(0);
    expect(await at.value("select count(*)::int from partywall.adoption_steps")).toBe(0);
  });

  test("a step and its note are one: killed in the middle there is neither, and it is resumed", async () => {
    const at = await site(
      "create function gate() returns void language sql as 'select pg_sleep(60)'",
    );
    const plan = planOf(
      step({ id: "x1", sql: [note("x1")] }),
      step({ id: "x2", sql: [note("x2a"), "select gate()", note("x2b")] }),
    );
    const killed = await at.connect();
    const pid = await backendOf(killed);
    const failed = rejection(runAdoption(killed, plan));
    await at.until("select wait_event = 'PgSleep' from pg_stat_activity where pid = $1", [pid]);
    await terminate(at, pid);
    expect(await failed).toMatchObject({
      code: "PW_ADOPTION_FAILED",
      message: expect.stringContaining("x2"),
    });
    expect(await entries(at)).toBe("x1");
    expect(await at.value("select string_agg(step, ' ') from partywall.adoption_steps")).toBe("x1");
    await at.eye.query("create or replace function gate() returns void language sql as 'select'");
    expect((await runAdoption(await at.connect(), plan)).outcome).toBe("finished");
    expect(await entries(at)).toBe("x1 x2a x2b");
  });

  test("an aborted signal stops between steps, and the rest is done by the next run", async () => {
    const at = await site();
    const client = await at.connect();
    const stop = new AbortController();
    const plan = planOf(
      step({ id: "x1", sql: [note("x1")] }),
      step({ id: "x2", sql: [note("x2")] }),
    );
    const report = await runAdoption(client, plan, {
      signal: stop.signal,
      onProgress: ({ type }) => type === "step-done" && stop.abort(),
    });
    expect(report).toMatchObject({ outcome: "stopped", left: 1 });
    expect(await entries(at)).toBe("x1");
    await runAdoption(client, plan);
    expect(await entries(at)).toBe("x1 x2");
  });

  test("a right that the login may not take is passed over and reported; any other refusal is not", async () => {
    const at = await site();
    await at.eye.query(`create role ${at.database.name}_owner login password 'secret';
      grant create on database ${at.database.name} to ${at.database.name}_owner;
      grant insert, select on log to ${at.database.name}_owner;
      grant usage on sequence log_id_seq to ${at.database.name}_owner`);
    const client = await at.connect(`${at.database.name}_owner`);
    const plan = planOf(
      step({
        id: "refused",
        sql: ["set local session_replication_role = replica"],
        mayBeRefused: true,
      }),
      step({
        id: "warned",
        sql: ["select 'as REVOKE does, which only warns'"],
        mayBeRefused: true,
        done: "select false as done",
      }),
      step({ id: "x", sql: [note("x")] }),
    );
    const { events, onProgress } = recorder();
    const report = await runAdoption(client, plan, { onProgress });
    expect(report.refused.map(({ id }) => id)).toEqual(["refused", "warned"]);
    expect(events).toContainEqual(expect.objectContaining({ type: "step-done", wasRefused: true }));
    expect(await entries(at)).toBe("x");
    expect((await runAdoption(client, plan)).refused.map(({ id }) => id)).toEqual([
      "refused",
      "warned",
    ]);
    await expect(
      runAdoption(
        client,
        planOf(step({ id: "broken", sql: ["select 1 / 0"], mayBeRefused: true })),
      ),
    ).rejects.toMatchObject({ code: "PW_ADOPTION_FAILED" });
  });

  test("a step whose effect is not there after it ran is rolled back and told", async () => {
    const at = await site();
    const client = await at.connect();
    const plan = planOf(step({ id: "x", sql: [note("x")], done: "select false as done" }));
    await expect(runAdoption(client, plan)).rejects.toMatchObject({
      message: expect.stringContaining("its effect is not there"),
    });
    expect(await entries(at)).toBe("");
  });

  test("names mean on resumption what they meant at the beginning", async () => {
    const at = await site("create schema other; create table other.log (id serial, entry text)");
    const plan = planOf(
      step({ id: "x1", sql: [note("x1")] }),
      step({ id: "x2", sql: [note("x2")] }),
    );
    const first = await at.connect();
    const stop = new AbortController();
    await runAdoption(first, plan, {
      signal: stop.signal,
      onProgress: ({ type }) => type === "step-done" && stop.abort(),
    });
    const second = await at.connect();
    await second.query("set search_path = other, public");
    await resumeAdoption(second);
    expect(await entries(at)).toBe("x1 x2");
    expect((await second.query("show search_path")).rows[0]).toEqual({
      search_path: "other, public",
    });
  });

  test("the session has its own settings and no lock afterwards, whether it went well or not", async () => {
    const at = await site();
    const client = await at.connect();
    await client.query(
      "set lock_timeout = '7s'; set statement_timeout = '8min'; set default_transaction_isolation = 'serializable'",
    );
    const settings = async () =>
      (
        await client.query(
          "select name, setting from pg_settings where name ~ 'timeout|check_interval|default_tran|search_path' order by 1",
        )
      ).rows;
    const before = await settings();
    await runAdoption(client, planOf(step({ id: "x", sql: [note("x")] })));
    expect(await settings()).toEqual(before);
    await expect(
      runAdoption(client, planOf(step({ id: "y", sql: ["select 1 / 0"] }))),
    ).rejects.toMatchObject({ code: "PW_ADOPTION_FAILED" });
    expect(await settings()).toEqual(before);
    expect(
      await at.value(
        "select count(*)::int from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())",
      ),
    ).toBe(0);
  });

  test("a client in a transaction is refused", async () => {
    const at = await site();
    const client = await at.connect();
    await client.query("begin");
    await expect(
      runAdoption(client, planOf(step({ id: "x", sql: [note("x")] }))),
    ).rejects.toMatchObject({ code: "PW_CONFIG", message: expect.stringContaining("transaction") });
    await client.query("rollback");
    expect(await at.value("select to_regnamespace('partywall') is null")).toBe(true);
  });

  test("a plan with obstacles, or one that could not be resumed, is refused before anything is sent", async () => {
    const at = await site();
    const client = await at.connect();
    const good = step({ id: "x", sql: [note("x")] });
    const obstacle = {
      code: "security-definer",
      object: "public.f",
      why: "…",
      remedy: "…",
      acknowledgeable: true,
    };
    const refused: [object, RegExp][] = [
      [
        { ...planOf(good), obstacles: [obstacle] },
        /1 obstacle\(s\) \(security-definer: public.f\)/,
      ],
      [planOf(good, good), /has the id of another step/],
      [planOf({ ...good, transaction: false }), /has no `done`/],
      [planOf({ ...good, transaction: false, sql: ["a", "b"] }), /not exactly one statement/],
      [
        planOf({ ...good, batches: { table: "log", key: [], set: "a = 1", where: "true" } }),
        /both batches and statements/,
      ],
      [planOf({ ...good, phase: "later" as "expand" }), /in no phase/],
    ];
    for (const [plan, message] of refused) {
      await expect(runAdoption(client, plan as ReturnType<typeof planOf>)).rejects.toMatchObject({
        code: "PW_CONFIG",
        message: expect.stringMatching(message),
      });
    }
    expect(await at.value("select to_regnamespace('partywall') is null")).toBe(true);
  });

  test("an option that is none is refused by its name", async () => {
    const at = await site();
    const client = await at.connect();
    const plan = planOf(step({ id: "x", sql: [note("x")] }));
    for (const [option, value] of [
      ["lockTimeoutMs", 0],
      ["retries", -1],
      ["batchRows", 0.5],
      ["pauseMs", Number.NaN],
      ["statementTimeoutMs", 2 ** 40],
      ["phases", ["later"]],
    ] as const) {
      await expect(runAdoption(client, plan, { [option]: value })).rejects.toMatchObject({
        code: "PW_CONFIG",
        message: expect.stringContaining(option),
      });
    }
  });
});
