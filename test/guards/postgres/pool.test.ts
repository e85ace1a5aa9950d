import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { createPartywall, type Tenant } from "partywall";
import { guardPg, type GuardPgOptions } from "partywall/guards/postgres";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { dyingServer } from "./dying-server.js";
import { buildWorld, SECRET, type World } from "./world.js";

const NOTES = "select note from orders order by id";
const PID = "select pg_backend_pid() as pid";

/** Waits until something has come to be; a test whose condition never comes fails by its own timeout. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10);
}

describeEngine("postgres", "the guarded pool", () => {
  let world: World;
  const pools: pg.Pool[] = [];
  const borrowed: pg.PoolClient[] = [];
  const opened: { close(): Promise<void> }[] = [];
  beforeAll(async () => {
    world = await buildWorld();
  });
  afterAll(() => world.close());
  afterEach(async () => {
    for (const client of borrowed.splice(0)) client.release(true);
    for (const pool of pools.splice(0)) await pool.end();
    for (const one of opened.splice(0)) await one.close();
  });

  function poolOf(config: pg.PoolConfig = {}): pg.Pool {
    const pool = new world.guard.Pool({ connectionString: world.appUrl, ...config });
    pools.push(pool);
    return pool;
  }
  /** A connection held by a tenant; given back by `release`, or when the test ends. */
  async function hold(pool: pg.Pool, tenant: Tenant) {
    const client = await world.pw.run(tenant.id, () => pool.connect());
    borrowed.push(client);
    return {
      client,
      release: () => borrowed.splice(borrowed.indexOf(client), 1)[0]!.release(),
    };
  }
  /** Another guard of the same instance's scopes. */
  function guardWith(options: GuardPgOptions) {
    const guard = guardPg(pg, options);
    const pw = createPartywall({ realm: world.database.name, secret: SECRET, postgres: guard });
    opened.push(pw);
    return guard;
  }
  const notesOf = (pool: pg.Pool, tenant: Tenant) =>
    world.pw.run(tenant.id, async () => (await pool.query(NOTES)).rows.map((row) => row.note));
  const backends = async (pid: number) =>
    (await world.unguarded.query("select from pg_stat_activity where pid = $1", [pid])).rowCount;

  test("a saturated pool times out and then serves the next tenant its own rows", async () => {
    const pool = poolOf({ max: 1, connectionTimeoutMillis: 1000 });
    const { client, release } = await hold(pool, world.a);
    await world.pw.run(world.a.id, () => client.query(NOTES));
    await expect(notesOf(pool, world.b)).rejects.toThrow(/timeout/);
    await expect(world.pw.run(world.b.id, () => pool.connect())).rejects.toThrow(/timeout/);
    release();
    expect(await notesOf(pool, world.b)).toEqual(["b1", "b2", "b3"]);
  });

  test("what waits for a connection keeps its own tenant, whoever gives the connection back", async () => {
    const pool = poolOf({ max: 1 });
    const { release } = await hold(pool, world.a);
    const asked = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? world.a : world.b));
    const answers = asked.map((tenant, n) =>
      world.pw.run(
        tenant.id,
        () =>
          new Promise<unknown>((resolve, reject) => {
            const done = (error: Error | null | undefined, result?: pg.QueryResult) =>
              error
                ? reject(error)
                : resolve([world.pw.current().slug, result?.rows.map((row) => row.note)]);
            if (n % 5 === 0) pool.query(NOTES, done);
            else if (n % 5 === 1) pool.query(NOTES, [], done);
            else if (n % 5 === 2) void pool.query({ text: NOTES }, done as never);
            else if (n % 5 === 3) {
              pool.connect((error, client, free) => {
                if (error || client === undefined) return reject(error ?? new Error("no client"));
                client.query(NOTES, (failure, result) => {
                  free();
                  done(failure, result);
                });
              });
            } else {
              pool.query(NOTES).then((result) => done(null, result), reject);
            }
          }),
      ),
    );
    await until(() => pool.waitingCount === asked.length);
    await world.pw.run(world.b.id, () => release());
    expect(await Promise.all(answers)).toEqual(
      asked.map(({ slug }) => [slug, [`${slug}1`, `${slug}2`, `${slug}3`]]),
    );
  });

  test("a callback hears of a missing scope, after the call has returned", async () => {
    const pool = poolOf();
    let returned = false;
    const heard = new Promise<unknown>((resolve) => {
      pool.query(NOTES, (error) => resolve([returned, (error as { code?: string }).code]));
    });
    returned = true;
    expect(await heard).toEqual([true, "PW_NO_SCOPE"]);
    expect(pool.totalCount, "no connection was opened for it").toBe(0);
  });

  test("ends like the driver's pool: borrowed connections first, and only once", async () => {
    const pool = new world.guard.Pool({ connectionString: world.appUrl });
    const { client, release } = await hold(pool, world.a);
    let over = false;
    const ending = pool.end().then(() => (over = true));
    await expect(notesOf(pool, world.a)).rejects.toThrow(/after calling end/);
    expect((await world.pw.run(world.a.id, () => client.query(NOTES))).rowCount).toBe(3);
    expect(over).toBe(false);
    release();
    await ending;
    expect(pool.totalCount).toBe(0);
    await expect(pool.end()).rejects.toThrow(/more than once/);
  });

  test.each([
    ["a wrong password", (url: string) => url.replace("secret", "wr0ng-passw0rd")],
    [
      "a host that is none",
      (url: string) => url.replace("secret", "wr0ng-passw0rd").replace(/:\d+\//, ":1/"),
    ],
    ["an address that is none", () => "postgres://u:wr0ng-passw0rd@[bad:port/x"],
  ])("%s is told without the password", async (_, change) => {
    const pool = poolOf({ connectionString: change(world.appUrl) });
    const failures: unknown[] = [
      await notesOf(pool, world.a).catch((error: unknown) => error),
      await world.pw.run(world.a.id, () => pool.connect()).catch((error: unknown) => error),
    ];
    for (const failure of failures) {
      expect(failure).toBeInstanceOf(Error);
      const fields = Object.getOwnPropertyNames(failure);
      expect(JSON.stringify(failure, fields)).not.toContain("wr0ng-passw0rd");
    }
  });

  test("a missing login is told at first use and not when a module is imported", async () => {
    for (const app of [undefined, ""]) {
      const guard = guardWith({ app });
      const { pool } = guard;
      expect(pool).toBeInstanceOf(pg.Pool);
      await expect(pool.query(NOTES)).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
      await world.pw.run(world.a.id, async () => {
        await expect(pool.query(NOTES)).rejects.toMatchObject({ code: "PW_CONFIG" });
        await expect(pool.connect()).rejects.toMatchObject({ code: "PW_CONFIG" });
        const heard = await new Promise<unknown>((resolve) => {
          pool.query(NOTES, (error) => resolve(error));
        });
        expect(heard).toMatchObject({ code: "PW_CONFIG" });
        const connected = await new Promise<unknown>((resolve) => {
          pool.connect((error) => resolve(error));
        });
        expect(connected).toMatchObject({ code: "PW_CONFIG" });
      });
    }
  });

  test("cannot be given a Client that is not guarded", () => {
    for (const Client of [pg.Client, world.guard.Client, null]) {
      expect(() => new world.guard.Pool({ Client } as never)).toThrow(
        expect.objectContaining({ code: "PW_CONFIG" }),
      );
    }
  });

  test("release(true) closes, release() keeps, and a second release throws as the driver's", async () => {
    const pool = poolOf({ max: 1 });
    await world.pw.run(world.a.id, async () => {
      const first = await pool.connect();
      const { pid } = (await first.query(PID)).rows[0] as { pid: number };
      first.release();
      expect(() => first.release()).toThrow(/already been released/);
      const second = await pool.connect();
      expect((await second.query(PID)).rows).toEqual([{ pid }]);
      second.release(true);
      expect(() => second.release(true)).toThrow(/already been released/);
      await until(async () => (await backends(pid)) === 0);
      const third = await pool.connect();
      expect((await third.query(PID)).rows).not.toEqual([{ pid }]);
      third.release(new Error("broken"));
    });
    await until(() => pool.totalCount === 0);
    expect(await notesOf(pool, world.b)).toEqual(["b1", "b2", "b3"]);
  });

  test("an idle connection that the server ends does not end the process", async () => {
    const { pool } = guardWith({ app: { connectionString: world.appUrl, max: 1 } });
    const { pid } = await world.pw.run(world.a.id, async () => (await pool.query(PID)).rows[0]);
    expect(pool.idleCount).toBe(1);
    await world.unguarded.query("select pg_terminate_backend($1)", [pid]);
    await until(() => pool.totalCount === 0);
    expect(await notesOf(pool, world.b)).toEqual(["b1", "b2", "b3"]);
  });

  test("a borrowed connection that the server ends is not lent again", async () => {
    const pool = poolOf({ max: 1 });
    const { client, release } = await hold(pool, world.a);
    const died = new Promise((resolve) => client.once("error", resolve));
    const { pid } = (await world.pw.run(world.a.id, () => client.query(PID))).rows[0] as {
      pid: number;
    };
    await world.unguarded.query("select pg_terminate_backend($1)", [pid]);
    await died;
    await expect(world.pw.run(world.a.id, () => client.query(NOTES))).rejects.toThrow(
      /not queryable|terminat/,
    );
    release();
    expect(await notesOf(pool, world.b)).toEqual(["b1", "b2", "b3"]);
  });

  test("a connection that the server ends while it is cleaned does not end the process", async () => {
    const pool = poolOf({ max: 1 });
    const { client, release } = await hold(pool, world.a);
    const { pid } = (await world.pw.run(world.a.id, () => client.query(PID))).rows[0] as {
      pid: number;
    };
    const slow = world.pw
      .run(world.a.id, () => client.query("select pg_sleep(20)"))
      .catch((error: { code?: string }) => error.code);
    await until(async () => {
      const { rowCount } = await world.unguarded.query(
        "select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'",
        [pid],
      );
      return rowCount === 1;
    });
    release();
    await world.unguarded.query("select pg_terminate_backend($1)", [pid]);
    expect(await slow).toBe("57P01");
    expect(await notesOf(pool, world.b)).toEqual(["b1", "b2", "b3"]);
  });

  test("a connection lent many times within one turn gathers no listeners", async () => {
    await world.pw.run(world.a.id, async () => {
      const listeners = [];
      for (let n = 0; n < 30; n += 1) {
        const client = await world.pool.connect();
        listeners.push(client.listenerCount("error"));
        client.release();
      }
      expect(Math.max(...listeners)).toBeLessThan(5);
    });
  });

  test("a connection that the server ends in the packet that made it ready does not end the process", async () => {
    const server = await dyingServer(world.database.url);
    const pool = poolOf({ max: 1, connectionString: server.through(world.appUrl) });
    try {
      // It is dead before the borrower's turn has come, so another is lent for it.
      server.dieReady();
      const { client, release } = await hold(pool, world.a);
      await world.pw.run(world.a.id, () => client.query("set work_mem = '5MB'"));
      // The next borrower is handed the connection by the very packet that says it is clean.
      server.dieReady();
      const next = hold(pool, world.b);
      release();
      const second = await next;
      expect((await world.pw.run(world.b.id, () => second.client.query(NOTES))).rows).toEqual(
        ["b1", "b2", "b3"].map((note) => ({ note })),
      );
      second.release();
    } finally {
      await pools.splice(pools.indexOf(pool), 1)[0]!.end();
      await server.close();
    }
  });

  test("handlers of the pool's events run in no scope, so what they send is refused", async () => {
    const pool = poolOf({ max: 1 });
    const events: string[] = [];
    const sent: Promise<unknown>[] = [];
    pool.on("connect", (client) => {
      events.push("connect");
      sent.push(client.query(NOTES).catch((error: { code?: string }) => error.code));
    });
    for (const event of ["acquire", "remove"] as const) pool.on(event, () => events.push(event));
    pool.on("release", () => events.push("release"));
    expect(await notesOf(pool, world.b)).toEqual(["b1", "b2", "b3"]);
    expect(await notesOf(pool, world.a)).toEqual(["a1", "a2", "a3"]);
    expect(await Promise.all(sent)).toEqual(["PW_NO_SCOPE"]);
    await pools.splice(pools.indexOf(pool), 1)[0]!.end();
    await until(() => events.includes("remove"));
    expect(events).toEqual(["connect", "acquire", "release", "acquire", "release", "remove"]);
  });

  test("a system scope gets the system login's connections, which nobody can use outside it", async () => {
    const { pool } = world;
    const reason = { reason: "a test" };
    const login = "select session_user::text as login";
    expect((await world.pw.system(reason, () => pool.query(login))).rows).toEqual([
      { login: world.roles.system },
    ]);
    const heard = await world.pw.system(
      reason,
      () =>
        new Promise<unknown>((resolve) => {
          pool.query(login, (error, result) =>
            resolve([error, result?.rows, world.pw.scope()?.kind]),
          );
        }),
    );
    expect(heard).toEqual([undefined, [{ login: world.roles.system }], "system"]);
    const client = await world.pw.system(reason, () => pool.connect());
    try {
      await expect(client.query(NOTES)).rejects.toMatchObject({ code: "PW_STATEMENT_REFUSED" });
      for (const open of [
        () => world.pw.run(world.a.id, () => client.query(NOTES)),
        () => world.pw.central(() => client.query(NOTES)),
      ]) {
        await expect(open()).rejects.toMatchObject({ code: "PW_STATEMENT_REFUSED" });
      }
      const told = await new Promise<unknown>((resolve) => {
        client.query(NOTES, (error) => resolve(error));
      });
      expect(told).toMatchObject({ code: "PW_STATEMENT_REFUSED" });
      const all = await world.pw.system(reason, () => client.query(NOTES));
      expect(all.rowCount).toBe(6);
    } finally {
      client.release();
    }
    await expect(
      world.pw.run(world.a.id, () => pool.query(login)).then(({ rows }) => rows),
    ).resolves.toEqual([{ login: world.roles.app }]);
  });

  test("a connection of the application's login cannot be used in a system scope", async () => {
    const { client } = await hold(poolOf(), world.a);
    await expect(
      world.pw.system({ reason: "a test" }, () => client.query(NOTES)),
    ).rejects.toMatchObject({ code: "PW_STATEMENT_REFUSED" });
  });

  test("a system transaction that is released open is rolled back and its connection closed", async () => {
    const { pool } = world;
    const pid = await world.pw.system({ reason: "a test" }, async () => {
      const client = await pool.connect();
      await client.query("begin");
      await client.query("update orders set note = 'changed'");
      const { rows } = await client.query(PID);
      client.release();
      return rows[0].pid as number;
    });
    await until(async () => (await backends(pid)) === 0);
    expect((await world.rows("orders", world.a)).map((row) => row["note"])).toEqual([
      "a1",
      "a2",
      "a3",
    ]);
  });

  test("what waits for a system connection keeps its scope, whoever gives the connection back", async () => {
    const { pool } = guardWith({
      app: world.appUrl,
      system: { connectionString: world.systemUrl, max: 1 },
    });
    const client = await world.pw.system({ reason: "hold" }, () => pool.connect());
    let issued = 0;
    const waiting = [
      world.pw.system({ reason: "query" }, async () => {
        const result = pool.query(NOTES);
        issued += 1;
        return (await result).rowCount;
      }),
      world.pw.system(
        { reason: "callback" },
        () =>
          new Promise<unknown>((resolve, reject) => {
            pool.connect((error, lent, free) => {
              if (error || lent === undefined) return reject(error ?? new Error("no client"));
              const kind = world.pw.scope()?.kind;
              lent.query(NOTES, (failure, result) => {
                free();
                if (failure) reject(failure);
                else resolve([kind, result.rowCount]);
              });
            });
            issued += 1;
          }),
      ),
      world.pw.system({ reason: "promise" }, async () => {
        const lending = pool.connect();
        issued += 1;
        const lent = await lending;
        try {
          return (await lent.query(NOTES)).rowCount;
        } finally {
          lent.release();
        }
      }),
    ];
    await until(() => issued === waiting.length);
    await world.pw.run(world.a.id, () => client.release());
    expect(await Promise.allSettled(waiting)).toEqual(
      [6, ["system", 6], 6].map((value) => ({ status: "fulfilled", value })),
    );
  });

  test("a missing system login is told in a system scope, and nothing falls back to the application's", async () => {
    const guard = guardWith({ app: world.appUrl });
    expect(await notesOf(guard.pool, world.a)).toHaveLength(3);
    await world.pw.system({ reason: "a test" }, async () => {
      await expect(guard.pool.query(NOTES)).rejects.toMatchObject({ code: "PW_CONFIG" });
      await expect(guard.pool.connect()).rejects.toMatchObject({ code: "PW_CONFIG" });
      const heard = await new Promise<unknown>((resolve) => {
        guard.pool.query(NOTES, (error) => resolve(error));
      });
      expect(heard).toMatchObject({ code: "PW_CONFIG" });
      const connected = await new Promise<unknown>((resolve) => {
        guard.pool.connect((error) => resolve(error));
      });
      expect(connected).toMatchObject({ code: "PW_CONFIG" });
    });
  });
});
