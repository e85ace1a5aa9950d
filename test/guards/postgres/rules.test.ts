import pg from "pg";
import { applyWall, type SealForm } from "partywall/guards/postgres";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { auditDatabase } from "../../../src/guards/postgres/audit/audit.js";
import { describeEngine } from "../../support/engine.js";
import { urlAs } from "../../support/postgres.js";
import { repeated } from "../../support/roles.js";
import { buildWorld, type World } from "./world.js";

const TABLES = `
create table totals (tenant_id uuid not null, order_id int not null, n int not null, primary key (tenant_id, order_id));
create table log (tenant_id uuid not null, id int, line text);
create view open_orders with (security_invoker = true) as select id, note from orders where amount > 0;`;

interface Attack {
  readonly name: string;
  /** The rule, whose action would reach the rows that have the same ids. */
  readonly rule: string;
  /** What tenant A sends. */
  readonly send: string;
  /** What A has of it then, so that the rule is known to have run. */
  readonly own: string;
}

const ATTACKS: readonly Attack[] = [
  {
    name: "ALSO on INSERT, updating another table",
    rule: "create rule attack as on insert to orders do also update totals set n = n + 1 where order_id = new.id",
    send: "insert into orders (id, note) values (7, 'a7')",
    own: "select n = 2 as ran from totals where tenant_id = $1 and order_id = 7",
  },
  {
    name: "ALSO on UPDATE, deleting from another table",
    rule: "create rule attack as on update to orders do also delete from totals where order_id = old.id",
    send: "update orders set note = 'x' where id = 1",
    own: "select not exists (select from totals where tenant_id = $1 and order_id = 1) as ran",
  },
  {
    name: "ALSO on DELETE, with a condition",
    rule: "create rule attack as on delete to orders where old.amount > 0 do also update totals set n = 99 where order_id = old.id",
    send: "delete from orders where id = 2",
    own: "select n = 99 as ran from totals where tenant_id = $1 and order_id = 2",
  },
  {
    name: "INSTEAD on DELETE, updating the table itself",
    rule: "create rule attack as on delete to orders do instead update orders set note = 'gone' where id = old.id",
    send: "delete from orders where id = 2",
    own: "select note = 'gone' as ran from orders where tenant_id = $1 and id = 2",
  },
  {
    name: "INSTEAD on INSERT, for rows that are named by nobody",
    rule: "create rule attack as on insert to log do instead update totals set n = 99",
    send: "insert into log (line) values ('x')",
    own: "select bool_and(n = 99) as ran from totals where tenant_id = $1",
  },
  {
    name: "INSTEAD on INSERT, into a tenant that the statement names",
    rule: "create rule attack as on insert to log do instead insert into totals (tenant_id, order_id, n) values (new.tenant_id, 50, 0)",
    send: "insert into log (tenant_id, line) values ('@b@', 'x')",
    own: "select true as ran where $1::text <> ''",
  },
  {
    name: "reading another tenant table in INSERT … SELECT",
    rule: "create rule attack as on update to orders do also insert into log (id, line) select c.id, c.name from customers c where c.id = old.id",
    send: "update orders set note = 'x' where id = 3",
    own: "select string_agg(line, ',') = 'a3' as ran from log where tenant_id = $1",
  },
  {
    name: "a condition that reads another tenant table",
    rule: "create rule attack as on update to orders where (select count(*) from customers where id = old.id) > 1 do also insert into log (line) values ('two')",
    send: "update orders set note = 'x' where id = 3",
    own: "select not exists (select from log where tenant_id = $1) as ran",
  },
  {
    name: "INSTEAD on a view, deleting",
    rule: "create rule attack as on delete to open_orders do instead delete from orders where id = old.id",
    send: "delete from open_orders where id = 3",
    own: "select not exists (select from orders where tenant_id = $1 and id = 3) as ran",
  },
  {
    name: "INSTEAD on a view, several actions",
    rule: "create rule attack as on update to open_orders do instead (update orders set note = new.note where id = old.id; update totals set n = 99 where order_id = old.id; notify nobody)",
    send: "update open_orders set note = 'x' where id = 3",
    own: "select n = 99 as ran from totals where tenant_id = $1 and order_id = 3",
  },
];

for (const seal of ["parameter", "mac"] satisfies SealForm[]) {
  describeEngine("postgres", `rules that act as the owner of their table (${seal})`, () => {
    let world: World;
    let owner: string;
    let wall: () => Promise<unknown>;
    const audit = async () => {
      const { app, system } = world.roles;
      const subject = { login: app, system, migrator: owner, tenantColumn: "tenant_id" };
      const found = await auditDatabase(world.unguarded, subject);
      return found.filter(({ code }) => code.startsWith("rule")).map(({ code }) => code);
    };
    const all = async () => {
      const found: unknown[] = [];
      for (const table of ["orders", "totals", "log", "customers"]) {
        const { rows } = await world.unguarded.query(
          `select * from ${table} where tenant_id = $1 order by ${table}::text`,
          [world.b.id],
        );
        found.push(rows);
      }
      return found;
    };
    const send = (sql: string) =>
      world.pw.run(world.a.id, () => world.pool.query(sql.replace("@b@", world.b.id)));

    beforeAll(async () => {
      world = await buildWorld({ seal, ddl: TABLES, tables: ["totals", "log"] });
      owner = `${world.database.name}_keeper`;
      await world.unguarded.query(`create role ${owner} login password 'secret'`);
      for (const table of ["customers", "orders", "totals", "log", "open_orders"]) {
        await world.unguarded.query(`alter table ${table} owner to ${owner}`);
      }
      await world.unguarded.query(
        `grant select, insert, update, delete on open_orders to ${world.roles.app}`,
      );
      wall = () =>
        applyWall(world.unguarded, {
          roles: { ...world.roles, owner: world.owner, migrator: owner },
          tables: ["customers", "orders", "totals", "log"],
          seal,
        });
    });
    afterAll(() => world.close());

    beforeEach(async () => {
      await world.unguarded.query("drop rule if exists attack on orders");
      await world.unguarded.query("drop rule if exists attack on log");
      await world.unguarded.query("drop rule if exists attack on open_orders");
      await world.unguarded.query("truncate totals, log, orders, customers");
      await world.unguarded.query(
        `insert into customers (tenant_id, id, email, name) select t::uuid, n, n || '@example.com', case t when $1 then 'a' else 'b' end || n
         from unnest(array[$1, $2]) t, generate_series(1, 3) n`,
        [world.a.id, world.b.id],
      );
      await world.unguarded.query(
        "insert into orders (tenant_id, id, customer_id, amount) select tenant_id, id, id, 10 from customers",
      );
      await world.unguarded.query(
        "insert into totals select t::uuid, n, 1 from unnest($1::text[]) t, unnest(array[1, 2, 3, 7]) n",
        [[world.a.id, world.b.id]],
      );
    });

    test.each(ATTACKS)("$name reaches no other tenant", async ({ rule, send: sql, own }) => {
      await world.unguarded.query(rule);
      await wall();
      const before = await all();
      await send(sql).catch((error: { code?: string }) =>
        expect(error.code).toBe("PW_WRITE_MISMATCH"),
      );
      expect(await all()).toEqual(before);
      const { rows } = await world.unguarded.query(own, [world.a.id]);
      expect(rows[0]).toEqual({ ran: true });
    });

    test.each(ATTACKS)("$name does so without the policy", async ({ rule, send: sql, own }) => {
      await world.unguarded.query(rule);
      await wall();
      for (const table of ["orders", "totals", "log", "customers"]) {
        await world.unguarded.query(`drop policy if exists partywall_as_${owner} on ${table}`);
      }
      const before = await all();
      await send(sql);
      const { rows } = await world.unguarded.query(own, [world.a.id]);
      const isSame = JSON.stringify(await all()) === JSON.stringify(before);
      expect({ isSame, ...rows[0] }).not.toEqual({ isSame: true, ran: true });
    });

    test.each(ATTACKS)(
      "$name is refused where no tenant is sealed",
      async ({ rule, send: sql }) => {
        await world.unguarded.query(rule);
        await wall();
        const before = await all();
        const plain = new pg.Client({ connectionString: world.appUrl });
        await plain.connect();
        try {
          await expect(plain.query(sql.replace("@b@", world.b.id))).rejects.toMatchObject({
            code: expect.stringMatching(/^(?:PW001|42501)$/),
          });
        } finally {
          await plain.end();
        }
        expect(await all()).toEqual(before);
      },
    );

    // PostgreSQL's own: a foreign key's action is under no policy of the owner. The planner asks about such rules.
    test("a rule that a foreign key's CASCADE fires is under no policy at all", async () => {
      await world.unguarded.query(
        "create rule attack as on delete to orders do also update totals set n = 99 where order_id = old.id",
      );
      await wall();
      expect(await audit()).toEqual(["rule-fired-by-foreign-key"]);
      await send("delete from customers where id = 1");
      const { rows } = await world.unguarded.query("select from totals where n = 99");
      expect(rows).toHaveLength(2);
    });

    test("the audit finds the rules of an owner to whom no policy applies, unless they only insert", async () => {
      await world.unguarded.query(ATTACKS[0]!.rule);
      await wall();
      await repeated(() => world.unguarded.query(`alter role ${owner} bypassrls`));
      try {
        expect(await audit()).toEqual(["rule-bypasses-policies"]);
        await world.unguarded.query(
          "create or replace rule attack as on insert to orders do also insert into log (line) values (new.note)",
        );
        expect(await audit()).toEqual([]);
        await world.unguarded.query(
          "create or replace rule attack as on insert to orders do instead nothing",
        );
        expect(await audit()).toEqual([]);
      } finally {
        await repeated(() => world.unguarded.query(`alter role ${owner} nobypassrls`));
      }
    });

    test("a migration of the owner sees and changes every row, and its rules too", async () => {
      await world.unguarded.query(ATTACKS[0]!.rule);
      await wall();
      const migrator = new pg.Client({
        connectionString: urlAs(world.database.url, { user: owner, password: "secret" }),
      });
      await migrator.connect();
      try {
        expect((await migrator.query("update totals set n = 5")).rowCount).toBe(8);
        await migrator.query("insert into orders (tenant_id, id) values ($1, 7)", [world.a.id]);
        expect((await migrator.query("select from totals where n = 6")).rowCount).toBe(2);
      } finally {
        await migrator.end();
      }
    });

    test("the audit and the self-test find the policy missing or changed", async () => {
      await world.unguarded.query(ATTACKS[0]!.rule);
      await wall();
      const policy = `partywall_as_${owner}`;
      const faults = [
        `drop policy ${policy} on totals`,
        `alter policy ${policy} on totals using (true)`,
        `alter policy ${policy} on totals with check (true)`,
        `alter policy ${policy} on totals to ${world.roles.system}`,
        `drop policy ${policy} on totals; create policy ${policy} on totals to ${owner} using (true)`,
        `alter policy ${policy} on totals using (n is not distinct from coalesce((select partywall.confined_bigint('${owner}')), n)) with check (n is not distinct from coalesce((select partywall.confined_bigint('${owner}')), n))`,
        `alter policy ${policy} on totals using (tenant_id is not distinct from coalesce((select partywall.confined_uuid('${world.roles.app}')), tenant_id)) with check (tenant_id is not distinct from coalesce((select partywall.confined_uuid('${world.roles.app}')), tenant_id))`,
      ];
      expect(await audit()).toEqual([]);
      await world.pw.ready();
      for (const fault of faults) {
        await world.unguarded.query(fault);
        expect(await audit(), fault).toEqual(["rule-unconfined"]);
        await expect(world.pw.ready(), fault).rejects.toThrow("a rule acts on a tenant table");
        await wall();
        expect(await audit(), fault).toEqual([]);
        await world.pw.ready();
      }
    });
  });
}
