import { afterEach, expect, test } from "vitest";
import { printAdoption, type PrintAdoptionOptions } from "../../../src/adopt/run/print.js";
import { describeEngine } from "../../support/engine.js";
import { buildSite, indexStep, planOf, step, type Site } from "./site.js";

const OPAQUE =
  /(?:[eE]'(?:[^'\\]|\\[\s\S]|'')*')|(?:'(?:[^']|'')*')|(?:"(?:[^"]|"")*")|(?:(\$\w*\$)[\s\S]*?\1)|(?:--[^\n]*)/y;

/** The statements of a script, told apart as psql does. */
function statements(script: string): string[] {
  const found: string[] = [];
  let start = 0;
  for (let at = 0; at < script.length;) {
    OPAQUE.lastIndex = at;
    const opaque = OPAQUE.exec(script);
    if (opaque) {
      at += opaque[0].length;
      continue;
    }
    if (script[at] === ";") {
      found.push(script.slice(start, at));
      start = at + 1;
    }
    at += 1;
  }
  expect(script.slice(start).trim(), "what is behind the last semicolon").toBe("");
  return found;
}

const ORDERS =
  "create table orders (id int primary key, n int, note text); insert into orders select k, k % 3, '' from generate_series(1, 1000) k";
const FILL = { table: "orders", set: "tenant_id = 'a'", where: "tenant_id is null" };

const PLAN = planOf(
  step({
    id: "column",
    title: "Add tenant_id\nto orders; drop table orders",
    sql: ["alter table orders add column tenant_id text -- nothing is written"],
    locks: [{ table: "orders", mode: "ACCESS EXCLUSIVE" }],
  }),
  indexStep("orders_key", "orders (tenant_id, id)", { title: "unique", bytes: 5_000_000_000 }),
  step({ id: "fill", phase: "backfill", bytes: 3_000_000, batches: { ...FILL, key: ['"id"'] } }),
  step({ id: "lax", phase: "enforce", sql: ["set role partywall_nobody"], mayBeRefused: true }),
);

describeEngine("postgres", "printing an adoption plan", () => {
  const sites: Site[] = [];
  const site = async (ddl = ORDERS) => {
    const built = await buildSite(ddl);
    sites.push(built);
    return built;
  };
  const played = async (
    at: Site,
    plan: ReturnType<typeof planOf>,
    options?: PrintAdoptionOptions,
  ) => {
    const client = await at.connect();
    for (const sql of statements(printAdoption(plan, options))) await client.query(sql);
    return client;
  };
  afterEach(async () => {
    for (const built of sites.splice(0).toReversed()) await built.close();
  });

  test("tells of each step what it is, its strongest lock and its time, and wraps what is transactional", () => {
    expect(printAdoption(PLAN, { phase: "expand", lockTimeoutMs: 750 })).toBe(
      `-- Stop at the first error: psql -v ON_ERROR_STOP=1 -f this-file.sql. Not as one transaction: some statements
-- refuse to run in one. A step that did not get its lock in time (55P03) has changed nothing: run it again.
set standard_conforming_strings = on;

-- Phase expand: 2 step(s).

-- 1/4 column: Add tenant_id to orders; drop table orders
-- Lock: ACCESS EXCLUSIVE on orders. About 10 ms.
begin;
set local lock_timeout = 750;
alter table orders add column tenant_id text -- nothing is written
;
commit;

-- 2/4 index/orders_key: unique
-- Lock: SHARE UPDATE EXCLUSIVE on orders. About 50 s.
-- After an attempt that was cut short, first: drop index concurrently if exists orders_key;
set lock_timeout = 750;
create unique index concurrently orders_key on orders (tenant_id, id);
reset lock_timeout;
`,
    );
  });

  test("a script that is played statement by statement does what the plan says", async () => {
    const at = await site();
    const plan = planOf(
      ...PLAN.steps.slice(0, 3),
      step({ id: "lax", phase: "enforce", sql: ["select 'it''s', $$ ; $$"], mayBeRefused: true }),
    );
    const client = await played(at, plan, { batchRows: 70 });
    expect(await at.value("select count(*)::int from orders where tenant_id = 'a'")).toBe(1000);
    expect(
      await at.value("select indisvalid from pg_index where indexrelid = 'orders_key'::regclass"),
    ).toBe(true);
    expect((await client.query("show lock_timeout")).rows).toEqual([{ lock_timeout: "0" }]);
  });

  test("a right that the login may not take does not stop the script", async () => {
    const at = await site();
    const owner = `${at.database.name}_owner`;
    await at.eye.query(`create role ${owner} login password 'secret'`);
    const plan = planOf(
      step({
        id: "lax",
        sql: ["revoke all on orders from public; set session_replication_role = replica"],
        mayBeRefused: true,
      }),
    );
    const client = await at.connect(owner);
    const warned: (string | undefined)[] = [];
    client.on("notice", ({ message }) => warned.push(message));
    for (const sql of statements(printAdoption(plan))) await client.query(sql);
    expect(warned).toEqual([expect.stringContaining("not permitted: revoke all on orders")]);
  });

  test.each([
    ["a key", ORDERS, ['"id"']],
    [
      "a key of several columns",
      `create table orders (id int, "n o" text, primary key ("n o", id)); insert into orders select k, k % 3 from generate_series(1, 1000) k`,
      ['"n o"', '"id"'],
    ],
    ["no key", ORDERS, []],
    [
      "partitions without a key",
      `create table orders (id int) partition by hash (id); create table "orders 1" partition of orders for values with (modulus 2, remainder 0);
       create table orders_2 partition of orders for values with (modulus 2, remainder 1); insert into orders select generate_series(1, 1000)`,
      [],
    ],
  ])("a printed backfill fills every row once, in batches: %s", async (_, ddl, key) => {
    const at = await site(`${ddl};
      alter table orders add column tenant_id text; create table fills (id int, xact xid8);
      create function count_fill() returns trigger language plpgsql as $$ begin insert into fills values (new.id, pg_current_xact_id()); return null; end $$;
      create trigger counted after update on orders for each row execute function count_fill()`);
    const plan = planOf(
      step({
        id: "fill",
        batches: { ...FILL, set: `tenant_id = 'it''s \\ $adopt$ %' || orders.id`, key },
      }),
    );
    await played(at, plan, { batchRows: 100 });
    expect(
      await at.value(
        "select count(*)::int from orders where tenant_id = 'it''s \\ $adopt$ %' || id",
      ),
    ).toBe(1000);
    expect(await at.value("select count(*) || ' ' || count(distinct id) from fills")).toBe(
      "1000 1000",
    );
    expect(await at.value("select count(distinct xact)::int from fills")).toBeGreaterThan(1);
  });

  test("a printed backfill comes back to rows that others have locked", async () => {
    for (const key of [['"id"'], []]) {
      const at = await site(`${ORDERS}; alter table orders add column tenant_id text`);
      const holder = await at.connect();
      await holder.query("begin; select from orders where id = 7 for update");
      const playing = played(at, planOf(step({ id: "fill", batches: { ...FILL, key } })));
      await at.until("select count(*) = 1 from orders where tenant_id is null");
      await holder.query("commit");
      await playing;
      expect(await at.value("select count(*)::int from orders where tenant_id is null")).toBe(0);
    }
  });

  test("a plan with obstacles, or a broken one, is not printed", () => {
    const obstacle = { code: "c", object: "o", why: "", remedy: "", acknowledgeable: false };
    const config = expect.objectContaining({ code: "PW_CONFIG" });
    expect(() => printAdoption({ ...PLAN, obstacles: [obstacle] })).toThrow(config);
    expect(() => printAdoption(PLAN, { lockTimeoutMs: 0 })).toThrow(config);
    expect(() => printAdoption(planOf(step({ id: "x", sql: ["select '\0'"] })))).toThrow(config);
  });
});
