import { randomUUID } from "node:crypto";
import {
  applyWall,
  openRollouts,
  planWall,
  printWall,
  type WallRollout,
} from "partywall/guards/postgres";
import { afterEach, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { runScript } from "../../support/roles.js";
import { withClient } from "../../support/postgres.js";
import { DAY } from "./rollout-world.js";
import { buildSite, type Site, type SiteWall } from "./site.js";

const A = randomUUID();
const B = randomUUID();
const until = new Date(Date.now() + DAY);

describeEngine("postgres", "putting tables into rollout", () => {
  const sites: Site[] = [];
  const site = async (ddl?: string) => {
    const built = await buildSite(ddl);
    sites.push(built);
    return built;
  };
  afterEach(async () => {
    for (const built of sites.splice(0).toReversed()) await built.close();
  });

  const defaultOf = async ({ superuser }: Site, table: string) => {
    const { rows } = await superuser.query(
      "select column_default as d, is_nullable as n from information_schema.columns where table_name = $1 and column_name = 'tenant_id'",
      [table],
    );
    return rows[0] as { d: string | null; n: string };
  };

  test.each([
    ["uuid", `'${A}'::uuid`],
    ["bigint", "'9007199254740993'::bigint"],
    ["text", "('a'''::text || 'b\\'::text)"],
    ["varchar(80)", "'Ünï'::character varying"],
    ["varchar", "CURRENT_USER"],
    ["uuid", "public.anybody()"],
    ["uuid", null],
  ] as const)(
    "observed, a %s column keeps the default %s; stamped and observed again, it has it again",
    async (type, expression) => {
      const built = await site(
        `create function public.anybody() returns uuid language sql as $$ select '${A}'::uuid $$;
         create table notes (tenant_id ${type} ${expression ? `default ${expression}` : ""}, id int)`,
      );
      // Wherever the session looks for names, the default means the same.
      await built.superuser.query("set search_path = partywall, public");
      const wall = { tables: ["notes"] };
      const former = await defaultOf(built, "notes");
      await built.build({ ...wall, rollout: { until, tables: { notes: "observe" } } });
      expect(await defaultOf(built, "notes")).toEqual(former);
      const rows = async () =>
        (await built.superuser.query("insert into notes (id) values (1) returning tenant_id")).rows;
      const written = await rows();
      for (let times = 0; times < 3; times += 1) {
        await built.build({ ...wall, rollout: { until, tables: { notes: "stamp" } } });
        expect((await defaultOf(built, "notes")).d).toContain("sealed_");
        expect(await rows()).toEqual(written);
      }
      await built.build({ ...wall, rollout: { until, tables: { notes: "observe" } } });
      expect(await rows()).toEqual(written);
      const again = await defaultOf(built, "notes");
      expect(again.n).toBe("YES");
      // Without a default before, stamping stays: a row without a tenant is nobody's gain.
      if (expression !== null) expect(again.d).not.toContain("sealed_");
      await built.superuser.query("delete from notes");
      await built.build(wall);
      expect((await defaultOf(built, "notes")).n).toBe("NO");
    },
  );

  const SHOP = `create schema sales;
    create table sales.orders (tenant_id uuid not null default '${A}', id serial, primary key (tenant_id, id));
    create table notes (tenant_id uuid, id int);
    create table events (tenant_id uuid not null, id int) partition by list (id);
    create table events_1 partition of events for values in (1);`;
  const SHOP_TABLES = { tables: ["sales.orders", "notes", "events"] };
  const STAGES: WallRollout["tables"] = {
    "sales.orders": "stamp",
    notes: "observe",
    events: "observe",
  };

  test.each(["mac", "parameter"] as const)(
    "built twice, the %s wall in rollout is as built once",
    async (seal) => {
      const { build, catalog } = await site(SHOP);
      const wall: SiteWall = { ...SHOP_TABLES, seal, rollout: { until, tables: STAGES } };
      const first = await build(wall);
      const once = await catalog();
      expect(await build(wall)).toEqual(first);
      expect(await catalog()).toEqual(once);
    },
  );

  test.each(["mac", "parameter"] as const)(
    "left out, the rollout leaves nothing behind: the %s wall is one that never had any",
    async (seal) => {
      const plain = await site(SHOP);
      await plain.build({ ...SHOP_TABLES, seal });
      const rolled = await site(SHOP);
      for (const mode of ["observe", "stamp", "observe"] as const) {
        const tables = { "sales.orders": mode, "public.notes": mode, events: mode };
        await rolled.build({ ...SHOP_TABLES, seal, rollout: { until, tables } });
      }
      await rolled.build({ ...SHOP_TABLES, seal });
      expect(await rolled.catalog()).toEqual(await plain.catalog());
    },
  );

  test.each(["mac", "parameter"] as const)(
    "printed and run as a script, the %s wall in rollout is the one that is applied",
    async (seal) => {
      const wall: SiteWall = { ...SHOP_TABLES, seal, rollout: { until, tables: STAGES } };
      const applied = await site(SHOP);
      await applied.build(wall);
      const printed = await site(SHOP);
      const before = await printed.catalog();
      const plan = await planWall(printed.superuser, { roles: printed.roles, ...wall });
      expect(await printed.catalog(), "planning changes nothing").toEqual(before);
      await runScript(printed.superuser, printWall(plan));
      expect(await printed.catalog()).toEqual(await applied.catalog());
    },
  );

  test("planning in a transaction leaves its search path as it was", async () => {
    const { superuser, roles } = await site(SHOP);
    await superuser.query("set search_path = sales, public");
    await superuser.query("begin");
    await planWall(superuser, { roles, ...SHOP_TABLES, rollout: { until, tables: STAGES } });
    expect((await superuser.query("show search_path")).rows).toEqual([
      { search_path: "sales, public" },
    ]);
    await superuser.query("rollback");
  });

  test("open rollouts are listed to every login, as the catalogue has them, until they end", async () => {
    const { build, superuser, login, roles } = await site(SHOP);
    expect(await openRollouts(superuser)).toEqual([]);
    await build({ ...SHOP_TABLES, rollout: { until, tables: STAGES } });
    const open = [
      { table: "public.events", mode: "observe", until },
      { table: "public.events_1", mode: "observe", until },
      { table: "public.notes", mode: "observe", until },
      { table: "sales.orders", mode: "stamp", until },
    ];
    for (const role of [roles.app, roles.system]) {
      for (const path of ["public", "partywall, sales, public", ""]) {
        await withClient(login(role), async (client) => {
          await client.query("select set_config('search_path', $1, false)", [path]);
          expect(await openRollouts(client)).toEqual(open);
        });
      }
    }
    await superuser.query(
      `create or replace function pg_catalog.clock_timestamp() returns timestamptz language sql as $$ select now() + interval '1 year' $$`,
    );
    expect(await openRollouts(superuser)).toEqual([]);
  });

  test.each([
    ["using (true or (select partywall.observe('notes', 'observe', 'read', 0)))", /public\.notes/],
    ["with check (true)", /public\.notes/],
  ])("a policy in rollout that was changed by hand is told: %s", async (change, message) => {
    const { build, superuser } = await site(SHOP);
    const wall: SiteWall = { ...SHOP_TABLES, rollout: { until, tables: { notes: "observe" } } };
    await build(wall);
    await superuser.query(`alter policy partywall_tenant on notes ${change}`);
    await expect(openRollouts(superuser)).rejects.toMatchObject({ code: "PW_GUARD_BYPASSED" });
    await expect(openRollouts(superuser)).rejects.toThrow(message);
    await build(wall);
    expect(await openRollouts(superuser)).toHaveLength(1);
  });

  test("one table in rollout can be renamed, copied and dropped", async () => {
    const { build, superuser, open } = await site(SHOP);
    await build({ ...SHOP_TABLES, rollout: { until, tables: { ...STAGES, notes: "stamp" } } });
    await superuser.query("alter table notes rename to letters");
    expect((await openRollouts(superuser)).map(({ table }) => table)).toContain("public.letters");
    await superuser.query("create table copied (like letters including defaults)");
    await superuser.query("drop table sales.orders");
    await build({ tables: ["letters", "events"] });
    expect(await openRollouts(superuser)).toEqual([]);
    // What still calls a function of the rollout keeps it.
    await superuser.query("insert into copied (id) values (1)");
    await superuser.query("drop table copied");
    await build({ tables: ["letters", "events"] });
    const { rows } = await superuser.query(
      "select count(*)::int as n from pg_proc where pronamespace = 'partywall'::regnamespace and proname ~ '^(sealed|observe)'",
    );
    expect(rows).toEqual([{ n: 0 }]);
    await (await open(A)).pw.ready();
  });

  test("a login that is no superuser builds a rollout, moves it and ends it", async () => {
    const { database, superuser, login } = await site();
    const [builder, app, system, owner] = ["builder", "login", "across", "wall"].map(
      (role) => `${database.name}_${role}`,
    ) as [string, string, string, string];
    await superuser.query(
      `create role ${builder} login createrole password 'secret'; alter database ${database.name} owner to ${builder}`,
    );
    await withClient(login(builder), async (client) => {
      for (const role of [app, system]) {
        await client.query(`create role ${role} login password 'secret'`);
      }
      await client.query(`create table notes (tenant_id uuid default '${A}', id int)`);
      const wall = { roles: { app, system, owner }, tables: ["notes"] };
      const stages = ["observe", "stamp", "observe"] as const;
      for (const mode of stages) {
        await applyWall(client, { ...wall, rollout: { until, tables: { notes: mode } } });
        expect(await openRollouts(client)).toMatchObject([{ table: "public.notes", mode }]);
        await withClient(login(app), async (plain) => {
          await plain.query("insert into notes (id) values (1)");
          expect((await plain.query("select tenant_id from notes limit 1")).rows).toEqual([
            { tenant_id: A },
          ]);
        });
      }
      await applyWall(client, wall);
      expect(await openRollouts(client)).toEqual([]);
      await withClient(login(app), async (plain) => {
        await expect(plain.query("select * from notes")).rejects.toMatchObject({ code: "PW001" });
      });
    });
  });

  test("a table left in rollout by another run follows the form of the seal", async () => {
    const { build, superuser } = await site(SHOP);
    await build({
      tables: ["notes"],
      seal: "mac",
      rollout: { until, tables: { notes: "observe" } },
    });
    await build({ tables: ["sales.orders"], seal: "parameter" });
    const { rows } = await superuser.query(
      "select prosrc ~ 'backtrace_functions' as follows from pg_proc where proname = 'sealed_uuid'",
    );
    expect(rows).toEqual([{ follows: true }]);
  });

  test("a table that was enforced goes on stamping when it is observed again", async () => {
    const built = await site("create table notes (tenant_id uuid not null, id int)");
    await built.build({ tables: ["notes"] });
    await built.build({ tables: ["notes"], rollout: { until, tables: { notes: "observe" } } });
    const { as } = await built.open(A, B);
    await as(A, "insert into notes (id) values (1)");
    await as(B, "insert into notes (id) values (2)");
    const { rows } = await built.superuser.query("select tenant_id, id from notes order by id");
    expect(rows).toEqual([
      { tenant_id: A, id: 1 },
      { tenant_id: B, id: 2 },
    ]);
    expect(await as(A, "select id from notes order by id")).toHaveLength(2);
  });

  const LONG = `${"é".repeat(31)}x`;
  test.each([
    'Weird "Table"',
    "sales.2026",
    "select",
    "'; drop table x; --",
    "a\\b",
    "Ünï 𝄞",
    LONG,
  ])("a table and a column named %s are in rollout", async (name) => {
    const quoted = `"${name.replaceAll('"', '""')}"`;
    const { build, open, superuser } = await site(
      `create schema ${quoted}; create table ${quoted}.${quoted} (${quoted} uuid, id serial)`,
    );
    const wall = { tables: [{ schema: name, name }], tenantColumn: name };
    const tables = { [`${name}.${name}`]: "stamp" } as const;
    await build({ ...wall, rollout: { until, tables } });
    expect(await openRollouts(superuser)).toEqual([
      { table: `${name}.${name}`, mode: "stamp", until },
    ]);
    const { as } = await open(A, B);
    await as(A, `insert into ${quoted}.${quoted} default values`);
    expect(await as(B, `select id from ${quoted}.${quoted}`)).toEqual([{ id: 1 }]);
    await build(wall);
    expect(await as(B, `select id from ${quoted}.${quoted}`)).toEqual([]);
  });

  const ahead = (days: number) => new Date(Date.now() + days * DAY);
  test.each([
    ["no end", { tables: { notes: "observe" } }, /without an end/],
    ["an end that is none", { until: "soon", tables: {} }, /without an end/],
    ["an invalid date", { until: new Date(Number.NaN), tables: {} }, /without an end/],
    ["a date that is none", { until: "2026-13-45", tables: {} }, /without an end/],
    ["a time without a zone", { until: "2026-03-01T10:00", tables: {} }, /zone/],
    ["an end in 181 days", { until: ahead(181), tables: {} }, /180 days/],
    ["an end in years", { until: "2999-01-01", tables: {} }, /180 days/],
    ["an unknown mode", { until, tables: { notes: "off" } }, /neither "observe" nor "stamp"/],
    ["a mode of a prototype", { until, tables: { notes: "__proto__" } }, /neither/],
    ["an unknown table", { until, tables: { nots: "observe" } }, /names nots/],
    [
      "a table named twice",
      { until, tables: { notes: "observe", "public.notes": "stamp" } },
      /names notes/,
    ],
    ["a shared table", { until, tables: { plans: "observe" } }, /names plans/],
  ])("%s is told as PW_CONFIG and changes nothing", async (_, rollout, message) => {
    const { build, catalog } = await site(
      "create table notes (tenant_id uuid, id int); create table plans (name text)",
    );
    const before = await catalog();
    const refusal = build({
      tables: ["notes"],
      shared: ["plans"],
      rollout: rollout as unknown as WallRollout,
    });
    await expect(refusal).rejects.toMatchObject({ code: "PW_CONFIG" });
    await expect(refusal).rejects.toThrow(message);
    expect(await catalog()).toEqual(before);
  });

  test("a partition and its parent cannot be rolled out differently", async () => {
    const { build, superuser, roles } = await site(SHOP);
    for (const tables of [
      ["events", "events_1"],
      ["events_1", "events"],
    ]) {
      for (const stages of [{ events: "observe" }, { events_1: "stamp" }] as const) {
        await expect(
          applyWall(superuser, { roles, tables, rollout: { until, tables: stages } }),
        ).rejects.toMatchObject({
          code: "PW_CONFIG",
          message: expect.stringContaining("events_1"),
        });
      }
    }
    await build({
      tables: ["events", "events_1"],
      rollout: { until, tables: { events: "observe", events_1: "observe" } },
    });
  });

  test("an end 180 days ahead is the latest, as a Date, a day or a time with its zone", async () => {
    const { build, superuser } = await site("create table notes (tenant_id uuid, id int)");
    for (const end of [
      ahead(179.9),
      ahead(100).toISOString().slice(0, 10),
      ahead(100).toISOString(),
      `${ahead(100).toISOString().slice(0, 16)}+02:00`,
    ]) {
      await build({ tables: ["notes"], rollout: { until: end, tables: { notes: "observe" } } });
      expect((await openRollouts(superuser))[0]?.until).toEqual(new Date(end));
    }
  });

  test("an end that has passed enforces at once", async () => {
    const plain = await site(SHOP);
    await plain.build(SHOP_TABLES);
    const { build, catalog } = await site(SHOP);
    await build({ ...SHOP_TABLES, rollout: { until: "2020-01-01", tables: STAGES } });
    expect(await catalog()).toEqual(await plain.catalog());
  });
});
