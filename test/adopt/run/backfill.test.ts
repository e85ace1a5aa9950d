import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { runAdoption } from "../../../src/adopt/run/run-adoption.js";
import type { RunAdoptionOptions } from "../../../src/adopt/run/run-options.js";
import type { Batches } from "../../../src/adopt/step.js";
import { describeEngine } from "../../support/engine.js";
import { startLoad, type Load } from "./load.js";
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

// Counts how often the tenant of each row was set, whoever set it and in whatever replication role.
const COUNTED = (...tables: string[]) => `
  create table fills (id text, old text, new text);
  create function count_fill() returns trigger language plpgsql as $$ begin
    if old.tenant_id is distinct from new.tenant_id then
      insert into fills values (new.id::text, old.tenant_id, new.tenant_id);
    end if;
    return null; end $$;
  ${tables
    .map(
      (table) => `
  create trigger counted after update on ${table} for each row execute function count_fill();
  alter table ${table} enable always trigger counted;`,
    )
    .join("")}`;

const fillPlan = (batches: Partial<Batches>, id = "fill") =>
  planOf(
    step({
      id,
      phase: "backfill",
      bytes: 1_000_000,
      batches: {
        table: '"public"."orders"',
        key: ['"id"'],
        set: "\"tenant_id\" = 'a'",
        where: '"tenant_id" is null',
        ...batches,
      },
    }),
  );

describeEngine("postgres", "filling rows behind a live application", () => {
  const sites: Site[] = [];
  const loads: Load[] = [];
  const site = async (ddl: string) => {
    const built = await buildSite(ddl);
    sites.push(built);
    return built;
  };
  const run = async (at: Site, plan: ReturnType<typeof planOf>, options: RunAdoptionOptions = {}) =>
    runAdoption(await at.connect(), plan, { pauseMs: 0, batchRows: 100, ...options });
  afterEach(async () => {
    for (const started of loads.splice(0)) await started.stop();
    for (const built of sites.splice(0).toReversed()) await built.close();
  });

  const shapes: [string, string, Partial<Batches>][] = [
    [
      "an integer key",
      "create table orders (id int primary key, tenant_id text); insert into orders select n * 3 from generate_series(1, 1234) n",
      {},
    ],
    [
      "a key of several columns, odd names and odd texts",
      `create table orders (id text default 'x', "a ""b" text collate "C", day date, "Partywall n" numeric, tenant_id text, primary key ("a ""b", day, "Partywall n"));
       insert into orders select 'x', chr(97 + n % 20) || E'\\\\''"ü ' || n % 7, date '2020-01-01' + n % 50, n / 7.0 from generate_series(1, 1234) n`,
      { key: ['"a ""b"', '"day"', '"Partywall n"'] },
    ],
    [
      "a partitioned table with a key",
      `create table orders (id int, day int, tenant_id text, primary key (day, id)) partition by list (day);
       create table orders_1 partition of orders for values in (1); create table orders_2 partition of orders for values in (2) partition by range (id);
       create table orders_2a partition of orders_2 for values from (0) to (600); create table orders_2b partition of orders_2 default;
       insert into orders select n, 1 + n % 2 from generate_series(1, 1234) n`,
      { key: ['"day"', '"id"'] },
    ],
    [
      "no key",
      "create table orders (id int, tenant_id text, pad text default repeat('x', 200)); insert into orders select n from generate_series(1, 1234) n",
      { key: [] },
    ],
    [
      "a partitioned table without a key",
      `create table orders (id int, tenant_id text) partition by hash (id);
       create table "orders 1" partition of orders for values with (modulus 2, remainder 0); create table orders_2 partition of orders for values with (modulus 2, remainder 1);
       insert into orders select n from generate_series(1, 1234) n`,
      { key: [] },
    ],
    [
      "a table with children, and no key",
      `create table orders (id int, tenant_id text); create table more_orders (x int) inherits (orders);
       insert into orders select n from generate_series(1, 617) n; insert into more_orders select n from generate_series(618, 1234) n`,
      { key: [] },
    ],
    [
      "a table that was never analysed, nearly all filled already",
      `create table orders (id int primary key, tenant_id text); insert into orders select n, 'b' from generate_series(1, 1234) n;
       update orders set tenant_id = null where id % 100 = 1`,
      {},
    ],
    ["no rows", "create table orders (id int primary key, tenant_id text)", {}],
  ];

  test.each(shapes)("every row is filled once: %s", async (_, ddl, batches) => {
    const at = await site(
      `${ddl};${COUNTED("orders", ...(ddl.includes("inherits") ? ["more_orders"] : []))}`,
    );
    const missing = await at.value<number>(
      "select count(*)::int from orders where tenant_id is null",
    );
    const { of, onProgress } = recorder();
    await run(at, fillPlan(batches), { onProgress });
    expect(await at.value("select count(*)::int from orders where tenant_id is null")).toBe(0);
    expect(await at.value("select count(*)::int from fills")).toBe(missing);
    expect(await at.value("select count(*)::int from fills where old is not null")).toBe(0);
    expect(of("rows").at(-1)?.filled ?? 0).toBe(missing);
  });

  test("the tenant may be looked up by the row's own columns, under the table's name", async () => {
    for (const key of [['"id"'], []]) {
      const at = await site(`
        create table customers (id int primary key, account text); insert into customers select n, 'account ' || n % 5 from generate_series(1, 50) n;
        create table orders (id int primary key, customer_id int, tenant_id text); insert into orders select n, 1 + n % 50 from generate_series(1, 500) n`);
      await run(
        at,
        fillPlan({
          key,
          set: '"tenant_id" = (select account from customers where id = orders.customer_id)',
        }),
      );
      expect(
        await at.value(
          "select count(*)::int from orders o join customers c on c.id = o.customer_id where o.tenant_id = c.account",
        ),
      ).toBe(500);
    }
  });

  test("it tells rows, rate and time left, and never more rows than there are", async () => {
    const at = await site(
      "create table orders (id int primary key, tenant_id text); insert into orders select n from generate_series(1, 5000) n; analyze orders",
    );
    const { of, onProgress } = recorder();
    await run(at, fillPlan({}), { onProgress });
    const rows = of("rows");
    expect(rows).toHaveLength(50);
    expect(rows[0]).toMatchObject({ seen: 100, filled: 100, expected: 5000, pass: 1, left: 0 });
    expect(rows[9]?.rowsPerSecond).toBeGreaterThan(0);
    expect(rows[9]?.millisecondsLeft).toBeGreaterThanOrEqual(0);
    expect(rows.at(-1)).toMatchObject({ seen: 5000, filled: 5000, millisecondsLeft: 0 });
  });

  test("a killed backfill goes on where its last batch was committed", async () => {
    const at = await site(
      `create table orders (id int primary key, tenant_id text); insert into orders select n from generate_series(1, 1000) n;
       create table gate (); ${COUNTED("orders")}
       create function hold() returns trigger language plpgsql as $$ begin
         if new.id = 550 and not exists (select from gate) then perform pg_sleep(60); end if; return new; end $$;
       create trigger hold before update on orders for each row execute function hold();
       alter table orders enable always trigger hold`,
    );
    const client = await at.connect();
    const pid = await backendOf(client);
    const running = runAdoption(client, fillPlan({}), {
      batchRows: 100,
      lockTimeoutMs: 60_000,
    });
    const failed = rejection(running);
    await at.until(
      "select coalesce(wait_event = 'PgSleep', false) from pg_stat_activity where pid = $1",
      [pid],
    );
    await terminate(at, pid);
    expect(await failed).toMatchObject({ code: "PW_ADOPTION_FAILED" });
    expect(await at.value("select count(*)::int from orders where tenant_id is not null")).toBe(
      500,
    );
    expect(await at.value("select backfill->'after' from partywall.adoption_steps")).toEqual([
      "500",
    ]);
    await at.eye.query("insert into gate default values");
    const { of, onProgress } = recorder();
    await run(at, fillPlan({}), { onProgress });
    expect(of("rows")[0]).toMatchObject({ seen: 600, filled: 600 });
    expect(await at.value("select count(*) || ' ' || count(distinct id) from fills")).toBe(
      "1000 1000",
    );
  });

  test("an aborted signal stops between two batches, and the next run does the rest", async () => {
    for (const key of [['"id"'], []]) {
      const at = await site(
        `create table orders (id int primary key, tenant_id text); insert into orders select n from generate_series(1, 3000) n; ${COUNTED("orders")}`,
      );
      const stop = new AbortController();
      const { of, onProgress } = recorder();
      const stopped = await run(at, fillPlan({ key }), {
        signal: stop.signal,
        onProgress: (event) => {
          onProgress(event);
          if (of("rows").length === 4) stop.abort();
        },
      });
      expect(stopped.outcome).toBe("stopped");
      const filled = await at.value<number>("select count(*)::int from fills");
      expect(filled).toBe(of("rows").at(-1)?.filled);
      expect(filled).toBeLessThan(3000);
      expect((await run(at, fillPlan({ key }))).outcome).toBe("finished");
      expect(await at.value("select count(*) || ' ' || count(distinct id) from fills")).toBe(
        "3000 3000",
      );
    }
  });

  test("rows that others have locked are left, told, and come back to", async () => {
    for (const key of [['"id"'], []]) {
      const at = await site(
        `create table orders (id int primary key, tenant_id text); insert into orders select n from generate_series(1, 2000) n; ${COUNTED("orders")}`,
      );
      const [first, second] = [await at.connect(), await at.connect()];
      await first.query("begin; select from orders where id in (250, 252) for update");
      // A foreign key's check, which an update of the tenant would wait for where it is part of a key.
      await second.query("begin; select from orders where id = 1250 for key share");
      const { of, seen, onProgress } = recorder();
      const running = run(at, fillPlan({ key }), { onProgress });
      await seen("locked-rows", 2);
      expect(of("rows").find(({ left }) => left === 3)).toBeDefined();
      expect(of("locked-rows")[0]).toMatchObject({ rows: 3 });
      expect(await at.value("select count(*)::int from orders where tenant_id is null")).toBe(3);
      await first.query("update orders set tenant_id = 'own' where id = 250; commit");
      await second.query("commit");
      await running;
      expect(of("retry")).toEqual([]);
      expect(await at.value("select string_agg(tenant_id, ' ') from orders where id = 250")).toBe(
        "own",
      );
      expect(await at.value("select count(*)::int from orders where tenant_id is null")).toBe(0);
      expect(await at.value("select count(*) || ' ' || count(distinct id) from fills")).toBe(
        "2000 2000",
      );
      // Only the stretch that they lie in was gone through again.
      expect(
        of("rows")
          .filter(({ pass }) => pass === 2)
          .at(-1)?.seen,
      ).toBeLessThan(2000);
    }
  });

  test("rows that stay locked make it fail in the end, and be done by a later run", async () => {
    const at = await site(
      "create table orders (id int primary key, tenant_id text); insert into orders select n from generate_series(1, 300) n",
    );
    const holder = await at.connect();
    await holder.query("begin; select from orders where id = 7 for update");
    await expect(run(at, fillPlan({}), { retries: 2 })).rejects.toMatchObject({
      code: "PW_ADOPTION_FAILED",
      message: expect.stringMatching(
        /1 row\(s\) of "public"."orders", which other transactions keep locked/,
      ),
    });
    await holder.query("commit");
    await run(at, fillPlan({}));
    expect(await at.value("select count(*)::int from orders where tenant_id is null")).toBe(0);
  });

  test("rows whose tenant comes out as null fail at once and are not filled for ever", async () => {
    const at = await site(
      "create table orders (id int primary key, owner text, tenant_id text); insert into orders select n, case when n <> 150 then 'a' end from generate_series(1, 300) n",
    );
    await expect(run(at, fillPlan({ set: '"tenant_id" = (owner)' }))).rejects.toMatchObject({
      code: "PW_ADOPTION_FAILED",
      message: expect.stringMatching(/set 1 row\(s\) .*still to be filled/),
    });
    await at.eye.query("update orders set owner = 'b' where id = 150");
    await run(at, fillPlan({ set: '"tenant_id" = (owner)' }));
    expect(await at.value("select count(*)::int from orders where tenant_id = owner")).toBe(300);
  });

  test("an application that goes on writing rows without a tenant makes it fail, not run for ever", async () => {
    const at = await site(`
      create table orders (id serial primary key, tenant_id text); insert into orders select from generate_series(1, 50) n;
      create function more() returns trigger language plpgsql as $$ begin insert into orders default values; return null; end $$;
      create trigger more after update on orders execute function more(); alter table orders enable always trigger more`);
    await expect(run(at, fillPlan({}))).rejects.toMatchObject({
      code: "PW_ADOPTION_FAILED",
      message: expect.stringContaining("goes on writing rows without a tenant"),
    });
  });

  test("a batch that would keep its rows for too long is taken back and made smaller", async () => {
    const at = await site(
      `create table orders (id int primary key, tenant_id text); insert into orders select n from generate_series(1, 200) n;
       create function slow() returns text language plpgsql volatile as 'begin perform pg_sleep(0.005); return ''a''; end'; ${COUNTED("orders")}`,
    );
    const { of, onProgress } = recorder();
    await run(at, fillPlan({ set: '"tenant_id" = slow()' }), { lockTimeoutMs: 200, onProgress });
    expect(of("retry").map(({ because }) => because)).toContain("hold");
    expect(await at.value("select count(*) || ' ' || count(distinct id) from fills")).toBe(
      "200 200",
    );
  });

  test("rows that move, come and go while it is killed again and again are neither lost nor filled twice", async () => {
    for (const key of [['"id"'], []]) {
      const at = await site(
        `create table orders (id int primary key, tenant_id text, n int not null default 0);
         insert into orders select n * 2 from generate_series(1, 6000) n;
         alter table orders alter column tenant_id set default 'a'; ${COUNTED("orders")}`,
      );
      const clients = await Promise.all([1, 2, 3].map(() => at.connect()));
      let inserted = 0;
      let deleted = 0;
      let updates = 0;
      const any = () => 2 * Math.ceil(Math.random() * 6000);
      const started = await startLoad(clients, 5000, async (client) => {
        const dice = Math.random();
        if (dice < 0.2) {
          await client.query("insert into orders (id) values ($1)", [-1 - inserted++]);
        } else if (dice < 0.3) {
          const { rowCount } = await client.query("delete from orders where id = $1", [any()]);
          deleted += rowCount ?? 0;
        } else {
          // Even a key may change, from behind the place where the backfill is to before it.
          const to = dice < 0.4 ? "12001 + 20000 * random()" : "id";
          const { rowCount } = await client.query(
            `update orders set n = n + 1, id = ${to} where id = $1`,
            [any()],
          );
          updates += rowCount ?? 0;
        }
      });
      loads.push(started);
      let kills = 0;
      for (let isDone = false; !isDone;) {
        const client = await at.connect();
        const pid = await backendOf(client);
        const running = runAdoption(client, fillPlan({ key }), {
          batchRows: 150,
          pauseMs: 20,
        });
        if (kills < 6) {
          const outcome = running.then(
            () => true,
            () => false,
          );
          await sleep(20 + Math.random() * 150);
          await terminate(at, pid);
          isDone = await outcome;
          kills += 1;
        } else {
          await running;
          isDone = true;
        }
      }
      await started.stop();
      expect(kills).toBeGreaterThan(2);
      expect(started.refused().filter((code) => code !== "23505")).toEqual([]);
      expect(
        await at.value("select count(*)::int from orders where tenant_id is distinct from 'a'"),
      ).toBe(0);
      expect(await at.value("select count(*)::int from orders")).toBe(6000 + inserted - deleted);
      expect(await at.value("select sum(n)::int from orders")).toBeLessThanOrEqual(updates);
      expect(await at.value("select count(*)::int from fills where old is not null")).toBe(0);
      expect(
        await at.value(
          "select coalesce(max(c), 0)::int from (select count(*) c from fills group by id) x",
        ),
      ).toBe(1);
    }
  }, 60_000);

  test("rows that a policy would hide from the login are not passed over", async () => {
    const at = await site(
      "create table orders (id int primary key, tenant_id text); insert into orders values (1); alter table orders enable row level security, force row level security",
    );
    const owner = `${at.database.name}_owner`;
    await at.eye
      .query(`create role ${owner} login password 'secret'; alter table orders owner to ${owner};
      grant create on database ${at.database.name} to ${owner}`);
    await expect(runAdoption(await at.connect(owner), fillPlan({}))).rejects.toMatchObject({
      code: "PW_CONFIG",
      message: expect.stringContaining("Row security may hide rows"),
    });
    await run(at, fillPlan({}));
    expect(await at.value("select count(*)::int from orders where tenant_id is null")).toBe(0);
  });

  test("a plan that names a key column that is not there is refused", async () => {
    const at = await site("create table orders (id int primary key, tenant_id text)");
    await expect(run(at, fillPlan({ key: ['"no"'] }))).rejects.toMatchObject({
      code: "PW_CONFIG",
      message: expect.stringContaining('no column "no"'),
    });
  });
});
