import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { withClient } from "../../support/postgres.js";
import { answer, SEALS } from "./attacks/raid.js";
import { brief, rolloutWorld, type RolloutWorld } from "./rollout-world.js";

let texts = 0;
const fresh = (text: string) => `${text} -- ${(texts += 1)}`;
const NEVER = 4_102_444_800_000;

// What would open a table for longer, or quietly.
const TAMPERING = [
  "alter policy partywall_tenant on orders using (true) with check (true)",
  `alter policy partywall_tenant on orders using (partywall.observe('orders', 'observe', 'read', ${NEVER}))`,
  "drop policy partywall_tenant on orders",
  "create policy another on orders using (true)",
  "alter table orders disable row level security",
  "alter table orders no force row level security",
  "alter table orders owner to current_user",
  "alter table orders alter column tenant_id drop default",
  "comment on policy partywall_tenant on orders is 'stamp'",
  "create or replace function partywall.observe(target regclass, mode text, kind text, until bigint) returns boolean language sql as 'select true'",
  "create or replace function partywall.sealed_uuid(until bigint) returns uuid language sql as 'select null::uuid'",
  "alter function partywall.observe(regclass, text, text, bigint) set client_min_messages = error",
  "alter function partywall.sealed_uuid(bigint) owner to current_user",
  "drop function partywall.observe(regclass, text, text, bigint) cascade",
  "create or replace function pg_catalog.clock_timestamp() returns timestamptz language sql as 'select timestamptz ''2000-01-01'''",
  "create function public.clock_timestamp() returns timestamptz language sql as 'select timestamptz ''2000-01-01'''",
  "create function public.to_timestamp(numeric) returns timestamptz language sql as 'select timestamptz ''2999-01-01'''",
  "update pg_catalog.pg_policy set polqual = null",
  "update pg_catalog.pg_proc set prosrc = 'begin return true; end' where proname = 'observe'",
  "set session_replication_role = replica",
];

// Settings that change how times, numbers, names or plans are read; the login may set them.
const SETTINGS = [
  "timezone = 'Pacific/Kiritimati'",
  "datestyle = 'SQL, DMY'",
  "intervalstyle = 'iso_8601'",
  "timezone_abbreviations = 'India'",
  "search_path = public, pg_catalog, partywall",
  "extra_float_digits = -15",
  "plan_cache_mode = force_generic_plan",
  "constraint_exclusion = on",
  "client_min_messages = error",
  "check_function_bodies = off",
  "partywall.seal = 'forged'",
  "partywall.rollout = 'observe'",
];

// Everything a statement can do with rows that are another tenant's.
const DEEDS = [
  "select tenant_id, id, note from orders order by 1, 2",
  "select count(*)::int as n from orders",
  "select id from orders where tenant_id = $1 order by id",
  "select c.name, o.note from customers c join orders o on o.customer_id = c.id order by 1, 2",
  "select (select max(amount) from orders o where o.id = c.id) as most from customers c order by id",
  "select * from orders where tenant_id = $1 and id = 1 for update",
  "update orders set note = 'changed' where tenant_id = $1",
  "update orders set tenant_id = $1 where tenant_id <> $1 and id = 3",
  "update orders set tenant_id = $1, id = 70",
  "delete from orders where tenant_id = $1",
  "delete from orders",
  "insert into orders (tenant_id, id) values ($1, 40)",
  "insert into orders (id, note) values (41, 'stamped')",
  "insert into orders (tenant_id, id) values ($1, 42) returning id",
  "insert into orders (tenant_id, id) values ($1, 1) on conflict (tenant_id, id) do update set note = 'met' returning id",
  "insert into orders (tenant_id, id) values ($1, 1) on conflict (tenant_id, id) do nothing",
  "insert into orders (tenant_id, id) select tenant_id, id + 500 from customers",
  "merge into orders o using (values ($1::uuid, 1)) v (t, id) on o.tenant_id = v.t and o.id = v.id when matched then update set note = 'merged' when not matched then insert (id, note) values (600, 'merged')",
  "with gone as (delete from orders where tenant_id = $1 returning *) select count(*)::int as n from gone",
  "copy (select * from orders) to stdout",
  "lock table orders in access share mode",
];

// What raised an error is another function, and nothing else.
const named = (done: unknown[]) =>
  JSON.parse(
    JSON.stringify(done).replaceAll(
      /partywall\.(?:tenant|sealed)_uuid\([a-z]*\) line \d+/g,
      "the wall",
    ),
  ) as unknown;

for (const seal of SEALS) {
  describeEngine("postgres", `a table in rollout under attack, behind the ${seal} seal`, () => {
    let world: RolloutWorld;
    beforeAll(async () => {
      world = await rolloutWorld({ seal, tables: { orders: "observe" } });
    });
    afterEach(async () => {
      await world.told();
    });
    afterAll(() => world.close());

    const as = (tenant: "a" | "b", text: string, values?: unknown[]) =>
      world.pw.run(world[tenant].id, () => world.pool.query(text, values));
    const policy = async () =>
      (
        await world.unguarded.query(
          `select p.oid, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), relforcerowsecurity, relrowsecurity,
             (select string_agg(prosrc || proconfig::text, '' order by oid) from pg_proc where pronamespace = 'partywall'::regnamespace)
           from pg_policy p join pg_class c on c.oid = polrelid where polname = 'partywall_tenant' order by 1`,
        )
      ).rows;

    test("the login cannot change the mode, the end, the clock or what tells, sealed or not", async () => {
      const before = await policy();
      await withClient(world.appUrl, async (plain) => {
        for (const sql of TAMPERING) {
          await expect(plain.query(sql), sql).rejects.toMatchObject({ code: "42501" });
          await expect(as("a", sql), sql).rejects.toMatchObject({ code: "42501" });
        }
      });
      expect(await policy()).toEqual(before);
    });

    test.each([...SETTINGS, "role = none"])(
      "a tenant's %s does not keep it from being told",
      async (setting) => {
        const client = await world.pool.connect();
        try {
          await world.pw.run(world.a.id, async () => {
            await client.query("begin");
            await client.query(`set local ${setting}`);
            await client.query(fresh("select count(*) from orders"));
            await client.query("rollback");
            await client.query(`set ${setting}`);
            await client.query(fresh("select count(*) from orders"));
          });
        } finally {
          client.release();
        }
        expect(brief(await world.told())).toEqual(Array(2).fill("read public.orders observe"));
        // Nor the next tenant, on the same connection.
        await as("b", fresh("select count(*) from orders"));
        expect(await world.told()).toMatchObject([{ kind: "read", tenantId: world.b.id }]);
      },
    );

    test.each([
      "select * from orders; rollback",
      "begin; savepoint s; select * from orders; rollback to s; commit",
      "select * from orders; select 1 / 0",
    ])("undone by its own statement, a read is told: %s", async (text) => {
      await answer(as("a", fresh(text)));
      expect(brief(await world.told())).toEqual(["read public.orders observe"]);
    });

    test("what a tenant tells falsely is told as its own statement, and in the wall's own words", async () => {
      const forge = (mode: string, kind: string) =>
        fresh(`select partywall.observe('customers', ${mode}, ${kind}, ${NEVER})`);
      const text = forge("'stamp'", "'write'");
      await as("a", text);
      expect(await world.told()).toMatchObject([
        { kind: "write", table: "public.customers", statement: text, tenantId: world.a.id },
      ]);
      for (const [mode, kind] of [
        ["'b1@example.com'", "'read'"],
        ["'observe'", "(select string_agg(email, ',') from customers)"],
        ["'observe read'", "''"],
      ] as const) {
        await expect(as("a", forge(mode, kind))).rejects.toMatchObject({ code: "22023" });
      }
      await as("a", forge("null", "'read'"));
      expect(await world.told()).toEqual([]);
      await as("b", fresh("select * from customers"));
      expect(await world.told()).toEqual([]);
    });

    test("the notice names the table, the mode and the kind, and nothing else", async () => {
      await withClient(world.appUrl, async (plain) => {
        const notices: unknown[] = [];
        plain.on(
          "notice",
          ({ message, detail, hint, schema, table, column, dataType, constraint }) =>
            notices.push({ message, detail, hint, schema, table, column, dataType, constraint }),
        );
        await plain.query("set log_parameter_max_length_on_error = -1");
        await plain.query("select * from orders where note <> $1", ["a value"]);
        await plain.query("insert into orders (tenant_id, id, note) values ($1, 80, 'a value')", [
          world.b.id,
        ]);
        await plain.query("delete from orders where id = 80");
        const [read, written] = ["read", "write"].map((kind) => ({
          message: "a table in rollout let a row pass that the wall would have kept",
          detail: `observe ${kind}`,
          hint: undefined,
          schema: "public",
          table: "orders",
          column: undefined,
          dataType: undefined,
          constraint: undefined,
        }));
        expect(notices).toEqual([read, written, read]);
      });
    });

    test.each([
      "select c.name from customers c right join orders o on o.customer_id = c.id and o.tenant_id = c.tenant_id",
      "select c.name from customers c where c.tenant_id in (select tenant_id from orders)",
      "select c.name from orders o, lateral (select name from customers c where c.tenant_id = o.tenant_id) c",
      "select (select string_agg(c.name, ',') from customers c where c.tenant_id = o.tenant_id) as name from orders o",
      "select name from customers where partywall.observe('customers', 'observe', 'read', 4102444800000)",
      "select name from customers where tenant_id is distinct from partywall.sealed_uuid(4102444800000)",
      "select name from customers union all select null from orders",
      "with o as materialized (select * from orders) select c.name from o join customers c using (tenant_id, id)",
    ])("a table that is enforced gives nothing of another's: %s", async (text) => {
      const { rows } = await as("a", fresh(text));
      expect(JSON.stringify(rows)).not.toMatch(/\bb[123]\b/);
    });

    test.each([
      "update customers c set name = 'taken' from orders o where o.tenant_id = c.tenant_id and o.id = c.id",
      "delete from customers c using orders o where o.tenant_id = c.tenant_id",
      "insert into customers (tenant_id, id, email) select tenant_id, 100 + id, 'x' || id from orders",
      "insert into customers (tenant_id, id, email) select tenant_id, id, 'x' from orders on conflict (tenant_id, id) do update set email = 'taken' || excluded.id",
      "merge into customers c using orders o on o.tenant_id = c.tenant_id and o.id = c.id when matched then delete",
    ])("a table that is enforced loses nothing of another's: %s", async (text) => {
      const before = await world.rows("customers", world.b);
      const client = await world.pool.connect();
      try {
        await world.pw.run(world.a.id, async () => {
          await client.query("begin");
          await answer(client.query(fresh(text)));
          await client.query("rollback");
          await answer(client.query(fresh(`${text} returning 1`)));
        });
      } finally {
        client.release();
      }
      expect(await world.rows("customers", world.b)).toEqual(before);
      // What the attack did to its own rows is undone for the next.
      await world.unguarded.query("delete from customers where tenant_id = $1", [world.a.id]);
      await world.unguarded.query(
        `insert into customers (tenant_id, id, email, name) select $1, n, 'c' || n || '@example.com', 'a' || n from generate_series(1, 3) n`,
        [world.a.id],
      );
      await world.unguarded.query(
        `insert into orders (tenant_id, id, customer_id, note, amount) select $1, n, n, 'a' || n, n * 10 from generate_series(1, 3) n on conflict do nothing`,
        [world.a.id],
      );
    });

    test("a suspended tenant cannot enter, though nothing is filtered", async () => {
      await world.pw.tenants
        .create({ id: crypto.randomUUID(), slug: "c", name: "C" })
        .then(async ({ id }) => {
          await world.pw.run(id, () => world.pool.query(fresh("select * from orders")));
          await world.unguarded.query("delete from partywall.seals where tenant = $1", [id]);
          await expect(
            world.pw.run(id, () => world.pool.query(fresh("select * from orders"))),
          ).rejects.toMatchObject({ code: "PW_SEAL_REFUSED" });
        });
    });
  });

  describeEngine("postgres", `a rollout that has ended, behind the ${seal} seal`, () => {
    let world: RolloutWorld;
    beforeAll(async () => {
      world = await rolloutWorld({ seal, tables: { orders: "observe" } });
    });
    afterEach(() => world.comeBack());
    afterAll(() => world.close());

    /** What each deed comes to in a scope of A, with what A sees in the end; everything is undone. */
    const deeds = async () => {
      const done: unknown[] = [];
      const client = await world.pool.connect();
      try {
        for (const text of DEEDS) {
          done.push(
            await world.pw.run(world.a.id, async () => {
              await client.query("begin");
              await client.query("savepoint s");
              const outcome = await answer(
                client.query(fresh(text), text.includes("$1") ? [world.b.id] : undefined),
              );
              if (typeof outcome === "object" && outcome !== null && "refused" in outcome)
                await client.query("rollback to s");
              const seen = await answer(client.query("select * from orders order by id"));
              await client.query("rollback");
              return { text, outcome, seen };
            }),
          );
        }
        // Outside any seal, on a plain connection: what an injected COMMIT leaves.
        await withClient(world.appUrl, async (plain) => {
          for (const text of DEEDS.filter((one) => !one.startsWith("copy"))) {
            await plain.query("begin");
            done.push({
              text,
              unsealed: await answer(
                plain.query(text, text.includes("$1") ? [world.b.id] : undefined),
              ),
            });
            await plain.query("rollback");
          }
        });
      } finally {
        client.release();
      }
      return done;
    };

    const as = (tenant: "a" | "b", text: string) =>
      world.pw.run(world[tenant].id, () => world.pool.query(text));

    test.each(["observe", "stamp"] as const)(
      "%s has become the wall itself: every deed comes to what it comes to where it is enforced",
      async (mode) => {
        await world.stage();
        const enforced = await deeds();
        await world.stage({ orders: mode });
        expect(await deeds(), "it does not before").not.toEqual(enforced);
        await world.told();
        await world.passTheEnd();
        const ended = await deeds();
        await world.comeBack();
        // In observe the default is not the wall's yet, so that a row without a tenant's id is refused, not stamped.
        const stamped = (one: unknown) =>
          mode === "stamp" || !JSON.stringify(one).includes("stamped");
        expect(named(ended.filter(stamped))).toEqual(named(enforced.filter(stamped)));
        expect(await world.told()).toEqual([]);
      },
    );

    test.each(SETTINGS)("%s does not open it again", async (setting) => {
      await world.stage({ orders: "observe" });
      await world.passTheEnd();
      await withClient(world.appUrl, async (plain) => {
        await plain.query(`set ${setting}`);
        await expect(plain.query("select * from public.orders")).rejects.toMatchObject({
          code: "PW001",
        });
      });
      const loot = await answer(
        as("a", `set ${setting}; select distinct tenant_id from public.orders`),
      );
      if (setting.startsWith("partywall.seal") && seal === "mac") {
        // The tenant has thrown its own seal away.
        expect(loot).toMatchObject({ refused: { code: "PW_WALL_REFUSED" } });
      } else expect(loot).toEqual([[], [{ tenant_id: world.a.id }]]);
    });
  });

  describeEngine("postgres", `the end of a rollout, behind the ${seal} seal`, () => {
    let world: RolloutWorld;
    let end: Date;
    const clients: pg.Client[] = [];
    const plain = async () => {
      const client = new pg.Client({ connectionString: world.appUrl });
      clients.push(client);
      await client.connect();
      return client;
    };
    beforeAll(async () => {
      world = await rolloutWorld({ seal, tables: {}, max: 2 });
      end = new Date(Date.now() + 2500);
      await world.stage({ orders: "observe" }, end);
    });
    afterAll(async () => {
      for (const client of clients) await client.end();
      await world.close();
    });

    const theEnd = () => sleep(Math.max(end.getTime() - Date.now(), 0) + 5);

    test("comes by itself, into transactions and texts under way, and nothing has to run", async () => {
      const [kept, late, cursor] = [await plain(), await plain(), await plain()];
      await kept.query("begin");
      await kept.query("prepare kept as select count(*)::int as n from orders");
      expect((await kept.query("execute kept")).rows).toEqual([{ n: 6 }]);
      await kept.query("savepoint s");
      await cursor.query("begin");
      await cursor.query("declare c cursor for select note from orders");
      expect((await cursor.query("fetch 1 from c")).rows).toHaveLength(1);
      const client = await world.pool.connect();
      await world.pw.run(world.a.id, async () => {
        await client.query("begin isolation level repeatable read");
        expect((await client.query("select 1 from orders")).rows).toHaveLength(6);
      });
      // Begun before the end, and at work when it comes.
      const wait = (end.getTime() - Date.now()) / 1000 + 0.1;
      const across = answer(late.query(`select pg_sleep(${wait}); select * from orders`));
      await theEnd();

      await world.pw.run(world.a.id, async () => {
        expect((await client.query("select distinct tenant_id from orders")).rows).toEqual([
          { tenant_id: world.a.id },
        ]);
        await client.query("rollback");
        await expect(
          client.query("insert into orders (tenant_id, id) values ($1, 50)", [world.b.id]),
        ).rejects.toMatchObject({ code: "PW_WRITE_MISMATCH" });
      });
      client.release();
      expect(await across).toMatchObject({ refused: { code: "PW001" } });
      for (const text of ["execute kept", "select * from orders"]) {
        await expect(kept.query(text), text).rejects.toMatchObject({ code: "PW001" });
        await kept.query("rollback to s");
      }
      // One that was open goes on with what it was opened on, and sees nothing later.
      await world.unguarded.query("insert into orders values ($1, 60, null, 'b6')", [world.b.id]);
      expect((await cursor.query("fetch all from c")).rows).toHaveLength(5);
      await expect(world.pool.query("select * from orders")).rejects.toMatchObject({
        code: "PW_NO_SCOPE",
      });
    });
  });
}
