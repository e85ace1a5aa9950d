import { once } from "node:events";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { to as copyTo } from "pg-copy-streams";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { brief, rolloutWorld, type RolloutWorld } from "./rollout-world.js";

const FILE = fileURLToPath(import.meta.url);
let texts = 0;
/** A text not seen before, for what is alike is told once only. */
const fresh = (text: string) => `${text} -- ${(texts += 1)}`;

for (const seal of ["parameter", "mac"] as const) {
  describeEngine("postgres", `a table in rollout, behind the ${seal} seal`, () => {
    let world: RolloutWorld;
    beforeAll(async () => {
      world = await rolloutWorld({
        seal,
        tables: { orders: "observe" },
        max: 2,
        ddl: `create table events (tenant_id uuid not null, id int, day int) partition by range (day);
          create table events_1 partition of events for values from (0) to (10);
          create table events_2 partition of events for values from (10) to (20);`,
        more: ["events"],
      });
    });
    afterEach(async () => {
      await world.stage({ orders: "observe" });
      await world.unguarded.query("delete from orders where id > 3 or note is null");
      await world.told();
    });
    afterAll(() => world.close());

    const as = (tenant: "a" | "b", text: string, values?: unknown[]) =>
      world.pw.run(world[tenant].id, () => world.pool.query(fresh(text), values));

    test("observed, reads are not filtered, and are told", async () => {
      expect((await as("a", "select note from orders")).rows).toHaveLength(6);
      const [told, ...more] = await world.told();
      expect(more).toEqual([]);
      expect(told).toMatchObject({
        kind: "read",
        table: "public.orders",
        mode: "observe",
        tenantId: world.a.id,
        count: 1,
      });
    });

    test.each([
      ["own rows by their key", "select * from orders where tenant_id = $1 and id = 1"],
      ["own rows, the table read from end to end", "select * from orders where tenant_id = $1"],
      ["an own row changed", "update orders set note = note where tenant_id = $1"],
      ["an own row deleted", "delete from orders where tenant_id = $1 and id = 9"],
      ["an own row written", "insert into orders (tenant_id, id) values ($1, 9)"],
      [
        "an own row written twice",
        "insert into orders (tenant_id, id) values ($1, 1) on conflict (tenant_id, id) do update set amount = 0",
      ],
    ])("%s: nothing is told", async (_, text) => {
      await as("a", text, [world.a.id]);
      expect(await world.told()).toEqual([]);
    });

    test.each([
      ["a count", "select count(*) from orders", ["read"]],
      ["a join", "select * from customers c join orders o on o.customer_id = c.id", ["read"]],
      [
        "a sub-select",
        "select (select max(o.amount) from orders o where o.id = c.id) from customers c",
        ["read"],
      ],
      [
        "a CTE named twice",
        "with o as materialized (select * from orders) select * from o, o p",
        ["read"],
      ],
      [
        "two reads of one table",
        "select (select count(*) from orders), (select max(id) from orders)",
        ["read"],
      ],
      ["EXPLAIN ANALYZE", "explain analyze select * from orders", ["read"]],
      [
        "another's row changed",
        "update orders set note = note where tenant_id = $1",
        ["read", "write"],
      ],
      ["another's row deleted", "delete from orders where tenant_id = $1 and id = 1", ["read"]],
      ["another's row locked", "select * from orders where tenant_id = $1 for update", ["read"]],
      [
        "a row written for another",
        "insert into orders (tenant_id, id) values ($1, 10), ($1, 11)",
        ["write"],
      ],
      [
        "a row given to another",
        "update orders set tenant_id = $1, id = 12 where tenant_id <> $1 and id = 2",
        ["read", "write"],
      ],
      [
        "a row written for another, returned",
        "insert into orders (tenant_id, id) values ($1, 13) returning id",
        ["read", "write"],
      ],
      [
        "another's row met by a conflict",
        "insert into orders (tenant_id, id) values ($1, 2) on conflict (tenant_id, id) do update set note = 'met'",
        ["read", "write"],
      ],
      [
        "a MERGE",
        "merge into orders o using (values ($1::uuid, 3)) v (t, id) on o.tenant_id = v.t and o.id = v.id when matched then update set note = 'merged'",
        ["read", "write"],
      ],
    ])("%s is told once of each kind", async (_, text, kinds) => {
      const statement = fresh(text);
      const client = await world.pool.connect();
      try {
        await world.pw.run(world.a.id, async () => {
          await client.query("begin");
          await client.query(statement, text.includes("$1") ? [world.b.id] : undefined);
          await client.query("rollback");
        });
      } finally {
        client.release();
      }
      const told = await world.told();
      expect(told.map(({ kind }) => kind).toSorted()).toEqual(kinds);
      for (const one of told)
        expect(one).toMatchObject({ statement, tenantId: world.a.id, count: 1 });
    });

    test("what waited for another's change of an own row is told, though it met only that", async () => {
      const { unguarded } = world;
      await unguarded.query("begin");
      await unguarded.query("update orders set amount = 11 where note = 'a1'");
      const waiting = as("a", "update orders set amount = 12 where tenant_id = $1 and id = 1", [
        world.a.id,
      ]);
      await expect
        .poll(async () => {
          const { rows } = await unguarded.query(
            "select count(*)::int as n from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.datname = current_database()",
          );
          return rows[0].n;
        })
        .toBeGreaterThan(0);
      await unguarded.query("commit");
      await waiting;
      expect(brief(await world.told())).toEqual(["read public.orders observe"]);
    });

    test("COPY is not told: what reads its stream drops notices", async () => {
      const client = await world.pool.connect();
      try {
        await world.pw.run(world.a.id, async () => {
          const stream = client.query(copyTo(fresh("copy (select * from orders) to stdout")));
          stream.resume();
          await once(stream, "end");
        });
      } finally {
        client.release();
      }
      expect(await world.told()).toEqual([]);
    });

    test("explained only, a statement is not told", async () => {
      await as("a", "explain select * from orders");
      expect(await world.told()).toEqual([]);
    });

    test("what the wall would do is done where a table is enforced, beside one that is not", async () => {
      const both =
        "select c.name, o.note from customers c left join orders o on o.id = c.id order by 1, 2";
      const { rows } = await as("a", both);
      expect(rows.map((row) => row.name)).toEqual(["a1", "a1", "a2", "a2", "a3", "a3"]);
      expect(brief(await world.told())).toEqual(["read public.orders observe"]);
    });

    test("observed, a row is written as the default was before", async () => {
      await as("b", "insert into orders (id, note) values (20, 'defaulted')");
      expect(await world.rows("orders", world.a)).toContainEqual(
        expect.objectContaining({ id: 20, note: "defaulted" }),
      );
      // It has become A's row, by B's statement.
      expect(brief(await world.told())).toEqual(["write public.orders observe"]);
    });

    test("stamped, a row is written as the current tenant's, and reads are told", async () => {
      await world.stage({ orders: "stamp" });
      await as("b", "insert into orders (id, note) values (21, 'stamped')");
      expect(await world.told()).toEqual([]);
      expect(await world.rows("orders", world.b)).toContainEqual(
        expect.objectContaining({ id: 21, note: "stamped" }),
      );
      expect((await as("b", "select id from orders")).rows).toHaveLength(7);
      expect(brief(await world.told())).toEqual(["read public.orders stamp"]);
    });

    test("stamped, a row that names another tenant is written and told", async () => {
      await world.stage({ orders: "stamp" });
      await as("b", "insert into orders (tenant_id, id) values ($1, 22)", [world.a.id]);
      expect(brief(await world.told())).toEqual(["write public.orders stamp"]);
      expect(await world.rows("orders", world.a)).toContainEqual(
        expect.objectContaining({ id: 22 }),
      );
    });

    test("stamped, what is written in no tenant's scope gets the default of before", async () => {
      await world.stage({ orders: "stamp" });
      const text = fresh("insert into orders (id) values (23)");
      await world.pw.central(() => world.pool.query(text));
      expect(await world.rows("orders", world.a)).toContainEqual(
        expect.objectContaining({ id: 23 }),
      );
      expect(await world.told()).toMatchObject([
        { kind: "write", table: "public.orders", statement: text, tenantId: undefined },
      ]);
    });

    test("a table moves from mode to mode under a running instance", async () => {
      const count = async () => (await as("a", "select count(*)::int as n from orders")).rows[0].n;
      expect(await count()).toBe(6);
      await world.stage({ orders: "stamp" });
      expect(await count()).toBe(6);
      await world.stage();
      expect(await count()).toBe(3);
      await world.stage({ orders: "observe" });
      expect(await count()).toBe(6);
      expect(brief(await world.told())).toEqual([
        "read public.orders observe",
        "read public.orders stamp",
        "read public.orders observe",
      ]);
    });

    test("a partitioned table tells under the name that the statement gave", async () => {
      for (const tenant of ["a", "b"] as const)
        await as(tenant, "insert into events values (default, 1, 1), (default, 2, 11)");
      await world.stage({ events: "observe" });
      expect((await as("a", "select * from events")).rows).toHaveLength(4);
      expect((await as("a", "select * from events_2")).rows).toHaveLength(2);
      expect(brief(await world.told())).toEqual([
        "read public.events observe",
        "read public.events_2 observe",
      ]);
    });

    test("a plan that would run in parallel tells nothing of own rows", async () => {
      const client = await world.pool.connect();
      try {
        await world.pw.run(world.a.id, async () => {
          for (const setting of [
            "parallel_setup_cost = 0",
            "parallel_tuple_cost = 0",
            "min_parallel_table_scan_size = 0",
            "enable_indexscan = off",
            "enable_bitmapscan = off",
          ])
            await client.query(`set ${setting}`);
          await client.query(fresh("select count(*) from orders where tenant_id = $1"), [
            world.a.id,
          ]);
          expect(await world.told()).toEqual([]);
          await client.query(fresh("select count(*) from orders"));
        });
      } finally {
        client.release();
      }
      expect(brief(await world.told())).toEqual(["read public.orders observe"]);
    });

    test("a cursor, a stream and a query object are told with their text", async () => {
      const reads = ["cursor", "stream", "object"].map(() => fresh("select * from orders"));
      const client = await world.pool.connect();
      try {
        await world.pw.run(world.a.id, async () => {
          const cursor = client.query(new Cursor(reads[0] as string));
          await cursor.read(100);
          await cursor.close();
          const stream = client.query(new QueryStream(reads[1] as string));
          stream.resume();
          await once(stream, "close");
          const object = new pg.Query({ text: reads[2] as string });
          client.query(object);
          await once(object, "end");
        });
      } finally {
        client.release();
      }
      const told = await world.told();
      expect(told.map(({ statement }) => statement)).toEqual(reads);
      for (const one of told) expect(one.callSite).toContain(FILE);
    });

    test("a pipelining client tells of each statement by itself", async () => {
      const client = new world.guard.Client({
        connectionString: world.appUrl,
        pipeline: true,
      });
      await client.connect();
      const reads = [
        fresh("select * from orders"),
        fresh("select 1"),
        fresh("select * from orders"),
      ];
      try {
        await world.pw.run(world.a.id, () => Promise.all(reads.map((text) => client.query(text))));
      } finally {
        await client.end();
      }
      expect((await world.told()).map(({ statement }) => statement)).toEqual([reads[0], reads[2]]);
    });

    test("several statements in one text are told with the whole text", async () => {
      const text = fresh("select 1; select * from orders; select 2;");
      await world.pw.run(world.a.id, () => world.pool.query(text));
      expect(await world.told()).toMatchObject([{ kind: "read", statement: text }]);
    });

    test("a report holds no parameter and no row", async () => {
      await as("a", "select note from orders where note <> $1", ["a parameter's value"]);
      const told = JSON.stringify(await world.told());
      expect(told).toContain("note <> $1");
      expect(told).not.toMatch(/a parameter's value|\bb[123]\b/);
      expect(told).not.toContain(world.b.id);
    });

    async function listOrders() {
      return world.pool.query(fresh("select * from orders"));
    }

    test("the call site is the application's own line, by whichever way it asks", async () => {
      const asked = [
        () => listOrders(),
        async () => {
          const client = await world.pool.connect();
          try {
            await listWith(client);
          } finally {
            client.release();
          }
        },
        () =>
          new Promise((resolve) => {
            world.pool.query(fresh("select * from orders"), resolve);
          }),
      ];
      for (const ask of asked) await world.pw.run(world.a.id, ask);
      const sites = (await world.told()).map(({ callSite }) => callSite);
      expect(sites).toHaveLength(3);
      expect(sites[0]).toMatch(/listOrders \(/);
      expect(sites[1]).toMatch(/listWith \(/);
      for (const site of sites) expect(site).toContain(`${FILE}:`);
    });

    async function listWith(client: pg.PoolClient) {
      return client.query(fresh("select * from orders"));
    }

    test("a connection's notices are passed on, but not these", async () => {
      await world.unguarded
        .query(`create or replace function public.shout() returns int language plpgsql as
        $$ begin raise notice 'hear'; raise notice 'forged' using errcode = 'PW101'; return 1; end $$`);
      const client = await world.pool.connect();
      const heard: (string | undefined)[] = [];
      client.on("notice", (notice) => heard.push(notice.message));
      try {
        await world.pw.run(world.a.id, async () => {
          await client.query(fresh("select public.shout(), count(*) from orders"));
        });
      } finally {
        client.release();
        await world.unguarded.query("drop function public.shout()");
      }
      expect(heard).toEqual(["hear", "forged"]);
      expect(brief(await world.told())).toEqual(["read public.orders observe"]);
    });

    test("an error is what it was", async () => {
      await expect(as("a", "select * from orders where 1 / (id - 1) > 0")).rejects.toMatchObject({
        code: "22012",
      });
      await expect(as("a", "select * from nowhere")).rejects.toMatchObject({ code: "42P01" });
      await expect(
        as("a", "insert into customers (tenant_id, id, email) values ($1, 9, 'x')", [world.b.id]),
      ).rejects.toMatchObject({ code: "PW_WRITE_MISMATCH" });
    });
  });
}
