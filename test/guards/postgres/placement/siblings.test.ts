import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { PoolClient } from "pg";
import { to as copyTo } from "pg-copy-streams";
import Cursor from "pg-cursor";
import { wallTenantSchema } from "partywall/guards/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { repeated } from "../../../support/roles.js";
import { buildTown, type Town } from "./town.js";

const RESIDENTS = [
  { slug: "anna", strategy: "row" },
  { slug: "ben", strategy: "row" },
  { slug: "carla", strategy: "schema" },
  { slug: "dan", strategy: "schema" },
  { slug: "eve", strategy: "schema", own: true },
] as const;
const SLUGS = RESIDENTS.map(({ slug }) => slug);

/** What stands in dan's schema beside the tables that everyone has. */
const EXTRAS = `
create table letters (id serial primary key, number int generated always as identity, body text);
insert into letters (body) values ('dear dan');
create view notes as select note from orders;
create materialized view copied as select note from orders;
create function spoken() returns setof text language sql as 'select note from orders';
create function opened() returns setof text language sql security definer set search_path from current as 'select note from orders';
create function stated() returns text language sql as $$ select 'said by dan' $$;`;

/** A read of a table under a qualified name; what comes back must hold nothing of the sibling's. */
const READS: [string, (table: string) => string][] = [
  ["a select", (t) => `select note from ${t}`],
  ["a join", (t) => `select theirs.note from orders mine join ${t} theirs using (id)`],
  ["a sub-query", (t) => `select note from ${t} where id in (select id from ${t})`],
  ["a CTE", (t) => `with theirs as (select note from ${t}) select * from theirs`],
  ["a lateral join", (t) => `select x.note from orders o, lateral (select * from ${t}) x`],
  ["FOR UPDATE", (t) => `select note from ${t} for update`],
  ["an update's RETURNING", (t) => `update ${t} set note = 'gone' returning note`],
  ["a delete's RETURNING", (t) => `delete from ${t} returning note`],
  ["an inherited ONLY", (t) => `select note from only ${t}`],
  [
    "a search_path set in the same statement",
    (t) =>
      `select note from ${t} where set_config('search_path', '${t.split(".")[0]}', false) <> ''`,
  ],
];

for (const seal of ["parameter", "mac"] as const) {
  describeEngine("postgres", `tenants who live side by side (${seal} seal)`, () => {
    let town: Town;
    let before: Record<string, unknown>;

    beforeAll(async () => {
      town = await buildTown(RESIDENTS, { seal, max: 1 });
      const dan = town.homes["dan"]!;
      const eye = town.eye("dan");
      await eye.query(`set search_path = ${dan}; ${EXTRAS}; reset search_path`);
      await repeated(() =>
        wallTenantSchema(eye, { roles: town.roles, tenantId: town.id("dan"), schema: dan }),
      );
      before = await everything();
    });
    afterAll(() => town.close());

    const everything = async () => {
      const seen: Record<string, unknown> = {};
      for (const slug of SLUGS) {
        seen[slug] = [await town.rows(slug), await town.rows(slug, "customers")];
      }
      return seen;
    };
    const untouched = async () => expect(await everything()).toEqual(before);
    const table = (slug: string) => `${town.homes[slug]}.orders`;
    const lent = <T>(slug: string, fn: (client: PoolClient) => Promise<T>) =>
      town.pw.run({ slug }, async () => {
        const client = await town.pool.connect();
        try {
          return await fn(client);
        } finally {
          client.release();
        }
      });
    const own = (slug: string) => [1, 2, 3].map((n) => ({ note: `${slug}${n}` }));
    const OWN = "select note from orders order by id";

    test.each(READS)("%s under a sibling's qualified name finds nothing", async (_what, text) => {
      for (const [slug, other] of [
        ["carla", "dan"],
        ["dan", "carla"],
      ] as const) {
        expect(await town.as(slug, text(table(other)))).toEqual([]);
        expect(await town.as(slug, OWN)).toEqual(own(slug));
      }
      await untouched();
    });

    test.each(READS)(
      "%s leads from a schema into the shared tables, or back, to nothing",
      async (_what, text) => {
        await expect(town.as("carla", text("public.orders"))).rejects.toMatchObject({
          code: "PW_PLACEMENT",
        });
        await expect(town.as("anna", text(table("dan")))).rejects.toMatchObject({
          code: "PW_PLACEMENT",
        });
        await untouched();
        for (const slug of ["carla", "anna"]) expect(await town.as(slug, OWN)).toEqual(own(slug));
      },
    );

    test("a count of a sibling's rows is nought, and of the shared tables refused", async () => {
      const count = (name: string) => `select count(*)::int as n from ${name}`;
      expect(await town.as("carla", count(table("dan")))).toEqual([{ n: 0 }]);
      for (const [slug, other] of [
        ["carla", "anna"],
        ["anna", "carla"],
      ] as const) {
        await expect(town.as(slug, count(table(other)))).rejects.toMatchObject({
          code: "PW_PLACEMENT",
        });
      }
    });

    test("inserts, upserts and MERGE into a sibling's table are refused", async () => {
      const sibling = table("dan");
      for (const text of [
        `insert into ${sibling} (id, note) values (77, 'planted')`,
        `insert into ${sibling} (tenant_id, id, note) values ('${town.id("carla")}', 77, 'planted')`,
        `insert into ${sibling} (tenant_id, id, note) values ('${town.id("dan")}', 1, 'x') on conflict (tenant_id, id) do update set note = 'upserted'`,
        `merge into ${sibling} t using (values (77)) v (id) on t.id = v.id when not matched then insert (id, note) values (v.id, 'merged')`,
      ]) {
        await expect(town.as("carla", text)).rejects.toMatchObject({ code: "PW_WRITE_MISMATCH" });
        await expect(town.as("anna", text)).rejects.toMatchObject({ code: "PW_PLACEMENT" });
        await expect(
          town.as("carla", text.replaceAll(sibling, "public.orders")),
        ).rejects.toMatchObject({ code: "PW_PLACEMENT" });
      }
      expect(
        await town.as(
          "carla",
          `merge into ${table("dan")} t using (values (1)) v (id) on t.id = v.id when matched then delete`,
        ),
      ).toEqual([]);
      await untouched();
    });

    test("an upsert that does nothing tells by its silence nothing of a sibling's key", async () => {
      const text = (n: number) =>
        `insert into ${table("dan")} (tenant_id, id) values ('${town.id("dan")}', ${n}) on conflict do nothing`;
      for (const n of [1, 99]) {
        await expect(town.as("carla", text(n))).rejects.toMatchObject({
          code: "PW_WRITE_MISMATCH",
        });
      }
      await untouched();
    });

    test("COPY TO, a cursor and query_to_xml bring nothing of a sibling's", async () => {
      const sibling = table("dan");
      for (const text of [
        `copy ${sibling} to stdout`,
        `copy (select * from ${sibling}) to stdout`,
      ]) {
        let copied = "";
        await lent("carla", async (client) => {
          const sink = new Writable({
            write: (chunk: Buffer, _encoding, done) => {
              copied += chunk.toString();
              done();
            },
          });
          await pipeline(client.query(copyTo(text)), sink);
        });
        expect(copied).toBe("");
      }
      const read = await lent("carla", async (client) => {
        const cursor = client.query(new Cursor(`select * from ${sibling}`));
        const rows = await cursor.read(9);
        await cursor.close();
        return rows as unknown[];
      });
      expect(read).toEqual([]);
      const xml = (name: string) =>
        `select query_to_xml('select note from ${name}', true, false, '')::text as x`;
      expect((await town.as("carla", xml(sibling)))[0]!["x"]).not.toMatch(/dan/);
      await expect(town.as("carla", xml("public.orders"))).rejects.toMatchObject({
        code: "PW_PLACEMENT",
      });
    });

    test("a text of several statements keeps to its tenant after a SET in the middle", async () => {
      const dan = town.homes["dan"];
      const { rows, rowCount } = (
        (await town.pw.run({ slug: "carla" }, () =>
          town.pool.query(
            `set search_path = ${dan}; update orders set note = 'gone'; select note from orders`,
          ),
        )) as unknown as { rows: unknown[]; rowCount: number }[]
      ).at(-1)!;
      expect({ rows, rowCount }).toEqual({ rows: [], rowCount: 0 });
      await untouched();
    });

    test.each([
      ["SET", (home: string) => `set search_path = ${home}`],
      ["SET LOCAL", (home: string) => `set local search_path = ${home}`],
      ["set_config", (home: string) => `select set_config('search_path', '${home}', false)`],
      ["a local set_config", (home: string) => `select set_config('search_path', '${home}', true)`],
    ])("%s in a transaction, through savepoint and chain, reads no sibling", async (_what, set) => {
      const bare = "select note from orders order by id";
      for (const [slug, home] of [
        ["carla", town.homes["dan"]!],
        ["anna", town.homes["dan"]!],
        ["carla", "public"],
      ] as const) {
        const answer = async (client: {
          query: (text: string) => Promise<{ rows: unknown[] }>;
        }) => {
          try {
            return (await client.query(bare)).rows;
          } catch (error) {
            expect(error).toMatchObject({ code: "PW_PLACEMENT" });
            return [];
          }
        };
        const mine = JSON.stringify(own(slug));
        await lent(slug, async (client) => {
          const seen: unknown[] = [];
          await client.query("begin");
          await client.query("savepoint s");
          await client.query(set(home));
          seen.push(await answer(client));
          await client.query("rollback to savepoint s");
          seen.push(await answer(client));
          await client.query(set(home));
          await client.query("commit and chain");
          seen.push(await answer(client));
          await client.query("rollback");
          await client.query("begin");
          await client.query(set(home));
          await expect(client.query("select 1/0")).rejects.toMatchObject({ code: "22012" });
          await client.query("rollback");
          seen.push(await answer(client));
          for (const rows of seen) expect(["[]", mine]).toContain(JSON.stringify(rows));
          // Outside any transaction the seal puts the tenant's own path back.
          if (slug === "carla") expect(seen.at(-1)).toEqual(own("carla"));
        });
        // What is left behind at session level is nobody else's.
        for (const next of ["anna", "dan", "carla"]) {
          await town.as(slug, set(home));
          expect(await town.as(next, bare)).toEqual(own(next));
        }
      }
      await untouched();
    });

    test("a table that a schema lacks is not answered from the shared ones", async () => {
      await expect(town.as("carla", "select * from letters")).rejects.toMatchObject({
        code: "42P01",
      });
      const eye = town.eye("carla");
      await eye.query(`alter table ${table("carla")} rename to orders_away`);
      try {
        await expect(town.as("carla", OWN)).rejects.toMatchObject({ code: "42P01" });
        await expect(town.as("carla", "insert into orders (id) values (50)")).rejects.toMatchObject(
          { code: "42P01" },
        );
      } finally {
        await eye.query(`alter table ${town.homes["carla"]}.orders_away rename to orders`);
      }
      await untouched();
    });

    test("a sibling's serial can be drawn from, but neither read nor moved; an identity not even that", async () => {
      const dan = town.homes["dan"]!;
      const serial = `${dan}.letters_id_seq`;
      // Conceded in docs/security.md: the column's default needs the right, and the login is shared.
      const [first] = await town.as("carla", `select nextval('${serial}')::int as n`);
      const [second] = await town.as("carla", `select nextval('${serial}')::int as n`);
      expect(second!["n"]).toBe((first!["n"] as number) + 1);
      expect(await town.as("carla", `select currval('${serial}')::int as n`)).toEqual([second]);
      for (const text of [
        `select setval('${serial}', 1)`,
        `select last_value from ${serial}`,
        `select nextval('${dan}.letters_number_seq')`,
        `select setval('${dan}.letters_number_seq', 1)`,
        `select last_value from ${dan}.letters_number_seq`,
        `alter sequence ${serial} restart`,
      ]) {
        await expect(town.as("carla", text)).rejects.toMatchObject({ code: "42501" });
      }
      await expect(
        town.as("carla", `insert into ${dan}.letters (body) values ('x')`),
      ).rejects.toMatchObject({ code: "PW_WRITE_MISMATCH" });
      await town.as("dan", "insert into letters (body) values ('still dear')");
      expect(await town.as("dan", "select body from letters order by id")).toEqual([
        { body: "dear dan" },
        { body: "still dear" },
      ]);
    });

    test("a sibling's views and functions run as the caller, its materialised view not at all", async () => {
      const dan = town.homes["dan"]!;
      expect(await town.as("dan", "select note from notes order by note")).toEqual(own("dan"));
      expect(await town.as("carla", `select note from ${dan}.notes`)).toEqual([]);
      // Its body names no schema, so it reads the caller's own table.
      expect(await town.as("carla", `select note from ${dan}.spoken() note order by note`)).toEqual(
        own("carla"),
      );
      // Conceded: functions are everyone's to call, their text to read, and this one runs as a superuser.
      expect(await town.as("carla", `select note from ${dan}.opened() note order by note`)).toEqual(
        own("dan"),
      );
      expect(await town.as("carla", `select ${dan}.stated() as x`)).toEqual([{ x: "said by dan" }]);
      await expect(town.as("anna", `select note from ${dan}.notes`)).rejects.toMatchObject({
        code: "PW_PLACEMENT",
      });
      await expect(town.as("carla", `select * from ${dan}.copied`)).rejects.toMatchObject({
        code: "42501",
      });
    });

    test("no foreign key, trigger, table or comment can be made across", async () => {
      const dan = town.homes["dan"]!;
      for (const text of [
        `alter table orders add foreign key (tenant_id, id) references ${table("dan")} (tenant_id, id)`,
        `create table ${dan}.mine (tenant_id uuid, id int, foreign key (tenant_id, id) references ${table("dan")})`,
        `create table mine (id int)`,
        `truncate ${table("dan")}`,
        `drop table ${table("dan")}`,
        `alter table ${table("dan")} disable row level security`,
        `drop policy partywall_home on ${table("dan")}`,
        `comment on schema ${dan} is 'partywall: home of tenant x'`,
        `alter schema ${dan} rename to other`,
        `alter table ${table("dan")} set schema ${town.homes["carla"]}`,
      ]) {
        await expect(town.as("carla", text)).rejects.toMatchObject({ code: "42501" });
      }
      // A reference to a row that only the sibling has is to nobody's row.
      await town
        .eye("dan")
        .query(`insert into ${dan}.customers (id, email) values (9, 'nine@example.com')`);
      try {
        await expect(
          town.as("carla", "insert into orders (id, customer_id) values (60, 9)"),
        ).rejects.toMatchObject({ code: "23503" });
      } finally {
        await town.eye("dan").query(`delete from ${dan}.customers where id = 9`);
      }
      await untouched();
    });

    test("the catalogue tells a sibling's names, columns, id, comment and functions, and no more", async () => {
      const dan = town.homes["dan"]!;
      const told = async (text: string) => (await town.as("carla", text)).map((row) => row["x"]);
      expect(
        await told(
          `select relname as x from pg_class where relnamespace = '${dan}'::regnamespace and relkind in ('r', 'v', 'm') order by 1`,
        ),
      ).toEqual(["copied", "customers", "letters", "notes", "orders"]);
      expect(await told(`select obj_description('${dan}'::regnamespace) as x`)).toEqual([
        `partywall: home of tenant ${town.id("dan")}`,
      ]);
      expect(
        await told(
          `select qual as x from pg_policies where schemaname = '${dan}' and tablename = 'orders' and policyname = 'partywall_home'`,
        ),
      ).toEqual([expect.stringContaining(town.id("dan"))]);
      expect(
        await told(
          `select column_default as x from information_schema.columns where table_schema = '${dan}' and table_name = 'orders' and column_name = 'tenant_id'`,
        ),
      ).toEqual([expect.stringContaining(town.id("dan"))]);
      expect(await told(`select prosrc as x from pg_proc where proname = 'stated'`)).toEqual([
        expect.stringContaining("said by dan"),
      ]);
      await town.eye("dan").query("analyze");
      expect(
        await told(
          `select reltuples::int as x from pg_class where oid = '${table("dan")}'::regclass`,
        ),
      ).toEqual([3]);
      expect(
        await told(`select most_common_vals::text as x from pg_stats where schemaname = '${dan}'`),
      ).toEqual([]);
      expect(await told(`select pg_relation_size('${table("dan")}')::int as x`)).toEqual([8192]);
      const plan = await town.as("carla", `explain select * from ${table("dan")}`);
      expect(JSON.stringify(plan)).toContain(town.id("dan"));
      const live = `select n_live_tup::int as x from pg_stat_user_tables where relid = '${table("dan")}'::regclass`;
      // What a session wrote before an ANALYZE and reports after it is counted again, until the next one.
      await expect
        .poll(async () => {
          await town.eye("dan").query("analyze");
          return told(live);
        })
        .toEqual([3]);
      const homes = `select nspname as x from pg_namespace where nspname = '${town.homes["eve"]}'`;
      expect(await told(homes)).toEqual([town.homes["eve"]]);
      for (const text of [
        "select * from partywall.seals",
        "select * from pg_statistic",
        "select rolpassword from pg_authid",
      ]) {
        await expect(town.as("carla", text)).rejects.toMatchObject({ code: "42501" });
      }
    });

    test.each([
      [
        "renamed",
        (home: string) => [
          `alter schema ${home} rename to ${home}_away`,
          `alter schema ${home}_away rename to ${home}`,
        ],
      ],
      [
        "closed to the login",
        (home: string) => [
          `revoke usage on schema ${home} from ${town.roles.app}`,
          `grant usage on schema ${home} to ${town.roles.app}`,
        ],
      ],
    ])("a schema %s under the process is answered from nowhere else", async (_what, change) => {
      const [away, back] = change(town.homes["carla"]!) as [string, string];
      const eye = town.eye("carla");
      expect(await town.as("carla", OWN)).toEqual(own("carla"));
      await eye.query(away);
      try {
        for (const text of [
          OWN,
          "select name from plans",
          "insert into orders (id) values (51)",
          "select 1",
        ]) {
          await expect(town.as("carla", text)).rejects.toMatchObject({ code: "PW_PLACEMENT" });
        }
        for (const slug of ["anna", "dan"]) expect(await town.as(slug, OWN)).toEqual(own(slug));
      } finally {
        await eye.query(back);
      }
      expect(await town.as("carla", OWN)).toEqual(own("carla"));
      await untouched();
    });

    test("a schema dropped under the process is answered from nowhere else", async () => {
      await town.settle({ slug: "kit", strategy: "schema" });
      expect(await town.as("kit", OWN)).toEqual(own("kit"));
      await town.eye("kit").query(`drop schema ${town.homes["kit"]} cascade`);
      for (const text of [OWN, "insert into orders (id) values (51)"]) {
        await expect(town.as("kit", text)).rejects.toMatchObject({ code: "PW_PLACEMENT" });
      }
      await untouched();
    });

    test("a tenant with a login of its own is out of the shared login's reach, and the others out of hers", async () => {
      expect(await town.as("eve", OWN)).toEqual(own("eve"));
      for (const slug of ["anna", "carla"]) {
        await expect(town.as(slug, `select * from ${table("eve")}`)).rejects.toMatchObject({
          code: "42501",
        });
        await expect(town.as(slug, `delete from ${table("eve")}`)).rejects.toMatchObject({
          code: "42501",
        });
      }
      for (const other of [table("dan"), table("carla"), "public.orders"]) {
        for (const text of [
          `select * from ${other}`,
          `update ${other} set note = 'x'`,
          `insert into ${other} (id) values (1)`,
        ]) {
          await expect(town.as("eve", text)).rejects.toMatchObject({ code: "42501" });
        }
      }
      await untouched();
    });

    test("a sibling's table can be locked, and a shared table behind the schema answers", async () => {
      // Both conceded in the documents.
      await lent("carla", async (client) => {
        await client.query("begin");
        await client.query(`lock table ${table("dan")} in access exclusive mode`);
        await client.query("rollback");
      });
      expect(await town.as("carla", "select name from plans order by name")).toEqual([
        { name: "free" },
        { name: "pro" },
      ]);
      await expect(
        lent("carla", async (client) => {
          await client.query("begin");
          try {
            await client.query(`lock table ${table("eve")} in access exclusive mode`);
          } finally {
            await client.query("rollback");
          }
        }),
      ).rejects.toMatchObject({ code: "42501" });
    });

    test("central scope sees no tenant's schema, system scope all of them", async () => {
      const central = (text: string) => town.pw.central(() => town.pool.query(text));
      expect((await central("select count(*)::int as n from common.plans")).rows).toEqual([
        { n: 2 },
      ]);
      for (const slug of ["carla", "dan"]) {
        for (const text of [
          `select * from ${table(slug)}`,
          `delete from ${table(slug)}`,
          `set search_path = ${town.homes[slug]}; select * from orders`,
        ]) {
          await expect(central(text)).rejects.toMatchObject({ code: "PW_CENTRAL_SCOPE" });
        }
      }
      await expect(central(`select * from ${table("eve")}`)).rejects.toMatchObject({
        code: "42501",
      });
      for (const slug of SLUGS) {
        const { rows } = await town.pw.system({ reason: "a count" }, () =>
          town.pool.query(`select note from ${table(slug)} where tenant_id = $1 order by id`, [
            town.id(slug),
          ]),
        );
        expect(rows).toEqual(own(slug));
      }
      await untouched();
    });
  });
}
