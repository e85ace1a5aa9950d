import { afterEach, expect, test } from "vitest";
import { adoptionStatus } from "../../../src/adopt/run/adoption-status.js";
import { resumeAdoption, runAdoption } from "../../../src/adopt/run/run-adoption.js";
import { fingerprintOf } from "../../../src/adopt/run/runnable.js";
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

const DDL = `
  create table log (id serial, entry text);
  create function gate() returns void language sql as 'select pg_sleep(60)'`;
const note = (text: string) => `insert into log (entry) values ('${text}')`;
const OPEN = "create or replace function gate() returns void language sql as 'select'";

describeEngine("postgres", "the journal of an adoption", () => {
  const sites: Site[] = [];
  const site = async () => {
    const built = await buildSite(DDL);
    sites.push(built);
    return built;
  };
  const entries = ({ value }: Site) =>
    value<string>("select coalesce(string_agg(entry, ' ' order by id), '') from log");
  /** A runner that stands still in the middle of the plan's second step, until the gate is opened. */
  const halfWay = async (at: Site, plan = PLAN) => {
    const client = await at.connect();
    const pid = await backendOf(client);
    const running = runAdoption(client, plan);
    running.catch(() => undefined);
    await at.until(
      "select coalesce(wait_event = 'PgSleep', false) from pg_stat_activity where pid = $1",
      [pid],
    );
    return { pid, running };
  };
  const PLAN = planOf(
    step({ id: "x1", sql: [note("x1")] }),
    step({ id: "x2", sql: ["select gate()", note("x2")] }),
    step({ id: "e1", phase: "enforce", sql: [note("e1")] }),
  );
  afterEach(async () => {
    for (const built of sites.splice(0).toReversed()) await built.close();
  });

  test("a second runner is refused and told which adoption runs, how far it is, and where", async () => {
    const at = await site();
    const { pid, running } = await halfWay(at);
    const refused = {
      code: "PW_ADOPTION_REFUSED",
      message: expect.stringMatching(
        new RegExp(`${fingerprintOf(PLAN).slice(0, 12)}.*1 of 3 steps done.*by backend ${pid}\\b`),
      ),
    };
    await Promise.all([
      expect(runAdoption(await at.connect(), PLAN)).rejects.toMatchObject(refused),
      expect(resumeAdoption(await at.connect())).rejects.toMatchObject(refused),
    ]);
    await terminate(at, pid);
    await expect(running).rejects.toMatchObject({ code: "PW_ADOPTION_FAILED" });
    expect(await entries(at)).toBe("x1");
  });

  test("two runs on one connection are refused", async () => {
    const at = await site();
    const { pid, running } = await halfWay(at, planOf(step({ id: "x", sql: ["select gate()"] })));
    await terminate(at, pid);
    await running.catch(() => undefined);
    const client = await at.connect();
    await client.query("select pg_advisory_lock(7023, 2)");
    await expect(resumeAdoption(client)).rejects.toMatchObject({
      code: "PW_ADOPTION_REFUSED",
      message: expect.stringContaining("is being run"),
    });
  });

  test("a runner that another has taken over from commits nothing more", async () => {
    const at = await site();
    const takeOver = "update partywall.adoptions set runner = gen_random_uuid()";
    const plan = planOf(
      step({ id: "x1", sql: [note("x1")] }),
      step({ id: "x2", sql: [note("x2"), takeOver] }),
    );
    await expect(runAdoption(await at.connect(), plan)).rejects.toMatchObject({
      code: "PW_ADOPTION_REFUSED",
      message: expect.stringContaining("taken this adoption over"),
    });
    expect(await entries(at)).toBe("x1");
  });

  test("another plan is refused while one is unfinished, with what to do", async () => {
    const at = await site();
    const client = await at.connect();
    await runAdoption(client, PLAN, { phases: ["expand"], ...(await opened(at)) });
    const other = planOf(...PLAN.steps, step({ id: "more", sql: [note("more")] }));
    await expect(runAdoption(client, other)).rejects.toMatchObject({
      code: "PW_ADOPTION_REFUSED",
      message: expect.stringMatching(/2 of 3 steps done.*resumeAdoption\(\).*undoAdoption\(\)/),
    });
    expect(await entries(at)).toBe("x1 x2");
    await resumeAdoption(client);
    await runAdoption(client, other);
    expect(await entries(at)).toBe("x1 x2 e1 x1 x2 more e1");
  });

  test("a plan of which only sizes and titles have changed is the same plan", async () => {
    const at = await site();
    const client = await at.connect();
    await runAdoption(client, PLAN, { phases: ["expand"], ...(await opened(at)) });
    const grown = {
      ...PLAN,
      notices: [{ code: "n", object: "o", text: "t" }],
      steps: PLAN.steps.map((one) => ({ ...one, bytes: 77, title: `${one.title}!` })),
    };
    expect((await runAdoption(client, grown)).outcome).toBe("finished");
    expect(await entries(at)).toBe("x1 x2 e1");
  });

  test("the plan is stored whole, and resumed from there", async () => {
    const at = await site();
    const odd = planOf(
      step({ id: "x1", sql: [note("ünï ''quoted'' \\ $$ \" \n 𝄞")], down: [] }),
      step({ id: "x2", sql: ["select gate()"] }),
    );
    const { pid, running } = await halfWay(at, odd);
    expect((await adoptionStatus(at.eye))?.plan).toEqual(odd);
    await terminate(at, pid);
    await running.catch(() => undefined);
    await at.eye.query(OPEN);
    expect((await resumeAdoption(await at.connect())).outcome).toBe("finished");
    expect(await entries(at)).toBe("ünï 'quoted' \\ $$ \" \n 𝄞");
  });

  test("a stored plan that was changed by hand is not run", async () => {
    const at = await site();
    const client = await at.connect();
    await runAdoption(client, PLAN, { phases: ["expand"], ...(await opened(at)) });
    await at.eye.query(
      "update partywall.adoptions set plan = jsonb_set(plan, '{steps,2,sql,0}', '\"drop table log\"')",
    );
    await expect(resumeAdoption(client)).rejects.toMatchObject({
      code: "PW_ADOPTION_REFUSED",
      message: expect.stringContaining("changed by hand"),
    });
  });

  test("nothing is resumed where nothing is unfinished", async () => {
    const at = await site();
    const client = await at.connect();
    const refused = { code: "PW_ADOPTION_REFUSED" };
    await expect(resumeAdoption(client)).rejects.toMatchObject(refused);
    await runAdoption(client, PLAN, await opened(at));
    await expect(resumeAdoption(client)).rejects.toMatchObject(refused);
  });

  test("the status tells what runs, what is done and what is left", async () => {
    const at = await site();
    expect(await adoptionStatus(at.eye)).toBeUndefined();
    const { pid, running } = await halfWay(at);
    expect(await adoptionStatus(at.eye)).toMatchObject({
      fingerprint: fingerprintOf(PLAN),
      state: "unfinished",
      backend: pid,
      phase: "expand",
      done: 1,
      left: 2,
      finishedAt: undefined,
      steps: [
        { id: "x1", state: "done", attempts: 1, finishedAt: expect.any(Date) },
        { id: "x2", state: "left", attempts: 0, startedAt: undefined },
        { id: "e1", state: "left" },
      ],
    });
    await terminate(at, pid);
    await running.catch(() => undefined);
    expect((await adoptionStatus(at.eye))?.backend).toBeUndefined();
    await at.eye.query(OPEN);
    await resumeAdoption(await at.connect());
    expect(await adoptionStatus(at.eye)).toMatchObject({
      state: "finished",
      phase: undefined,
      done: 3,
      left: 0,
      millisecondsLeft: 0,
      finishedAt: expect.any(Date),
    });
  });

  test("the application's logins and PUBLIC can read no plan, whatever default privileges say", async () => {
    const at = await site();
    const app = `${at.database.name}_app`;
    const owner = `${at.database.name}_owner`;
    await at.eye.query(`
      create role ${app} login password 'secret'; create role ${owner} login password 'secret';
      grant create on database ${at.database.name} to ${owner};
      grant insert on log to ${owner}; grant usage on sequence log_id_seq to ${owner};
      alter default privileges for role ${owner} grant all on tables to ${app}, public;
      alter default privileges for role ${owner} grant usage on schemas to ${app}`);
    const plan = {
      ...planOf(step({ id: "x", sql: [note("x")] })),
      options: { roles: { app, system: app }, tenant: "a" },
    };
    await runAdoption(await at.connect(owner), plan);
    expect(await at.value("select tableowner from pg_tables where tablename = 'adoptions'")).toBe(
      owner,
    );
    const stranger = await at.connect(app);
    for (const table of ["adoptions", "adoption_steps"]) {
      await expect(stranger.query(`select from partywall.${table}`)).rejects.toMatchObject({
        code: "42501",
      });
    }
  });

  test("a login that may not keep a journal is told what it lacks", async () => {
    const at = await site();
    const owner = `${at.database.name}_owner`;
    await at.eye.query(`create role ${owner} login password 'secret'`);
    await expect(runAdoption(await at.connect(owner), PLAN)).rejects.toMatchObject({
      code: "PW_ADOPTION_REFUSED",
      message: expect.stringContaining("CREATE on the database"),
    });
  });

  test("the journal is made in a schema that is there, by whoever may create in it", async () => {
    const at = await site();
    const owner = `${at.database.name}_owner`;
    await at.eye.query(`create role ${owner} login password 'secret';
      create schema partywall; grant usage, create on schema partywall to ${owner}`);
    const report = await runAdoption(
      await at.connect(owner),
      planOf(step({ id: "x", sql: ["select 1"] })),
    );
    expect(report.outcome).toBe("finished");
  });

  test("what a listener throws ends the run and loses nothing", async () => {
    const at = await site();
    const client = await at.connect();
    await at.eye.query(OPEN);
    const holder = await at.connect();
    await holder.query("begin; lock table log");
    for (const type of ["retry", "step-done"] as const) {
      const { of, onProgress } = recorder();
      const broken = new Error("the pipe is closed");
      const thrown = await rejection(
        runAdoption(client, PLAN, {
          lockTimeoutMs: 50,
          onProgress: (event) => {
            onProgress(event);
            if (event.type === type) throw broken;
          },
        }),
      );
      expect(thrown).toBe(broken);
      expect(of(type)).toHaveLength(1);
      await holder.query("rollback");
    }
    expect((await resumeAdoption(client)).steps.map(({ id }) => id)).toEqual(["x2", "e1"]);
    expect(await entries(at)).toBe("x1 x2 e1");
  });
});

async function opened(at: Site) {
  await at.eye.query(OPEN);
  return {};
}
