import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { planAdoption } from "../../src/adopt/plan-adoption.js";
import { adoptionStatus } from "../../src/adopt/run/adoption-status.js";
import type { AdoptionProgress } from "../../src/adopt/run/progress.js";
import { describeEngine } from "../support/engine.js";
import { runInProcess } from "./live-load/killed-runner.js";
import { startLoad } from "./run/load.js";
import { buildSite, type Site } from "./run/site.js";

const ROWS = 2_000_000;
const CUSTOMERS = 5000;
const KILLS = 10;
const RUNNER_LOCK_TIMEOUT_MS = 500;
// A statement of the load that waits longer than this for a lock is refused by the database, and the test fails.
const LOAD_LOCK_TIMEOUT_MS = 1500;

const SHOP = `
  create table customers (id bigint generated always as identity primary key, region text not null, email text not null unique);
  create table orders (
    id bigint generated always as identity primary key, customer_id bigint not null references customers,
    amount int not null, note text, fills int not null default 0);
  insert into customers (region, email) select 'region ' || n % 9, n || '@example.com' from generate_series(1, ${CUSTOMERS}) n;
  insert into orders (customer_id, amount) select 1 + n % ${CUSTOMERS}, n % 1000 from generate_series(1, ${ROWS}) n;
  analyze`;

// An update that names the column is the backfill's: the application's never do.
const COUNT_FILLS = `
  create function count_fill() returns trigger language plpgsql as $$ begin new.fills := old.fills + 1; return new; end $$;
  create trigger counted before update of tenant_id on orders for each row execute function count_fill();
  alter table orders enable always trigger counted`;

describeEngine("postgres", "adopting two million rows while the application writes", () => {
  let at: Site;
  let folder: string;
  beforeAll(async () => {
    at = await buildSite(SHOP);
    folder = await mkdtemp(join(tmpdir(), "partywall-adoption-"));
  }, 180_000);
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await at.close();
  });

  test("makes no statement of the load wait, and killed ten times loses and doubles nothing", async () => {
    const logins = { app: `${at.database.name}_app`, system: `${at.database.name}_system` };
    await at.eye.query(`create role ${logins.app} login; create role ${logins.system} login`);
    const plan = await planAdoption(at.eye, {
      roles: { ...logins, owner: `${at.database.name}_owner` },
      tenant: "region 0",
      tables: {
        customers: { kind: "tenant", assign: "region" },
        orders: {
          kind: "tenant",
          assign: "(select c.region from public.customers c where c.id = orders.customer_id)",
        },
      },
    });
    expect(plan.obstacles).toEqual([]);
    const planFile = join(folder, "plan.json");
    await writeFile(planFile, JSON.stringify(plan));

    const application = await applicationOf(at);
    const events: AdoptionProgress[] = [];
    const begun = performance.now();
    let kills = 0;
    const runUntilDone = async (phases: ("expand" | "backfill" | "enforce")[], most: number) => {
      for (;;) {
        const killAfterMs = kills < most ? Math.random() * 2500 : undefined;
        const end = await runInProcess(
          at.database.url,
          planFile,
          { phases, lockTimeoutMs: RUNNER_LOCK_TIMEOUT_MS, pauseMs: 25 },
          killAfterMs,
        );
        events.push(...end.events);
        if (!end.wasKilled) return;
        kills += 1;
      }
    };
    await runUntilDone(["expand"], 3);
    await at.eye.query(COUNT_FILLS);
    await runUntilDone(["backfill"], KILLS);
    expect(kills).toBe(KILLS);
    await runUntilDone(["enforce"], KILLS);
    const seconds = (performance.now() - begun) / 1000;
    const { inserted, deleted, amount, longestMs, statements, refused } = await application.stop();

    // The wall went up beneath an application that did not know of it, once for each of its sessions at most.
    expect(refused.filter((code) => code !== "PW001")).toEqual([]);
    expect(refused.length).toBeLessThanOrEqual(application.writers);

    expect(await adoptionStatus(at.eye)).toMatchObject({ state: "finished", left: 0 });
    expect(await at.value("select count(*)::int from orders")).toBe(ROWS + inserted - deleted);
    expect(await at.value<string>("select sum(amount)::text from orders")).toBe(
      String((ROWS / 1000) * 499_500 + amount),
    );
    expect(
      await at.value(
        "select count(*)::int from orders o left join customers c on c.id = o.customer_id where o.tenant_id is distinct from c.region",
      ),
    ).toBe(0);
    expect(await at.value("select count(*)::int from orders where fills > 1")).toBe(0);
    const filled = await at.value<number>("select sum(fills)::int from orders");
    expect(filled).toBeGreaterThan(ROWS / 2);
    expect(
      await at.value(
        "select count(*)::int from pg_index i join pg_class c on c.oid = i.indrelid where c.relname in ('orders', 'customers') and not (i.indisvalid and i.indisready and i.indislive)",
      ),
    ).toBe(0);
    expect(await at.value("select count(*)::int from pg_constraint where not convalidated")).toBe(
      0,
    );
    expect(
      await at.value(
        "select string_agg(relname, ' ' order by relname) from pg_class where relrowsecurity and relforcerowsecurity",
      ),
    ).toBe("customers orders");

    const retries = events.flatMap((event) => (event.type === "retry" ? [event.because] : []));
    expect(retries.length, "attempts that the load was in the way of").toBeGreaterThan(0);
    const repairs = events.filter(({ type }) => type === "repair").length;
    console.log(
      `${ROWS} rows adopted in ${seconds.toFixed(0)} s with ${kills} kills, ${retries.length} retries (${[...new Set(retries)].join(", ")}), ${repairs} indexes repaired; ` +
        `${filled} rows filled; the load: ${statements} statements, the longest ${longestMs.toFixed(0)} ms, ${refused.length} refused.`,
    );
  }, 420_000);
});

/** The application: a session that reads for long and four that write orders, and keep account of what was acknowledged. */
async function applicationOf(at: Site) {
  const clients = await Promise.all([0, 1, 2, 3, 4].map(() => at.connect()));
  const account = { inserted: 0, deleted: 0, amount: 0 };
  let statements = 0;
  let longestMs = 0;
  let isBehindWall = false;
  const send = async (client: pg.Client, sql: string, values: unknown[] = []) => {
    const since = performance.now();
    const result = await client.query<{ amount: number }>(sql, values);
    longestMs = Math.max(longestMs, performance.now() - since);
    statements += 1;
    return result;
  };
  const some = (most: number) => 1 + Math.floor(Math.random() * most);
  const insert = (client: pg.Client, amount: number) =>
    send(
      client,
      isBehindWall
        ? "insert into orders (tenant_id, customer_id, amount) select region, id, $2::int from customers where id = $1"
        : "insert into orders (customer_id, amount) values ($1, $2)",
      [some(CUSTOMERS), amount],
    );
  const load = await startLoad(clients, LOAD_LOCK_TIMEOUT_MS, async (client, worker) => {
    if (worker === 0) {
      // A report that keeps its locks for longer than a step waits for them.
      await send(client, "begin");
      await send(client, "select sum(amount) from orders where id < 1000");
      await sleep(Math.random() * 2000);
      await send(client, "commit");
      await sleep(Math.random() * 200);
      return;
    }
    // An application that leaves the server something to adopt with.
    await sleep(4);
    const dice = Math.random();
    const amount = some(100);
    try {
      if (dice < 0.3) {
        await insert(client, amount);
        account.inserted += 1;
        account.amount += amount;
      } else if (dice < 0.6) {
        const { rowCount } = await send(
          client,
          "update orders set amount = amount + $2 where id = $1",
          [some(ROWS), amount],
        );
        account.amount += amount * (rowCount ?? 0);
      } else if (dice < 0.7) {
        const { rows } = await send(client, "delete from orders where id = $1 returning amount", [
          some(ROWS),
        ]);
        account.deleted += rows.length;
        account.amount -= rows[0]?.amount ?? 0;
      } else if (dice < 0.8) {
        await send(client, "select count(*) from orders where id between $1 and $1 + 100", [
          some(ROWS),
        ]);
      } else {
        // Child first, then parent: crosswise to the foreign key's own order.
        await send(client, "begin");
        const { rowCount } = await send(
          client,
          "update orders set amount = amount + $2 where id = $1",
          [some(ROWS), amount],
        );
        await insert(client, amount);
        await send(client, "update customers set email = email where id = $1", [some(CUSTOMERS)]);
        await send(client, "commit");
        account.inserted += 1;
        account.amount += amount * ((rowCount ?? 0) + 1);
      }
    } catch (error) {
      if ((error as { code?: string }).code === "PW001") isBehindWall = true;
      throw error;
    }
  });
  return {
    writers: clients.length - 1,
    stop: async () => {
      await load.stop();
      return { ...account, statements, longestMs, refused: load.refused() };
    },
  };
}
