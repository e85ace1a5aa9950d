import { to as copyTo } from "pg-copy-streams";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import {
  answer,
  expectRepelled,
  expectStanding,
  raidedWorld,
  SEALS,
  traceOfB,
  WAYS,
  type World,
} from "./raid.js";

// Statements that only read: tenant A must get what a database with nothing but A's rows would give.
const READS: Record<string, (world: World) => string> = {
  everything: () => "select * from orders order by id",
  "another tenant's id": (w) => `select * from orders where tenant_id = '${w.b.id}'`,
  "or true": (w) => `select * from orders where tenant_id = '${w.b.id}' or true order by id`,
  UNION: (w) =>
    `select note from orders where id = 1 union all select note from orders where tenant_id <> '${w.a.id}'`,
  "a scalar sub-query": (w) =>
    `select (select string_agg(o.note, ',') from orders o where o.tenant_id = '${w.b.id}') as stolen`,
  "a CTE": () => "with stolen as (select * from orders) select note from stolen order by note",
  "a materialised CTE": () =>
    "with stolen as materialized (select * from public.orders) select note from stolen order by note",
  "a recursive CTE": () =>
    "with recursive r(id) as (select 1 union all select r.id + 1 from r join orders o on o.id = r.id) select * from r order by id",
  EXISTS: (w) =>
    `select exists (select from orders where tenant_id = '${w.b.id}') as there, exists (select from orders where amount > 999) as rich`,
  "NOT IN": (w) => `select id from orders where tenant_id not in ('${w.a.id}')`,
  LATERAL: () =>
    "select c.name, o.note from customers c cross join lateral (select note from orders o where o.id = c.id) o order by 1, 2",
  "a join on colliding ids": () =>
    "select c.name, o.note from customers c join orders o on o.id = c.id order by 1, 2",
  "NATURAL FULL JOIN": () =>
    "select a.note, b.note as other from orders a natural full join (select * from orders) b order by 1, 2",
  "a count": () =>
    "select count(*)::int as n, sum(amount)::int as total, max(note) as last from orders",
  "a grouping": () =>
    "select grouping(note), count(*)::int as n from orders group by rollup (note) order by 1, note",
  "a window": () => "select note, count(*) over ()::int as n from orders order by note",
  ONLY: () => "select note from only orders order by note",
  TABLE: () => "select count(*)::int as n from (table orders) t",
  TABLESAMPLE: () => "select note from orders tablesample bernoulli (100) order by note",
  "an array": () => "select array(select note from orders order by 1) as notes",
  "a whole row": () => "select to_jsonb(o) - 'tenant_id' as doc from orders o order by o.id",
  "FOR UPDATE": () => "select note from orders order by id for update",
  "ORDER BY a sub-query": (w) =>
    `select note from orders order by (select count(*) from orders where tenant_id = '${w.b.id}'), id`,
  "LIMIT by a sub-query": (w) =>
    `select note from orders order by id limit (select 1 + count(*) from orders where tenant_id = '${w.b.id}')`,
  "a function that takes a query": () =>
    "select query_to_xml('select note from orders order by id', false, false, '')::text as stolen",
  "a function that takes a table": () =>
    "select table_to_xml('orders', false, false, '')::text like '%a1%' as own",
  "words of a query": () =>
    "select word from ts_stat('select to_tsvector(''simple'', note) from orders') order by word",
  comments: () => "select/**/note/* ; */from--\norders/*/* nested */*/order by 1",
};

// Statements that would change rows; what A's own rows become is A's affair.
const WRITES: Record<string, (world: World) => string> = {
  "UPDATE without WHERE": () => "update orders set note = 'taken'",
  "UPDATE by tenant": (w) => `update orders set note = 'taken' where tenant_id = '${w.b.id}'`,
  "UPDATE that gives rows away": (w) => `update orders set tenant_id = '${w.b.id}' where id = 3`,
  "UPDATE FROM": () => "update orders o set note = s.name from customers s where s.id = o.id",
  "a modifying CTE": (w) =>
    `with gone as (delete from orders where tenant_id = '${w.b.id}' returning *) select * from gone`,
  "DELETE of everything, taken back": () =>
    "with gone as (delete from orders returning *) insert into orders select * from gone where false returning id",
  "DELETE USING": (w) =>
    `delete from orders o using customers c where c.id = o.id and c.tenant_id = '${w.b.id}'`,
  "INSERT with the other's id": (w) =>
    `insert into orders (tenant_id, id, note) values ('${w.b.id}', 60, 'planted')`,
  "INSERT SELECT of the other's rows": (w) =>
    `insert into orders (id, note) select id + 70, note from orders where tenant_id = '${w.b.id}'`,
  "INSERT SELECT with the other's id": (w) =>
    `insert into orders (tenant_id, id, note) select '${w.b.id}', id + 80, note from orders`,
  "ON CONFLICT over the other's key": (w) =>
    `insert into orders (tenant_id, id, note) values ('${w.b.id}', 1, 'planted') on conflict (tenant_id, id) do update set note = 'taken'`,
  "ON CONFLICT that gives the row away": (w) =>
    `insert into orders (id, note) values (1, 'mine') on conflict (tenant_id, id) do update set tenant_id = '${w.b.id}'`,
  "ON CONFLICT DO NOTHING over the other's key": (w) =>
    `insert into orders (tenant_id, id) values ('${w.b.id}', 1) on conflict do nothing returning *`,
  "MERGE into the other's rows": (w) =>
    `merge into orders o using (values (1), (2)) s(id) on o.id = s.id and o.tenant_id = '${w.b.id}' when matched then update set note = 'taken'`,
  "MERGE that inserts for the other": (w) =>
    `merge into orders o using (values (90)) s(id) on o.id = s.id when not matched then insert (tenant_id, id) values ('${w.b.id}', s.id)`,
  "MERGE that deletes": () =>
    "merge into orders o using (values (1000), (2000), (3000)) s(amount) on o.amount = s.amount when matched then delete",
  TRUNCATE: () => "truncate orders",
  "TRUNCATE CASCADE": () => "truncate customers cascade",
  "COPY FROM": () => "copy orders (id) from stdin",
  LOCK: () => "lock table orders in share mode",
};

for (const seal of SEALS) {
  describeEngine("postgres", `another tenant's rows, under the ${seal} seal`, () => {
    let world: World;
    beforeAll(async () => {
      world = await raidedWorld(seal);
      // The oracle: the same tables with nobody's rows but A's.
      await world.unguarded.query(`create schema only_a`);
      for (const table of ["orders", "customers"]) {
        await world.unguarded.query(
          `create table only_a.${table} as select * from public.${table} where tenant_id = '${world.a.id}'`,
        );
      }
    });
    afterAll(() => world.close());

    const alone = async (sql: string) => {
      await world.unguarded.query("set search_path = only_a");
      try {
        return await answer(world.unguarded.query(sql.replaceAll("public.", "only_a.")));
      } finally {
        await world.unguarded.query("reset search_path");
      }
    };

    for (const [title, sql] of Object.entries(READS)) {
      test(`cannot be read by ${title}`, async () => {
        const text = sql(world);
        const loot = await expectRepelled(world, text);
        const own = await alone(text);
        expect(loot.text).toEqual(own);
        expect(loot.extended).toEqual(own);
        expect((loot.several as unknown[])[1]).toEqual(own);
        expect((loot.transaction as unknown[])[0]).toEqual(own);
      });
    }

    for (const [title, sql] of Object.entries(WRITES)) {
      test(`cannot be changed by ${title}`, async () => {
        await expectRepelled(world, sql(world));
        await world.unguarded.query(
          `begin; delete from orders where tenant_id = '${world.a.id}'; delete from customers where tenant_id = '${world.a.id}';
           insert into customers select * from only_a.customers; insert into orders select * from only_a.orders; commit`,
        );
      });
    }

    test("cannot be written: the refusal has a name", async () => {
      for (const way of Object.values(WAYS)) {
        const loot = await world.pw.run(world.a.id, () =>
          answer(way(world, `insert into orders (tenant_id, id) values ('${world.b.id}', 61)`)),
        );
        expect(JSON.stringify(loot)).toContain("PW_WRITE_MISMATCH");
      }
    });

    test("cannot be copied out", async () => {
      const copied: string[] = [];
      for (const query of [
        `select note from orders where tenant_id = '${world.b.id}'`,
        "select note from orders where amount > 999",
        "table customers",
      ]) {
        await expectStanding(world, () =>
          world.pw.run(world.a.id, async () => {
            const client = await world.pool.connect();
            const stream = client.query(copyTo(`copy (${query}) to stdout`));
            for await (const chunk of stream) copied.push(String(chunk));
            client.release();
          }),
        );
      }
      expect(traceOfB(copied)).toBeUndefined();
      expect(copied.join("")).toContain("a1");
    });
  });
}
