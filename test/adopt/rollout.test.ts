import pg from "pg";
import { createPartywall } from "partywall";
import { planAdoption, runAdoption } from "partywall/adopt";
import { applyWall, guardPg, openRollouts, type Observation } from "partywall/guards/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../support/engine.js";
import { testDatabase, urlAs, type TestDatabase } from "../support/postgres.js";
import { dropRoles } from "../support/roles.js";

const FIRST = "11111111-1111-4111-8111-111111111111";
const SECOND = "22222222-2222-4222-8222-222222222222";
const TABLES = `
create table seen (id int generated always as identity primary key, note text);
create table stamped (id int generated always as identity primary key, note text);
create table guarded (id int generated always as identity primary key, note text);
insert into seen (note) values ('a'); insert into stamped (note) values ('a'); insert into guarded (note) values ('a');`;

describeEngine("postgres", "an adoption that is rolled out table by table", () => {
  let database: TestDatabase;
  let unguarded: pg.Client;
  let roles: Record<"app" | "system" | "owner", string>;
  const until = new Date(Date.now() + 3_600_000);
  const heard: Observation[] = [];
  let pw: ReturnType<typeof createPartywall>;
  let pool: pg.Pool;

  beforeAll(async () => {
    database = await testDatabase();
    const { name, url } = database;
    roles = { app: `${name}_app`, system: `${name}_system`, owner: `${name}_owner` };
    unguarded = new pg.Client({ connectionString: url });
    await unguarded.connect();
    await unguarded.query(TABLES);
    for (const role of [roles.app, roles.system]) {
      await unguarded.query(`create role ${role} login password 'secret'`);
    }
    const plan = await planAdoption(unguarded, {
      roles,
      tenant: FIRST,
      rollout: { until, tables: { seen: "observe", stamped: "stamp" } },
    });
    await runAdoption(unguarded, plan);
    const login = (user: string) => urlAs(url, { user, password: "secret" });
    const guard = guardPg(pg, {
      app: login(roles.app),
      system: login(roles.system),
      rollout: { until, report: (observation) => void heard.push(observation) },
    });
    pool = guard.pool;
    pw = createPartywall({
      realm: name,
      secret: "a secret of the tests, 32 characters or more",
      postgres: guard,
    });
    await pw.ready();
    for (const [id, slug] of [
      [FIRST, "first"],
      [SECOND, "second"],
    ] as const) {
      await pw.tenants.create({ id, slug, name: slug });
    }
  });
  afterAll(async () => {
    await pw.close();
    await unguarded.end();
    await database.drop();
    await dropRoles(database);
  });

  const notes = async (table: string) =>
    (await pool.query(`select note from ${table} order by id`)).rows.map(({ note }) =>
      String(note),
    );
  const tenantsOf = async (table: string) =>
    (await unguarded.query(`select tenant_id from ${table} order by id`)).rows.map(
      (row) => row.tenant_id as string,
    );

  test("the plan says what each table becomes, and the catalogue that it is open", async () => {
    expect(await openRollouts(unguarded)).toEqual([
      { table: "public.seen", mode: "observe", until },
      { table: "public.stamped", mode: "stamp", until },
    ]);
  });

  test("what has no scope yet goes on in the tables that are open, and is reported with its place", async () => {
    expect(await notes("seen")).toEqual(["a"]);
    expect(await notes("stamped")).toEqual(["a"]);
    await pool.query("insert into seen (note) values ('b')");
    await pool.query("insert into stamped (note) values ('b')");
    expect(await tenantsOf("seen")).toEqual([FIRST, FIRST]);
    expect(await tenantsOf("stamped")).toEqual([FIRST, FIRST]);
    await expect(notes("guarded")).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    const read = heard.find(({ kind, table }) => kind === "read" && table === "public.seen");
    expect(read?.statement).toBe("select note from seen order by id");
    expect(read?.callSite).toContain("rollout.test.ts");
  });

  test("in a scope, observed writes are as before, stamped ones the tenant's, guarded ones alone its own", async () => {
    await pw.run(SECOND, async () => {
      for (const table of ["seen", "stamped", "guarded"]) {
        await pool.query(`insert into ${table} (note) values ('theirs')`);
      }
      expect(await notes("guarded")).toEqual(["theirs"]);
      expect(await notes("stamped")).toEqual(["a", "b", "theirs"]);
    });
    expect((await tenantsOf("seen")).at(-1)).toBe(FIRST);
    expect((await tenantsOf("stamped")).at(-1)).toBe(SECOND);
    expect((await tenantsOf("guarded")).at(-1)).toBe(SECOND);
  });

  test("enforced at the end, every tenant has its own and no statement without a scope has any", async () => {
    await applyWall(unguarded, { roles, tables: ["seen", "stamped", "guarded"] });
    expect(await openRollouts(unguarded)).toEqual([]);
    for (const table of ["seen", "stamped", "guarded"]) {
      await expect(notes(table)).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    }
    expect(await pw.run(SECOND, () => notes("stamped"))).toEqual(["theirs"]);
    expect(await pw.run(FIRST, () => notes("seen"))).toEqual(["a", "b", "theirs"]);
  });

  test("a rollout of a table that is not adopted is refused", async () => {
    await expect(
      planAdoption(unguarded, {
        roles,
        tenant: FIRST,
        rollout: { until, tables: { other: "stamp" } },
      }),
    ).rejects.toMatchObject({ code: "PW_CONFIG" });
  });
});
