import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import {
  answer,
  expectRepelled,
  expectStanding,
  raid,
  raidedWorld,
  SEALS,
  truth,
  type World,
} from "./raid.js";

const DDL = `
create table loose (tenant_id uuid not null, id uuid primary key default gen_random_uuid(), note text);
create table tied (tenant_id uuid not null, id int not null, loose_id uuid references loose (id) on delete cascade, primary key (tenant_id, id));
create table contacts (tenant_id uuid not null, id int not null, email text unique, primary key (tenant_id, id));
create table bounded (tenant_id uuid not null, id int not null, n int check (n < 100), secret text, primary key (tenant_id, id));
`;

for (const seal of SEALS) {
  describeEngine(
    "postgres",
    `constraints as a way to the neighbour, under the ${seal} seal`,
    () => {
      let world: World;
      beforeAll(async () => {
        world = await raidedWorld(seal, {
          ddl: DDL,
          tables: ["loose", "tied", "contacts", "bounded"],
        });
      });
      afterAll(() => world.close());

      const inA = <T>(fn: () => T) => world.pw.run(world.a.id, fn);
      const inB = <T>(fn: () => T) => world.pw.run(world.b.id, fn);

      test("a foreign key cannot name another tenant's row", async () => {
        await world.unguarded.query(
          "insert into customers (tenant_id, id, email, name) values ($1, 77, 'only@b', 'b1')",
          [world.b.id],
        );
        for (const sql of [
          "insert into orders (id, customer_id) values (70, 77)",
          "update orders set customer_id = 77",
          `insert into orders (tenant_id, id, customer_id) values ('${world.b.id}', 70, 77)`,
          `update orders set tenant_id = '${world.b.id}', customer_id = 77`,
        ]) {
          const loot = await expectRepelled(world, sql);
          expect(JSON.stringify(loot.text), sql).toMatch(/"23503"|PW_WRITE_MISMATCH/);
        }
      });

      test("a cascade stays in its tenant", async () => {
        await inA(() =>
          world.pool.query("insert into customers (id, email) values (77, 'only@a')"),
        );
        await inA(() => world.pool.query("insert into orders (id, customer_id) values (71, 77)"));
        await inB(() =>
          world.pool.query("insert into orders (id, customer_id, note) values (71, 77, 'b1')"),
        );
        await expectStanding(world, () =>
          inA(() => world.pool.query("delete from customers where id = 77")),
        );
        expect(await world.rows("orders", world.b)).toContainEqual(
          expect.objectContaining({ id: 71, customer_id: 77 }),
        );
        expect((await world.rows("orders", world.a)).map((row) => row["id"])).not.toContain(71);
      });

      test("a key cannot be moved into another tenant", async () => {
        for (const sql of [
          `update customers set tenant_id = '${world.b.id}'`,
          `update customers set tenant_id = '${world.b.id}', id = id + 500`,
          `with moved as (update customers set tenant_id = '${world.b.id}' returning *) select * from moved`,
        ]) {
          expect(JSON.stringify((await expectRepelled(world, sql)).text)).toContain(
            "PW_WRITE_MISMATCH",
          );
        }
      });

      test("a foreign key without the tenant does cross: what the composite key is for", async () => {
        const { rows } = await inB(() =>
          world.pool.query("insert into loose (note) values ('b1') returning id"),
        );
        const id = String(rows[0].id);
        // The reference is accepted although A cannot see the row, and B's delete reaches A's. See docs/security.md.
        expect(
          await inA(() =>
            answer(world.pool.query(`insert into tied (id, loose_id) values (1, '${id}')`)),
          ),
        ).toEqual([]);
        await inB(() => world.pool.query("delete from loose"));
        expect(await world.rows("tied", world.a)).toEqual([]);
      });

      test("one value may be unique in each tenant, and twice in none", async () => {
        const sql = "insert into customers (id, email) values (88, 'same@example.com')";
        await inA(() => world.pool.query(sql));
        await inB(() => world.pool.query(sql));
        expect(
          await raid(world, "insert into customers (id, email) values (89, 'same@example.com')"),
        ).toMatchObject({
          refused: { code: "23505", constraint: "customers_tenant_id_email_key" },
        });
        await inA(() => world.pool.query("delete from customers where id = 88"));
        await inB(() => world.pool.query("delete from customers where id = 88"));
      });

      test("ON CONFLICT finds only the tenant's own rows", async () => {
        const loot = await expectRepelled(
          world,
          `insert into customers (id, email, name) select 200 + n, 'c' || n || '@example.com', 'upserted' from generate_series(1, 3) n
         on conflict (tenant_id, email) do update set name = excluded.name returning name`,
        );
        expect(loot.text).toEqual([
          { name: "upserted" },
          { name: "upserted" },
          { name: "upserted" },
        ]);
      });

      test("a unique key without the tenant tells that a value exists elsewhere, and no more", async () => {
        await inB(() =>
          world.pool.query("insert into contacts (id, email) values (1, 'taken@example.com')"),
        );
        const loot = await raid(
          world,
          "insert into contacts (id, email) values (1, 'taken@example.com')",
        );
        expect(loot).toMatchObject({ refused: { code: "23505" } });
        expect(JSON.stringify(loot)).not.toContain(world.b.id);
        expect(
          await raid(
            world,
            "insert into contacts (id, email) values (1, 'taken@example.com') on conflict (email) do update set id = 5",
          ),
        ).toMatchObject({ refused: { code: "PW_WRITE_MISMATCH" } });
        expect(
          await raid(
            world,
            "insert into contacts (id, email) values (1, 'taken@example.com') on conflict do nothing returning *",
          ),
        ).toEqual([]);
      });

      test("an error of a constraint shows no other tenant's values", async () => {
        await inB(() =>
          world.pool.query("insert into bounded (id, n, secret) values (1, 5, 'b1')"),
        );
        for (const sql of [
          "update bounded set n = n + 1000",
          "insert into bounded (id, n) select id, n + 1000 from bounded",
          "insert into bounded (id, n, secret) values (1, 1000 / 2, 'mine')",
          "insert into orders (id) select id from orders",
          "delete from customers where id in (1, 2, 3) and 1 / (id - 4) < 0",
        ]) {
          await expectRepelled(world, sql);
        }
        expect(await world.rows("bounded", world.b)).toMatchObject([{ n: 5, secret: "b1" }]);
      });

      // Each condition fails on B's values and on none of A's: an error means that it was evaluated on B's rows.
      const ORACLES = [
        "select * from orders where 1 / (amount - 1000) < 5",
        "select * from orders where (substr(note, 1, 1) || amount)::text <> '' and ('x' || amount)::text is not null and (case when amount > 999 then note::int else 0 end) = 0",
        "select * from orders where amount + 2147482648 is not null",
        "select count(*) from orders where repeat('x', case when amount > 999 then -1 else 1 end) is not null and 100 / (amount - 2000) is not null",
        "select * from orders o join customers c on 1 / (o.amount - 3000) is not null and c.id = o.id",
        "select * from orders order by 1 / (amount - 1000)",
        "update orders set note = note where 1 / (amount - 1000) is not null",
        "delete from orders where 1 / (amount - 1000) > 5",
        "select * from orders where note::xml is not null or 1 / (amount - 2000) > 5",
        "select * from orders where id = 1 and 1 / (amount - 1000) is not null",
        "select * from orders where note like 'a%' and 1 / (amount - 1000) is not null",
      ];
      for (const sql of ORACLES) {
        test(`a condition that fails on a neighbour's value is never asked about it: ${sql}`, async () => {
          const before = await truth(world, world.a);
          const loot = await expectRepelled(world, sql);
          expect(loot.text).not.toHaveProperty("refused");
          expect(await truth(world, world.a)).toEqual(before);
        });
      }
    },
  );
}
