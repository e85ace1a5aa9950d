import { randomInt } from "node:crypto";
import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { startEmbeddedPostgres, type EmbeddedPostgres } from "../../support/embedded-postgres.js";
import { urlAs, withClient } from "../../support/postgres.js";
import { neighbourhood, type Neighbour } from "./attacks/neighbourhood.js";
import { seededRandom } from "./chaos-random.js";
import { sessionState } from "./chaos-session.js";
import { buildWorld, type World } from "./world.js";

const DURATION_MS = 12_000;
const WORKERS = 16;
const POOL_SIZE = 5;
const LOOK = "select tenant_id, note from orders order by id";

type Row = Record<string, unknown>;

// A server of its own: it is killed and restarted.
describeEngine("postgres", "faults at random", () => {
  let server: EmbeddedPostgres;
  let world: World;
  let tenants: Neighbour[];
  let pool: pg.Pool;
  const settings = { fsync: "off", max_connections: "60" };

  beforeAll(async () => {
    server = await startEmbeddedPostgres({ settings, persistent: true });
    const name = "chaos";
    await withClient(server.url, (client) => client.query(`create database ${name}`));
    world = await buildWorld({
      database: { url: urlAs(server.url, { database: name }), name, drop: async () => {} },
      dropsRoles: false,
      ddl: `create table writes (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id))`,
      tables: ["writes"],
    });
    // The unguarded eye dies with the server, unheard.
    world.unguarded.on("error", () => {});
    tenants = await neighbourhood(world, 6);
    pool = new world.guard.Pool({
      connectionString: world.appUrl,
      max: POOL_SIZE,
      connectionTimeoutMillis: 150,
      query_timeout: 1500,
    });
    pool.on("error", () => {});
  });
  afterAll(async () => {
    await pool?.end();
    await world?.pw.close();
    await world?.unguarded.end().catch(() => {});
    await server?.stop();
    if (server) await rm(server.dataDir, { recursive: true, force: true });
  });

  test("leave no connection with a tenant, no row with another's, no write twice", async () => {
    const seed = Number(process.env["PARTYWALL_CHAOS_SEED"] ?? randomInt(2 ** 31));
    console.log(`chaos: PARTYWALL_CHAOS_SEED=${seed}`);
    const random = seededRandom(seed);
    const pick = <T>(all: readonly T[]) => all[Math.floor(random() * all.length)] as T;
    const until = Date.now() + DURATION_MS;
    const wrong: unknown[] = [];
    const codes = new Map<string, number>();
    const done = { reads: 0, writes: 0, failures: 0 };
    const written: { id: string; tenant: string; acknowledged: boolean }[] = [];
    const check = (tenant: Neighbour, rows: readonly Row[]) => {
      done.reads += 1;
      const right =
        rows.length === 3 &&
        rows.every(
          (row) => row["tenant_id"] === tenant.id && String(row["note"]).startsWith(tenant.mark),
        );
      if (!right) wrong.push({ tenant, rows });
    };
    async function borrow(fn: (client: pg.PoolClient) => Promise<unknown>): Promise<void> {
      const client = await pool.connect();
      const unheard = () => {};
      client.on("error", unheard);
      try {
        await fn(client);
      } finally {
        client.removeListener("error", unheard);
        // As careless as can be: whatever is open or under way is the guard's to deal with.
        client.release();
      }
    }
    async function write(
      tenant: Neighbour,
      run: (text: string, values: unknown[]) => Promise<unknown>,
      commit: () => Promise<unknown> = async () => {},
    ): Promise<void> {
      const one = { id: crypto.randomUUID() as string, tenant: tenant.id, acknowledged: false };
      written.push(one);
      await run("insert into writes (id) values ($1)", [one.id]);
      await commit();
      one.acknowledged = true;
      done.writes += 1;
    }
    const work: ((tenant: Neighbour) => Promise<unknown>)[] = [
      async (tenant) => check(tenant, (await pool.query(LOOK)).rows),
      async (tenant) => check(tenant, (await pool.query(`${LOOK};`)).rows),
      (tenant) => write(tenant, (text, values) => pool.query(text, values)),
      (tenant) =>
        borrow(async (client) => {
          await client.query("begin");
          check(tenant, (await client.query(LOOK)).rows);
          await write(
            tenant,
            (text, values) => client.query(text, values),
            () => client.query("commit"),
          );
        }),
      // A transaction left open, and one left failed.
      () =>
        borrow(async (client) => {
          await client.query("begin");
          await client.query("update orders set note = 'stolen'");
        }),
      () =>
        borrow(async (client) => {
          await client.query("begin");
          await client.query("update orders set note = 'stolen'");
          await client.query("select 1 / 0");
        }),
      () => pool.query("set statement_timeout = 150; select pg_sleep(0.3)"),
      () => pool.query("select pg_advisory_lock_shared(77), set_config('work_mem', '5MB', false)"),
      () => pool.query({ text: "select pg_sleep(3)", query_timeout: 100 } as pg.QueryConfig),
      // Given back while its statement still runs.
      () =>
        borrow(async (client) => {
          void client.query("select pg_sleep(0.2)").catch(() => {});
        }),
    ];
    const worker = async () => {
      while (Date.now() < until) {
        const tenant = pick(tenants);
        try {
          await world.pw.run(tenant.id, () => pick(work)(tenant));
        } catch (error) {
          done.failures += 1;
          const { code, message } = error as Error & { code?: string };
          const name = code ?? message;
          codes.set(name, (codes.get(name) ?? 0) + 1);
          await sleep(5);
        }
      }
    };
    const victims = (act: string) =>
      withClient(world.database.url, (client) =>
        client.query(
          `select ${act}(pid) from pg_stat_activity where usename = $1 order by random() limit 2`,
          [world.roles.app],
        ),
      ).catch(() => {});
    let restarts = 0;
    const restart = async () => {
      server.kill(pick(["SIGINT", "SIGQUIT", "SIGKILL"] as const));
      await server.exited;
      await sleep(100);
      server = await startAgain();
      restarts += 1;
    };
    const startAgain = async () => {
      // After a crash the old processes may hold the port, or the cluster, for a moment.
      for (let tries = 1; ; tries += 1) {
        try {
          const { dataDir, port } = server;
          return await startEmbeddedPostgres({ settings, dataDir, port });
        } catch (error) {
          if (tries === 40) throw error;
          await sleep(100);
        }
      }
    };
    const faults = async () => {
      for (let n = 1; Date.now() < until - 1500; n += 1) {
        await sleep(40 + random() * 160);
        if (n % 20 === 0 && restarts < 3) await restart();
        else await victims(pick(["pg_terminate_backend", "pg_cancel_backend"]));
      }
    };
    await Promise.all([faults(), ...Array.from({ length: WORKERS }, worker)]);
    console.log(
      `chaos: ${JSON.stringify({ ...done, restarts, codes: Object.fromEntries(codes) })}`,
    );

    expect(wrong, "answers with other rows than the tenant's").toEqual([]);
    expect(restarts).toBeGreaterThan(0);
    expect(done.reads).toBeGreaterThan(50);
    expect(done.writes).toBeGreaterThan(20);
    expect([...codes.keys()], "each kind of fault struck").toEqual(
      expect.arrayContaining(["57P01", "57014", "PW_QUERY_TIMEOUT", "PW_POOL_EXHAUSTED"]),
    );

    const unused = new world.guard.Client({ connectionString: world.appUrl });
    await unused.connect();
    const fresh = await sessionState(unused);
    await unused.end();
    expect(fresh).toMatchObject({ refusal: "PW001", inTransaction: false, advisoryLocks: 0 });
    // Every connection of the pool at once, so that each is looked at.
    const clients = await Promise.all(
      Array.from({ length: POOL_SIZE }, () => world.pw.central(() => lendPatiently(pool))),
    );
    try {
      for (const client of clients) {
        expect(await sessionState(client), "as a fresh connection").toEqual(fresh);
      }
    } finally {
      for (const client of clients) client.release();
    }

    await withClient(world.database.url, async (client) => {
      const { rows } = await client.query("select tenant_id, id from writes");
      const found = new Map<string, string[]>();
      for (const { tenant_id, id } of rows) found.set(id, [...(found.get(id) ?? []), tenant_id]);
      for (const { id, tenant, acknowledged } of written) {
        const owners = found.get(id) ?? [];
        found.delete(id);
        if (acknowledged || owners.length > 0) expect(owners).toEqual([tenant]);
      }
      expect([...found], "rows nobody wrote").toEqual([]);
      const stolen = await client.query("select from orders where note = 'stolen'");
      expect(stolen.rowCount, "what was left uncommitted").toBe(0);
    });
  }, 60_000);
});

async function lendPatiently(pool: pg.Pool): Promise<pg.PoolClient> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await pool.connect();
    } catch (error) {
      if (tries === 20) throw error;
    }
  }
}
