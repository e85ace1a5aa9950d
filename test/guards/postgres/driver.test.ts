import { once } from "node:events";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import pg from "pg";
import { from as copyFrom, to as copyTo } from "pg-copy-streams";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";
import { insertRows } from "partywall/guards/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { buildWorld, type World } from "./world.js";

describeEngine("postgres", "the driver's own API behind the guard", () => {
  let world: World;
  beforeAll(async () => {
    world = await buildWorld({
      ddl: "create table imports (tenant_id uuid not null, id int not null, v text, primary key (tenant_id, id)); create table notes (v text)",
      tables: ["imports"],
    });
    await world.unguarded.query(`grant select, insert on notes to ${world.roles.app}`);
  });
  afterAll(() => world.close());

  const inA = <T>(fn: () => T) => world.pw.run(world.a.id, fn);
  const inB = <T>(fn: () => T) => world.pw.run(world.b.id, fn);
  const withClient = async <T>(fn: (client: pg.PoolClient) => Promise<T>) => {
    const client = await world.pool.connect();
    try {
      return await fn(client);
    } finally {
      client.release();
    }
  };

  test("the pool is an instance of the caller's own Pool", () => {
    expect(world.pool).toBeInstanceOf(pg.Pool);
    expect(new world.guard.Client()).toBeInstanceOf(pg.Client);
  });

  test("a text of several statements runs in one sealed transaction", async () => {
    const results = await inA(() =>
      world.pool.query(
        "select note from orders where id = 1; select count(*)::int as n from orders",
      ),
    );
    expect((results as unknown as pg.QueryResult[]).map((result) => result.rows)).toEqual([
      [{ note: "a1" }],
      [{ n: 3 }],
    ]);
  });

  test("a text of one statement with a semicolon in a string is committed", async () => {
    await inA(() => world.pool.query("insert into imports (id, v) values (1, 'x; y')"));
    expect(await world.rows("imports", world.a)).toMatchObject([{ id: 1, v: "x; y" }]);
  });

  test("a failing text of several statements leaves the connection in order", async () => {
    await inA(() =>
      withClient(async (client) => {
        await expect(client.query("select 1; select nothing_here")).rejects.toMatchObject({
          code: "42703",
        });
        const { rows } = await client.query("select note from orders where id = 1");
        expect(rows).toEqual([{ note: "a1" }]);
      }),
    );
  });

  test("transactions commit, roll back, and keep savepoints", async () => {
    await inA(() =>
      withClient(async (client) => {
        await client.query("begin isolation level serializable");
        await client.query("insert into imports (id, v) values (10, 'kept')");
        await client.query("savepoint s");
        await client.query("insert into imports (id, v) values (11, 'gone')");
        await client.query("rollback to savepoint s");
        const { rows } = await client.query("select v from imports where id in (10, 11)");
        expect(rows).toEqual([{ v: "kept" }]);
        await client.query("commit and chain");
        expect((await client.query("show transaction_isolation")).rows).toEqual([
          { transaction_isolation: "serializable" },
        ]);
        expect((await client.query("select count(*)::int as n from orders")).rows).toEqual([
          { n: 3 },
        ]);
        await client.query("rollback");
      }),
    );
    expect(await world.rows("imports", world.a)).toMatchObject([{ id: 1 }, { id: 10 }]);
  });

  test("a savepoint before the first statement keeps the seal after ROLLBACK TO", async () => {
    await inA(() =>
      withClient(async (client) => {
        await client.query("begin");
        await client.query("savepoint s");
        await expect(client.query("select 1/0")).rejects.toMatchObject({ code: "22012" });
        await expect(client.query("select 1")).rejects.toMatchObject({ code: "25P02" });
        await client.query("rollback to savepoint s");
        expect((await client.query("select count(*)::int as n from orders")).rows).toEqual([
          { n: 3 },
        ]);
        await client.query("commit");
      }),
    );
  });

  test("a transaction cannot be continued by another tenant's scope", async () => {
    await inA(() =>
      withClient(async (client) => {
        await client.query("begin");
        await client.query("select 1");
        const stranger = world.pw.bind(() => client.query("select note from orders"));
        expect((await stranger()).rows).toHaveLength(3);
        await client.query("rollback");
      }),
    );
    const client = await world.pool.connect();
    await inA(() => client.query("begin"));
    await expect(inB(() => client.query("select note from orders"))).rejects.toMatchObject({
      code: "PW_TRANSACTION_SCOPE",
    });
    await expect(inB(() => client.query("commit"))).rejects.toMatchObject({
      code: "PW_TRANSACTION_SCOPE",
    });
    await inA(() => client.query("rollback"));
    expect((await inB(() => client.query("select note from orders where id = 1"))).rows).toEqual([
      { note: "b1" },
    ]);
    client.release();
  });

  test("a connection released in the middle of a transaction is closed, not lent again", async () => {
    const pid = await inA(async () => {
      const client = await world.pool.connect();
      await client.query("begin");
      await client.query("insert into imports (id, v) values (20, 'uncommitted')");
      const { rows } = await client.query("select pg_backend_pid() as pid");
      client.release();
      return rows[0].pid as number;
    });
    const { rows } = await inB(() => world.pool.query("select pg_backend_pid() as pid"));
    expect(rows[0].pid).not.toBe(pid);
    expect((await world.rows("imports", world.a)).map((row) => row["id"])).not.toContain(20);
  });

  test("named statements are sent unnamed", async () => {
    const query = { name: "by-id", text: "select note from orders where id = $1", values: [1] };
    await inA(() =>
      withClient(async (client) => {
        expect((await client.query(query)).rows).toEqual([{ note: "a1" }]);
        expect((await client.query(query)).rows).toEqual([{ note: "a1" }]);
        // The view's privileges are taken from the login, so an unguarded count is read through its function's owner.
        await expect(client.query("select * from pg_prepared_statements")).rejects.toMatchObject({
          code: "42501",
        });
      }),
    );
  });

  test("a cursor reads its own tenant's rows in batches", async () => {
    await inB(() =>
      withClient(async (client) => {
        const cursor = client.query(new Cursor("select note from orders order by id"));
        expect(await cursor.read(2)).toEqual([{ note: "b1" }, { note: "b2" }]);
        expect(await cursor.read(2)).toEqual([{ note: "b3" }]);
        await cursor.close();
        expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
      }),
    );
  });

  test("a cursor closed early leaves the connection in order", async () => {
    await inB(() =>
      withClient(async (client) => {
        const cursor = client.query(new Cursor("select * from generate_series(1, 1000)"));
        await cursor.read(1);
        await cursor.close();
        expect((await client.query("select note from orders where id = 1")).rows).toEqual([
          { note: "b1" },
        ]);
      }),
    );
  });

  test("a cursor released open does not cost the pool its connection", async () => {
    const world2 = await buildWorld({ max: 1, guard: { drainMs: 50 } });
    await world2.pw.run(world2.a.id, async () => {
      const client = await world2.pool.connect();
      client.on("error", () => undefined);
      const cursor = client.query(new Cursor("select * from generate_series(1, 1000)"));
      await cursor.read(1);
      client.release();
    });
    const { rows } = await world2.pw.run(world2.b.id, () =>
      world2.pool.query("select note from orders where id = 1"),
    );
    expect(rows).toEqual([{ note: "b1" }]);
    await world2.close();
  });

  test("a failing cursor reports the server's error", async () => {
    await inA(() =>
      withClient(async (client) => {
        const cursor = client.query(new Cursor("select nothing_here"));
        await expect(cursor.read(1)).rejects.toMatchObject({ code: "42703" });
        expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
      }),
    );
  });

  test("a stream runs its events in the scope that issued it, also when another tenant opened the connection", async () => {
    await inB(() => world.pool.query("select 1"));
    const seen: unknown[] = [];
    await inA(() =>
      withClient(async (client) => {
        const stream = client.query(new QueryStream("select note from orders order by id"));
        stream.on("data", (row: { note: string }) =>
          seen.push([row.note, world.pw.current().slug]),
        );
        await once(stream, "end");
      }),
    );
    expect(seen).toEqual([
      ["a1", "a"],
      ["a2", "a"],
      ["a3", "a"],
    ]);
  });

  test("COPY TO gives only the tenant's rows", async () => {
    const chunks: Buffer[] = [];
    await inB(() =>
      withClient(async (client) => {
        const stream = client.query(copyTo("copy (select note from orders order by id) to stdout"));
        await pipeline(
          stream,
          new Writable({
            write(chunk: Buffer, _encoding, done) {
              chunks.push(chunk);
              done();
            },
          }),
        );
        expect((await client.query("select note from orders where id = 1")).rows).toEqual([
          { note: "b1" },
        ]);
      }),
    );
    expect(Buffer.concat(chunks).toString()).toBe("b1\nb2\nb3\n");
  });

  test("COPY FROM into a tenant table is refused by name, and works on a shared table", async () => {
    await inA(() =>
      withClient(async (client) => {
        const refused = client.query(copyFrom("copy imports (id, v) from stdin"));
        await expect(pipeline(Readable.from(["1\tx\n"]), refused)).rejects.toMatchObject({
          code: "PW_COPY_FROM",
        });
        await pipeline(Readable.from(["hello\n"]), client.query(copyFrom("copy notes from stdin")));
        expect((await client.query("select note from orders where id = 1")).rows).toEqual([
          { note: "a1" },
        ]);
      }),
    );
    expect((await world.unguarded.query("select v from notes")).rows).toEqual([{ v: "hello" }]);
  });

  test("insertRows writes in batches, stamped with the tenant", async () => {
    const rows = Array.from({ length: 1203 }, (_, n) => [1000 + n, `v${n}`]);
    const written = await inB(() =>
      insertRows(world.pool, { table: "imports", columns: ["id", "v"], rows }),
    );
    expect(written).toBe(1203);
    expect(await world.rows("imports", world.b)).toHaveLength(1203);
    expect(await world.rows("imports", world.a)).toHaveLength(2);
  });

  test("callbacks run in the scope that issued the statement", async () => {
    const slug = await inA(
      () =>
        new Promise((resolve, reject) => {
          world.pool.query("select 1", (error: Error) =>
            error ? reject(error) : resolve(world.pw.current().slug),
          );
        }),
    );
    expect(slug).toBe("a");
  });

  test("a callback hears of a missing scope", async () => {
    const error = await new Promise((resolve) => {
      world.pool.query("select * from orders", (failure: Error) => resolve(failure));
    });
    expect(error).toMatchObject({ code: "PW_NO_SCOPE" });
  });

  test("a value that cannot be serialised fails its own statement only", async () => {
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    await inA(() =>
      withClient(async (client) => {
        await expect(client.query("select $1::json", [circular])).rejects.toThrow(/circular/i);
        expect((await client.query("select note from orders where id = 1")).rows).toEqual([
          { note: "a1" },
        ]);
      }),
    );
  });

  test("LISTEN is refused on a pooled connection and works on a dedicated one", async () => {
    await inA(() =>
      withClient((client) =>
        expect(client.query("listen news")).rejects.toMatchObject({ code: "PW_LISTEN_ON_POOL" }),
      ),
    );
    const client = new world.guard.Client({ connectionString: world.appUrl });
    await client.connect();
    await world.pw.central(() => client.query("listen news"));
    const heard = once(client, "notification");
    await inA(() => world.pool.query("select pg_notify('news', 'hint')"));
    expect((await heard)[0]).toMatchObject({ channel: "news", payload: "hint" });
    await client.end();
  });

  test("a statement over query_timeout is cancelled on the server before the caller hears of it", async () => {
    await inA(() =>
      withClient(async (client) => {
        const slow = { text: "select pg_sleep(30), 'slow-marker'", query_timeout: 100 };
        await expect(client.query(slow as pg.QueryConfig)).rejects.toMatchObject({
          code: "PW_QUERY_TIMEOUT",
        });
        expect((await client.query("select note from orders where id = 1")).rows).toEqual([
          { note: "a1" },
        ]);
      }),
    );
  });

  test("rows: n pages through one portal", async () => {
    const { rows } = await inA(() =>
      world.pool.query({ text: "select note from orders order by id", rows: 2 } as pg.QueryConfig),
    );
    expect(rows).toHaveLength(3);
  });

  test("array mode works", async () => {
    const { rows } = await inA(() =>
      world.pool.query({ text: "select note from orders where id = 1", rowMode: "array" }),
    );
    expect(rows).toEqual([["a1"]]);
  });

  test("a pipelined client keeps two tenants apart on one connection", async () => {
    const client = new world.guard.Client({
      connectionString: world.appUrl,
      pipeline: true,
    });
    await client.connect();
    const asked: Promise<[string, string]>[] = [];
    for (let n = 0; n < 60; n += 1) {
      const tenant = n % 3 === 0 ? world.b : world.a;
      asked.push(
        world.pw.run(tenant.id, async () => {
          const { rows } = await client.query("select note from orders where id = $1", [
            1 + (n % 2),
          ]);
          return [tenant.slug, String(rows[0].note)] as [string, string];
        }),
      );
    }
    for (const [slug, note] of await Promise.all(asked)) expect(note.startsWith(slug)).toBe(true);
    await client.end();
  });

  test("a pipelined transaction cannot take in another tenant's statement", async () => {
    const client = new world.guard.Client({
      connectionString: world.appUrl,
      pipeline: true,
    });
    await client.connect();
    const begun = inA(() => client.query("begin"));
    const foreign = inB(() => client.query("select note from orders"));
    await begun;
    await expect(foreign).rejects.toMatchObject({ code: "PW_TRANSACTION_SCOPE" });
    await inA(() => client.query("rollback"));
    await client.end();
  });
});
