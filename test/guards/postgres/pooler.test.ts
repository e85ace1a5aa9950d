import { text } from "node:stream/consumers";
import pg from "pg";
import { to as copyTo } from "pg-copy-streams";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";
import type { Tenant } from "partywall";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { renamesStatements } from "../../support/pgbouncer.js";
import { poolerSite, type PoolerSite } from "./pooler-site.js";
import { buildWorld, type World } from "./world.js";

const NOTES = "select note, pg_backend_pid() as pid from orders order by id";
// What PgBouncer does not track and would refuse, as docs/guides/poolers.md lists it.
const IGNORED =
  "search_path, row_security, statement_timeout, lock_timeout, idle_in_transaction_session_timeout, default_transaction_isolation, default_transaction_read_only";
type Row = Record<string, unknown>;

describeEngine("pgbouncer", "behind PgBouncer in transaction mode", () => {
  let world: World;
  let site: PoolerSite;
  let through: Awaited<ReturnType<PoolerSite["open"]>>;
  beforeAll(async () => {
    world = await buildWorld({
      ddl: `create table naive (tenant text not null, note text not null);
insert into naive values ('a', 'a1'), ('b', 'b1');
alter table naive enable row level security`,
    });
    await world.unguarded.query(`create policy naive on naive to ${world.roles.app}
      using (tenant = current_setting('app.tenant', true));
      grant select on naive to ${world.roles.app}`);
    site = await poolerSite(world, { server_reset_query_always: "1" });
    through = await site.open();
  });
  afterAll(async () => {
    await site.close();
    await world.close();
  });

  const as = <T>(tenant: Tenant, fn: () => Promise<T>) => through.pw.run(tenant.id, fn);
  const notes = (tenant: Tenant) => ["1", "2", "3"].map((n) => tenant.slug + n);
  const own = (tenant: Tenant, rows: readonly Row[]) => {
    expect(rows.map((row) => row["note"])).toEqual(notes(tenant));
    return rows[0]?.["pid"];
  };
  async function inTransaction<T>(fn: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await through.pool.connect();
    try {
      await client.query("begin");
      const result = await fn(client);
      await client.query("commit");
      return result;
    } finally {
      client.release();
    }
  }

  test("cannot mix two tenants that share one backend", async () => {
    await through.pw.ready();
    const pids = new Set<unknown>();
    await Promise.all(
      Array.from({ length: 400 }, async (_, n) => {
        const tenant = n % 2 === 0 ? world.a : world.b;
        await as(tenant, async () => {
          pids.add(own(tenant, (await through.pool.query(NOTES)).rows));
        });
      }),
    );
    expect(pids.size, "every statement of both ran on one backend").toBe(1);
  });

  test("a session-level setting does leak there, so that these tests can fail", async () => {
    let foreign = 0;
    const backends = new Set<unknown>();
    // The same traffic as above, on a pooler without a reset, which is how it is when nobody configures one.
    const plain = await poolerSite(world);
    try {
      const naive = await Promise.all(
        ["a", "b"].map(async (tenant) => {
          const client = new pg.Client({ connectionString: plain.url });
          await client.connect();
          return { tenant, client };
        }),
      );
      await Promise.all(
        naive.map(async ({ tenant, client }) => {
          for (let n = 0; n < 200; n += 1) {
            await client.query("select set_config('app.tenant', $1, false)", [tenant]);
            const { rows } = await client.query("select note, pg_backend_pid() as pid from naive");
            for (const row of rows as Row[]) {
              backends.add(row["pid"]);
              if (row["note"] !== `${tenant}1`) foreign += 1;
            }
          }
        }),
      );
      await Promise.all(naive.map(({ client }) => client.end()));
    } finally {
      await plain.close();
    }
    expect(backends.size).toBe(1);
    expect(foreign, "rows of the other tenant").toBeGreaterThan(0);
  });

  test("keeps transactions, savepoints and errors of two tenants apart", async () => {
    const work = (tenant: Tenant, n: number) =>
      as(tenant, () =>
        inTransaction(async (client) => {
          own(tenant, (await client.query(NOTES)).rows);
          await client.query("savepoint s");
          await client.query("update orders set note = 'gone'");
          if (n % 3 === 0) await expect(client.query("select 1 / 0")).rejects.toThrow(/zero/);
          await client.query("rollback to savepoint s");
          own(tenant, (await client.query(NOTES)).rows);
          await client.query("update orders set amount = amount + 1 where id = 1");
        }),
      );
    const before = await Promise.all([world.a, world.b].map((t) => world.rows("orders", t)));
    await Promise.all(
      Array.from({ length: 60 }, (_, n) => work(n % 2 === 0 ? world.a : world.b, n)),
    );
    const after = await Promise.all([world.a, world.b].map((t) => world.rows("orders", t)));
    for (const [n, rows] of before.entries()) {
      const [first, ...rest] = rows as Row[];
      expect(after[n]).toEqual([{ ...first, amount: Number(first?.["amount"]) + 30 }, ...rest]);
    }
  });

  test("a lone error leaves nothing for the next tenant", async () => {
    await Promise.all(
      Array.from({ length: 60 }, async (_, n) => {
        const tenant = n % 2 === 0 ? world.a : world.b;
        await as(tenant, async () => {
          await expect(through.pool.query("select note, 1 / 0 from orders")).rejects.toThrow(
            /zero/,
          );
          own(tenant, (await through.pool.query(NOTES)).rows);
        });
      }),
    );
  });

  test("COPY TO, cursors, streams and several statements give a tenant its own rows", async () => {
    const work = (tenant: Tenant) =>
      as(tenant, async () => {
        const client = await through.pool.connect();
        try {
          const copied = await text(
            client.query(copyTo("copy (select note from orders order by id) to stdout")),
          );
          expect(copied.trim().split("\n")).toEqual(notes(tenant));
          const cursor = client.query(new Cursor(NOTES));
          const rows: Row[] = await cursor.read(2);
          rows.push(...((await cursor.read(2)) as Row[]));
          await cursor.close();
          own(tenant, rows);
          const streamed: Row[] = [];
          for await (const row of client.query(new QueryStream(NOTES))) streamed.push(row as Row);
          own(tenant, streamed);
          const several = (await client.query(`${NOTES}; ${NOTES}`)) as unknown as {
            rows: Row[];
          }[];
          expect(several).toHaveLength(2);
          for (const { rows: each } of several) own(tenant, each);
        } finally {
          client.release();
        }
      });
    await Promise.all(Array.from({ length: 40 }, (_, n) => work(n % 2 === 0 ? world.a : world.b)));
  });

  test("a statement on a raw connection, between two tenants' own, finds no tenant", async () => {
    const client = new pg.Client({ connectionString: site.url });
    await client.connect();
    try {
      for (const tenant of [world.a, world.b]) {
        await as(tenant, () => through.pool.query(NOTES));
        await expect(client.query(NOTES)).rejects.toMatchObject({ code: "PW001" });
      }
    } finally {
      await client.end();
    }
  });

  test("what a tenant leaves behind is gone before the other tenant comes", async () => {
    const held = await as(world.a, () => through.pool.connect());
    try {
      // The connection stays lent, so the guard's own reset is still to come.
      await as(world.a, async () => {
        await held.query("select set_config('statement_timeout', '1', false)");
        await held.query("set default_transaction_read_only = on");
        await held.query("select pg_advisory_lock(4711)");
        await held.query("prepare kept as select note from orders");
        await held.query("declare kept cursor with hold for select note from orders");
        await expect(held.query("create temp table kept (id int)")).rejects.toMatchObject({
          code: "42501",
        });
      });
      await as(world.b, async () => {
        const { rows } = await through.pool.query(
          `select current_setting('statement_timeout') as timeout,
             current_setting('default_transaction_read_only') as read_only,
             (select count(*)::int from pg_cursors where is_holdable) as cursors,
             pg_try_advisory_lock(4711) as lock`,
        );
        expect(rows).toEqual([{ timeout: "0", read_only: "off", cursors: 0, lock: true }]);
        await expect(through.pool.query("fetch all from kept")).rejects.toMatchObject({
          code: "34000",
        });
        await expect(through.pool.query("execute kept")).rejects.toMatchObject({ code: "26000" });
        own(world.b, (await through.pool.query(NOTES)).rows);
      });
    } finally {
      held.release();
    }
  });

  test("without the reset that the guide asks for, a WITH HOLD cursor is read by the other tenant", async () => {
    const plain = await poolerSite(world);
    try {
      const { pw, pool } = await plain.open();
      const held = await pw.run(world.a.id, () => pool.connect());
      await pw.run(world.a.id, () =>
        held.query("declare kept cursor with hold for select note from orders order by id"),
      );
      const { rows } = await pw.run(world.b.id, () => pool.query("fetch all from kept"));
      held.release();
      expect(rows.map((row: Row) => row["note"])).toEqual(notes(world.a));
    } finally {
      await plain.close();
    }
  });

  test("a suspended tenant is out, and the other one is not", async () => {
    await world.pw.tenants.suspend(world.b.id);
    try {
      await expect(as(world.b, () => through.pool.query(NOTES))).rejects.toMatchObject({
        code: "PW_SEAL_REFUSED",
      });
      await as(world.a, async () => own(world.a, (await through.pool.query(NOTES)).rows));
    } finally {
      await world.pw.tenants.restore(world.b.id);
    }
    await as(world.b, async () => own(world.b, (await through.pool.query(NOTES)).rows));
  });

  test("startup parameters are refused unless PgBouncer is told to ignore them", async () => {
    const refused = await site.open({ startup: {} });
    await expect(refused.pw.run(world.a.id, () => refused.pool.query(NOTES))).rejects.toThrow(
      /unsupported startup parameter/,
    );
    const lenient = await poolerSite(world, {
      server_reset_query_always: "1",
      ignore_startup_parameters: IGNORED,
    });
    try {
      const { pw, pool } = await lenient.open({ startup: {} });
      for (const tenant of [world.a, world.b]) {
        await pw.run(tenant.id, async () => own(tenant, (await pool.query(NOTES)).rows));
      }
    } finally {
      await lenient.close();
    }
  });

  test.each([
    ["with the reset", { server_reset_query_always: "1" }],
    ...(renamesStatements()
      ? ([["that renames statements", { max_prepared_statements: "100" }]] as const)
      : []),
  ] as [string, Record<string, string>][])(
    "preparedStatements are refused by a pooler %s",
    async (_, settings) => {
      const other = await poolerSite(world, settings);
      try {
        const { pw, pool } = await other.open({ preparedStatements: true });
        await expect(pw.ready()).rejects.toMatchObject({ code: "PW_CONFIG" });
        for (const tenant of [world.a, world.b]) {
          await expect(pw.run(tenant.id, () => pool.query(NOTES))).rejects.toMatchObject({
            code: "PW_CONFIG",
          });
        }
      } finally {
        await other.close();
      }
    },
  );

  test("preparedStatements that a pooler lets pass give an error, never another tenant's rows", async () => {
    const plain = await poolerSite(world, {
      default_pool_size: "2",
      // Where it could rename them it is told not to.
      ...(renamesStatements() && { max_prepared_statements: "0" }),
    });
    try {
      const { pw, pool } = await plain.open({ preparedStatements: true });
      const loud: unknown[] = [];
      await Promise.all(
        Array.from({ length: 300 }, async (_, n) => {
          const tenant = n % 2 === 0 ? world.a : world.b;
          await pw.run(tenant.id, async () => {
            const { rows } = await pool
              .query({ name: "notes", text: NOTES })
              .catch((error: unknown) => (loud.push(error), { rows: undefined }));
            if (rows !== undefined) own(tenant, rows as Row[]);
          });
        }),
      );
      for (const error of loud) {
        expect(["PW_CONFIG", "26000"]).toContain((error as { code?: string }).code);
      }
    } finally {
      await plain.close();
    }
  });
});
