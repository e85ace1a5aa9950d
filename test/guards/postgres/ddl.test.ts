import { randomUUID } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import { applyWall, planWall, printWall } from "partywall/guards/postgres";
import { describeEngine } from "../../support/engine.js";
import { runScript } from "../../support/roles.js";
import { withClient } from "../../support/postgres.js";
import { buildSite, type Site } from "./site.js";

const A = randomUUID();
const B = randomUUID();

describeEngine("postgres", "building the wall", () => {
  const sites: Site[] = [];
  const site = async (ddl?: string) => {
    const built = await buildSite(ddl);
    sites.push(built);
    return built;
  };
  afterEach(async () => {
    for (const built of sites.splice(0).toReversed()) await built.close();
  });

  test.each([
    ["uuid", A, B],
    ["bigint", "7", "9007199254740993"],
    ["text", "a", "b' or true --"],
    ["varchar(80)", "a", "b\\"],
    ["varchar", A, "Ünïcode 𝄞"],
  ])("a tenant column of %s stamps, shows and guards the tenant's own rows", async (type, a, b) => {
    for (const seal of ["mac", "parameter"] as const) {
      const { build, open, superuser } = await site(
        `create table notes (tenant_id ${type} not null, id int, primary key (tenant_id, id))`,
      );
      await build({ tables: ["notes"], seal });
      const { as } = await open(a, b);
      await as(a, "insert into notes (id) values (1)");
      await as(b, "insert into notes (id) values (1), (2)");
      expect(await as(a, "select tenant_id::text as t, id from notes")).toEqual([{ t: a, id: 1 }]);
      expect(await as(b, "select id from notes order by id")).toEqual([{ id: 1 }, { id: 2 }]);
      await expect(
        as(a, "insert into notes (tenant_id, id) values ($1, 3)", [b]),
      ).rejects.toMatchObject({ code: "PW_WRITE_MISMATCH" });
      expect(await as(a, "delete from notes returning tenant_id::text as t")).toEqual([{ t: a }]);
      const { rows } = await superuser.query("select distinct tenant_id::text as t from notes");
      expect(rows).toEqual([{ t: b }]);
    }
  });

  const PARTITIONED = `
    create table events (tenant_id uuid not null, id int, day date, primary key (tenant_id, id, day)) partition by range (day);
    create table events_2025 partition of events for values from ('2025-01-01') to ('2026-01-01');
    create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01') partition by list (id);
    create table events_2026_1 partition of events_2026 for values in (1);
    create table events_rest partition of events default;`;

  test("cannot reach another tenant's rows through a partition", async () => {
    const { build, open } = await site(PARTITIONED);
    await build({ tables: ["events"] });
    const { as } = await open(A, B);
    for (const id of [A, B]) {
      await as(
        id,
        "insert into events values (default, 1, '2025-06-01'), (default, 1, '2026-06-01'), (default, 1, '1999-01-01')",
      );
    }
    for (const [part, day] of [
      ["events_2025", "2025-07-01"],
      ["events_2026", "2026-07-01"],
      ["events_2026_1", "2026-07-01"],
      ["events_rest", "2000-01-01"],
    ]) {
      expect(await as(A, `select tenant_id from ${part}`), part).toEqual([{ tenant_id: A }]);
      await expect(
        as(A, `insert into ${part} values ($1, 1, '${day}')`, [B]),
        part,
      ).rejects.toMatchObject({ code: "PW_WRITE_MISMATCH" });
      await expect(as(A, `update ${part} set tenant_id = $1`, [B]), part).rejects.toMatchObject({
        code: "PW_WRITE_MISMATCH",
      });
      const touch = `update ${part} set id = id where tenant_id = '${B}' returning 1`;
      expect(await as(A, touch), part).toEqual([]);
    }
    await as(A, "insert into events_rest (id, day) values (2, '1998-01-01')");
    expect(await as(A, "select id from events order by day")).toHaveLength(4);
    expect(await as(B, "select id from events")).toHaveLength(3);
  });

  test("a partition made after the wall was built is out of reach until it is built again", async () => {
    const { build, open, superuser } = await site(PARTITIONED);
    await build({ tables: ["events"] });
    await superuser.query(
      "create table events_2030 partition of events for values from ('2030-01-01') to ('2031-01-01')",
    );
    const { as } = await open(A, B);
    await as(B, "insert into events values (default, 5, '2030-06-01')");
    expect(await as(A, "select * from events")).toEqual([]);
    await expect(as(A, "select * from events_2030")).rejects.toMatchObject({ code: "42501" });
    await build({ tables: ["events"] });
    expect(await as(A, "select * from events_2030")).toEqual([]);
    expect(await as(B, "select id from events_2030")).toEqual([{ id: 5 }]);
  });

  test("cannot reach another tenant's rows through a child of an inherited table", async () => {
    const { build, open } = await site(
      `create table notes (tenant_id uuid not null, id int);
       create table letters (stamp text) inherits (notes);`,
    );
    await build({ tables: ["notes"] });
    const { as } = await open(A, B);
    for (const [id, stamp] of [
      [A, "a"],
      [B, "b"],
    ] as const) {
      await as(id, "insert into notes (id) values (1)");
      await as(id, "insert into letters (id, stamp) values (2, $1)", [stamp]);
    }
    expect(await as(A, "select id from notes order by id")).toEqual([{ id: 1 }, { id: 2 }]);
    expect(await as(A, "select stamp from letters")).toEqual([{ stamp: "a" }]);
    await expect(
      as(A, "insert into letters (tenant_id, id) values ($1, 3)", [B]),
    ).rejects.toMatchObject({ code: "PW_WRITE_MISMATCH" });
  });

  test("serial and identity columns count, and their sequences cannot be read or set", async () => {
    const { build, open } = await site(
      `create table old (tenant_id uuid not null, id serial primary key);
       create table new (tenant_id uuid not null, id int generated always as identity primary key);
       create table newer (tenant_id uuid not null, id int generated by default as identity primary key);`,
    );
    await build({ tables: ["old", "new", "newer"] });
    const { as } = await open(A, B);
    for (const table of ["old", "new", "newer"]) {
      expect(await as(A, `insert into ${table} default values returning id`)).toEqual([{ id: 1 }]);
      expect(await as(B, `insert into ${table} default values returning id`)).toEqual([{ id: 2 }]);
      for (const sql of [
        `select last_value from ${table}_id_seq`,
        `select setval('${table}_id_seq', 1)`,
        `alter sequence ${table}_id_seq restart`,
      ]) {
        await expect(as(A, sql), sql).rejects.toMatchObject({ code: "42501" });
      }
    }
    await expect(as(A, "select nextval('new_id_seq')")).rejects.toMatchObject({ code: "42501" });
  });

  const SHOP = `
    create schema sales;
    create table plans (name text primary key);
    create table flags (name text primary key);
    create table sales.orders (tenant_id uuid, id serial, primary key (tenant_id, id));
    create table tags (org text, id int); create index on tags (org);
    create table logs (tenant_id bigint);
    ${PARTITIONED}`;
  const SHOP_TABLES = {
    tables: ["sales.orders", { schema: "public", name: "tags", column: "org" }, "logs", "events"],
    shared: ["plans", { schema: "public", name: "flags", writable: true }],
  } as const;

  test.each(["mac", "parameter"] as const)(
    "built twice, the %s wall is as built once",
    async (seal) => {
      const { build, catalog } = await site(SHOP);
      const first = await build({ ...SHOP_TABLES, seal });
      const once = await catalog();
      expect(once["policies"]).toHaveLength(3 * 8);
      expect(await build({ ...SHOP_TABLES, seal })).toEqual(first);
      expect(await catalog()).toEqual(once);
    },
  );

  test.each(["mac", "parameter"] as const)(
    "printed and run as a script, the %s wall is the one that is applied",
    async (seal) => {
      const applied = await site(SHOP);
      await applied.build({ ...SHOP_TABLES, seal });
      const printed = await site(SHOP);
      const before = await printed.catalog();
      const plan = await planWall(printed.superuser, {
        roles: printed.roles,
        ...SHOP_TABLES,
        seal,
      });
      expect(await printed.catalog(), "planning changes nothing").toEqual(before);
      await runScript(printed.superuser, printWall(plan));
      expect(await printed.catalog()).toEqual(await applied.catalog());
    },
  );

  test("shared tables are read by all and written only where they are told to be", async () => {
    const { build, open } = await site(SHOP);
    await build(SHOP_TABLES);
    const { as } = await open(A);
    expect(await as(A, "select * from plans")).toEqual([]);
    await expect(as(A, "insert into plans values ('x')")).rejects.toMatchObject({ code: "42501" });
    await as(A, "insert into flags values ('x')");
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
  ])("a table and a column named %s stand behind the wall", async (name) => {
    const quoted = `"${name.replaceAll('"', '""')}"`;
    const { build, open } = await site(
      `create schema ${quoted}; create table ${quoted}.${quoted} (${quoted} uuid not null, id serial)`,
    );
    await build({ tables: [{ schema: name, name }], tenantColumn: name });
    const { as } = await open(A, B);
    await as(A, `insert into ${quoted}.${quoted} default values`);
    expect(await as(A, `select id from ${quoted}.${quoted}`)).toEqual([{ id: 1 }]);
    expect(await as(B, `select id from ${quoted}.${quoted}`)).toEqual([]);
  });

  test.each([
    ["a missing table", { tables: ["missing"] }, /no table public\.missing/],
    ["a missing schema", { tables: ["nowhere.notes"] }, /no table nowhere\.notes/],
    ["a view", { tables: ["seen"] }, /no table public\.seen/],
    ["a missing shared table", { tables: [], shared: ["missing"] }, /public\.missing/],
    ["a missing column", { tables: ["plans"] }, /no column tenant_id/],
    [
      "a missing column by another name",
      { tables: ["notes"], tenantColumn: "org" },
      /no column org/,
    ],
    ["a column of a wrong type", { tables: ["numbered"] }, /type int4/],
    ["a name with two dots", { tables: ["a.b.c"] }, /more than one dot/],
    ["an empty name", { tables: [""] }, /no table|name is empty/],
    ["a name of 64 bytes", { tables: [`${LONG}y`] }, /no table|63 bytes/],
    ["a name with NUL", { tables: ["no\0tes"] }, /no table|holds a NUL/],
  ])("%s is told as PW_CONFIG and changes nothing", async (_, wall, message) => {
    const { build, catalog } = await site(
      `create table notes (tenant_id uuid); create table plans (name text); create table numbered (tenant_id int);
       create view seen as select * from notes;`,
    );
    const before = await catalog();
    const refusal = build({ ...wall, tables: ["notes", ...wall.tables] });
    await expect(refusal).rejects.toMatchObject({ code: "PW_CONFIG" });
    await expect(refusal).rejects.toThrow(message);
    expect(await catalog()).toEqual(before);
  });

  test("a missing or doubled login is told as PW_CONFIG", async () => {
    const { superuser, roles, catalog } = await site("create table notes (tenant_id uuid)");
    const before = await catalog();
    for (const wrong of [
      { ...roles, app: "nobody" },
      { ...roles, system: "nobody" },
      { ...roles, system: roles.app },
      { ...roles, migrator: "nobody" },
    ]) {
      await expect(
        applyWall(superuser, { roles: wrong, tables: ["notes"] }),
        JSON.stringify(wrong),
      ).rejects.toMatchObject({ code: "PW_CONFIG" });
    }
    expect(await catalog()).toEqual(before);
  });

  test("rows without a tenant stop the wall, and nothing is half-built", async () => {
    const { build, catalog } = await site(
      `create table notes (tenant_id uuid); create table orphans (tenant_id uuid); insert into orphans values (null);`,
    );
    const before = await catalog();
    await expect(build({ tables: ["notes", "orphans"] })).rejects.toMatchObject({ code: "23502" });
    expect(await catalog()).toEqual(before);
  });

  test("a wall of the mac form becomes one of the parameter form under a running instance, and back", async () => {
    const { build, open, login, roles } = await site("create table notes (tenant_id uuid, id int)");
    const tables = ["notes"];
    expect((await build({ tables, seal: "mac" })).seal).toBe("mac");
    const { as, pw } = await open(A, B);
    await as(A, "insert into notes values (default, 1)");
    // A seal of the old form, as tenant SQL can read it.
    const carried = await as(A, "select current_setting('partywall.seal') as seal");
    for (const seal of ["parameter", "mac", "parameter"] as const) {
      expect((await build({ tables, seal })).seal).toBe(seal);
      await pw.ready();
      expect(await as(A, "select id from notes")).toEqual([{ id: 1 }]);
      expect(await as(B, "select id from notes")).toEqual([]);
      await withClient(login(roles.app), async (client) => {
        await client.query("begin");
        await client.query("select set_config('partywall.seal', $1, true)", [carried[0]!["seal"]]);
        await expect(client.query("select * from notes")).rejects.toMatchObject({ code: "PW001" });
      });
    }
  });

  test("several databases of one server, with the same logins, are built at the same time", async () => {
    const first = await site(SHOP);
    const others = [await site(SHOP), await site(SHOP)];
    const { roles } = first;
    for (let round = 0; round < 3; round += 1) {
      const reports = await Promise.all(
        [first, ...others].map(({ superuser }) => applyWall(superuser, { roles, ...SHOP_TABLES })),
      );
      expect(reports.map(({ missing }) => missing)).toEqual([[], [], []]);
    }
    for (const { superuser } of others) {
      const { rows } = await superuser.query("select count(*)::int as n from pg_policies");
      expect(rows).toEqual([{ n: 24 }]);
    }
  });
});
