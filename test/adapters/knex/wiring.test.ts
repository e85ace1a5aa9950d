import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import knex, { type Knex } from "knex";
import { PartywallError, type Tenant } from "partywall";
import { guardKnex } from "partywall/adapters/knex";
import { guardPg } from "partywall/guards/postgres";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { buildTown, type Town } from "../../guards/postgres/placement/town.js";
import { buildWorld, type World } from "../../guards/postgres/world.js";

interface Order {
  readonly id: number;
  readonly note: string;
  readonly amount: number;
}

const plain = guardPg(pg, { app: "postgres://nobody@localhost/nothing" });
const loose = new pg.Pool({ connectionString: "postgres://nobody@localhost/nothing" });

describe("guardKnex refuses what it cannot put over the guard", () => {
  test.each<[title: string, instance: () => { client: unknown }, code: string, told: string]>([
    ["what is no Knex instance", () => ({ client: {} }), "PW_CONFIG", "no Knex instance"],
    ["nothing", () => ({ client: undefined }), "PW_CONFIG", "no Knex instance"],
    ["another server's dialect", () => knex({ client: "mysql2" }), "PW_CONFIG", "mysql2"],
    ["pg-native", () => knex({ client: "pgnative" }), "PW_CONFIG", "pgnative"],
    ["CockroachDB", () => knex({ client: "cockroachdb" }), "PW_CONFIG", "cockroachdb"],
    ["Redshift", () => knex({ client: "redshift" }), "PW_CONFIG", "redshift"],
    [
      "an instance without a dialect",
      () => knex({ client: knex.Client }),
      "PW_CONFIG",
      "no Knex instance with a dialect",
    ],
    [
      "a pool of another's",
      () => knex({ client: "pg", connectionPool: loose }),
      "PW_GUARD_BYPASSED",
      "connectionPool",
    ],
    [
      "another guard's pool",
      () => knex({ client: "pg", connectionPool: guardPg(pg, { app: undefined }).pool }),
      "PW_GUARD_BYPASSED",
      "connectionPool",
    ],
    [
      "an instance over another guard",
      () => guardKnex(guardPg(pg, { app: undefined }), knex({ client: "pg" })),
      "PW_CONFIG",
      "another guard",
    ],
    [
      "settings made when a connection opens",
      () => knex({ client: "pg", pool: { afterCreate: () => undefined, validate: () => true } }),
      "PW_CONFIG",
      "pool.afterCreate and pool.validate",
    ],
    [
      "a search path of its own",
      () => knex({ client: "pg", searchPath: ["shop", "public"] }),
      "PW_CONFIG",
      "searchPath",
    ],
  ])("%s", (_title, instance, code, told) => {
    expect(() => guardKnex(plain, instance())).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(told) }),
    );
  });

  test("not an instance that a build makes without a login, nor one guarded before", () => {
    const guard = guardPg(pg, { app: undefined });
    const db = knex({ client: "pg" });
    expect(guardKnex(guard, db)).toBe(db);
    expect(guardKnex(guard, db)).toBe(db);
    const over = knex({ client: "pg", connectionPool: guard.pool });
    expect(guardKnex(guard, over)).toBe(over);
  });
});

describeEngine("postgres", "Knex over the guard's pool", () => {
  let world: World;
  let db: Knex;
  const destroyed: Knex[] = [];
  const as = <T>({ id }: Tenant, fn: () => T) => world.pw.run(id, fn);
  const orders = (on: Knex = db) => on<Order>("orders").orderBy("id");
  /** An instance of the tests' own, of a guard of its own where it is told how. */
  const opened = (config: Knex.Config = {}) => {
    const one = guardKnex(world.guard, knex({ client: "pg", ...config }));
    destroyed.push(one);
    return one;
  };
  const isAlive = async (pid: number) => {
    const { rowCount } = await world.unguarded.query(
      "select from pg_stat_activity where pid = $1",
      [pid],
    );
    return rowCount === 1;
  };

  beforeAll(async () => {
    world = await buildWorld({
      max: 1,
      ddl: "create table words (tenant_id uuid not null, id int not null, word text, primary key (tenant_id, id)); create function nap() returns int language sql as 'select 1 from pg_sleep(60)';",
      tables: ["words"],
    });
    db = guardKnex(world.guard, knex({ client: "pg", acquireConnectionTimeout: 20_000 }));
    for (const { id } of [world.a, world.b]) {
      await world.unguarded.query(
        "insert into words select $1, n, 'word ' || n from generate_series(1, 500) n",
        [id],
      );
    }
  });
  afterEach(async () => {
    for (const one of destroyed.splice(0)) await one.destroy();
  });
  afterAll(() => world.close());

  test("a connection of its own is never opened, whatever its configuration says", async () => {
    const asked: string[] = [];
    const instances = [
      opened({ connection: world.database.url, pool: { min: 2, max: 5 } }),
      opened({ connection: { connectionString: world.database.url }, version: "15.1" }),
      opened({
        connection: async () => {
          asked.push("connection");
          return { connectionString: world.database.url, expirationChecker: () => true };
        },
      }),
    ];
    for (const one of instances) {
      const [{ current_user: role }] = (
        await as(world.a, () => one.raw("select current_user from orders"))
      ).rows;
      expect(role).toBe(world.roles.app);
      expect(await as(world.a, () => orders(one).pluck("note"))).toEqual(["a1", "a2", "a3"]);
      await expect(one.client.acquireRawConnection()).rejects.toMatchObject({
        code: "PW_GUARD_BYPASSED",
      });
    }
    expect(asked).toEqual([]);
  });

  test("an instance that was used before is refused", async () => {
    const used = knex({ client: "pg", connection: world.appUrl });
    destroyed.push(used);
    await used.raw("select 1");
    expect(() => guardKnex(world.guard, used)).toThrow(
      expect.objectContaining({ code: "PW_CONFIG" }),
    );
    await as(world.a, () =>
      db.transaction(async (tx) => {
        expect(() => guardKnex(world.guard, tx)).toThrow(
          expect.objectContaining({ code: "PW_CONFIG" }),
        );
      }),
    );
  });

  test("copies with parameters of their own, and an instance initialised again, stay over the guard", async () => {
    const copy = db.withUserParams({ who: "ada" });
    expect(await as(world.b, () => orders(copy).pluck("note"))).toEqual(["b1", "b2", "b3"]);
    await expect(orders(copy)).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    const again = opened({ connection: world.database.url });
    await again.destroy();
    expect(await as(world.a, () => orders().pluck("id"))).toEqual([1, 2, 3]);
    again.initialize();
    expect(await as(world.a, () => orders(again).pluck("note"))).toEqual(["a1", "a2", "a3"]);
  });

  test("a connection handed to a query is proved to be the guard's", async () => {
    const unguarded = new pg.Client({ connectionString: world.database.url });
    await unguarded.connect();
    const own = new world.guard.Client(world.appUrl);
    await own.connect();
    try {
      for (const attempt of [
        async () => void (await orders().connection(unguarded)),
        async () => void (await db.transaction((trx) => orders(trx), { connection: unguarded })),
        async () => {
          for await (const row of orders().connection(unguarded).stream()) expect(row).toBe(0);
        },
      ]) {
        await expect(as(world.a, attempt)).rejects.toMatchObject({ code: "PW_GUARD_BYPASSED" });
      }
      expect(await as(world.a, () => orders().connection(own).pluck("note"))).toEqual([
        "a1",
        "a2",
        "a3",
      ]);
      expect(await as(world.b, () => orders().connection(own).pluck("note"))).toEqual([
        "b1",
        "b2",
        "b3",
      ]);
    } finally {
      await unguarded.end();
      await own.end();
    }
  });

  test("outside a scope nothing is sent, whichever way it is asked", async () => {
    const before = await world.rows("orders", world.a);
    for (const attempt of [
      async () => orders(),
      () => db.transaction(),
      () => db.raw("delete from orders"),
      () => db("orders").insert({ id: 9 }),
      () => db.batchInsert("orders", [{ id: 9 }]),
      () => db.transaction(async (trx) => trx("orders").del()),
      () => db.transactionProvider()(),
      () => db("orders").columnInfo(),
      () => db.schema.dropTable("orders"),
      () => db.migrate.latest({ migrationSource: { getMigrations: async () => [] } as never }),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    }
    let ran = false;
    const begun = db.transaction(async () => {
      ran = true;
    });
    await expect(begun).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    expect(ran).toBe(false);
    const stream = orders().stream();
    await expect(once(stream, "data")).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    expect(await world.rows("orders", world.a)).toEqual(before);
  });

  test("a system scope has every tenant's rows, a central one the shared tables alone", async () => {
    const { pw } = world;
    const all = () => db("orders").whereIn("id", [1, 2]).orderBy("note").pluck("note");
    expect(await pw.system({ reason: "report" }, () => all())).toEqual(["a1", "a2", "b1", "b2"]);
    expect(
      await pw.system({ reason: "report" }, () => db.transaction((trx) => trx("orders").count())),
    ).toEqual([{ count: "6" }]);
    expect(await pw.central(() => db("plans").orderBy("name").pluck("name"))).toEqual([
      "free",
      "pro",
    ]);
    await expect(pw.central(all)).rejects.toMatchObject({ code: "PW_CENTRAL_SCOPE" });
  });

  test("our errors come as they are: no statement and no parameter in them, in events neither", async () => {
    const heard: Error[] = [];
    const one = opened();
    one.on("query-error", (error: Error) => heard.push(error));
    const secret = "a parameter";
    for (const on of [one, opened({ compileSqlOnError: false })]) {
      const write = (within: Knex) =>
        within("orders").insert({ tenant_id: world.b.id, id: 77, note: secret });
      for (const attempt of [() => write(on), () => on.transaction((trx) => write(trx))]) {
        const error = await as(world.a, attempt).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error).toBeInstanceOf(PartywallError);
        const { code, message } = error as PartywallError;
        expect(code).toBe("PW_WRITE_MISMATCH");
        expect(message).toMatch(/^A row was written with another tenant's id/);
        expect(message).not.toContain(secret);
      }
    }
    expect(heard.map(({ message }) => message.includes(secret))).toEqual([false, false]);
    // The server's own errors are told in Knex's way, as before.
    const twice = as(world.a, () => db("orders").insert({ id: 1 }));
    await expect(twice).rejects.toMatchObject({
      code: "23505",
      message: expect.stringContaining("insert into"),
    });
  });

  test("a transaction is its scope's, however it is carried into another", async () => {
    const { a, b } = world;
    const provide = db.transactionProvider();
    for (const begin of [() => db.transaction(), () => provide()]) {
      const trx = await as(a, begin);
      await as(a, () => trx("orders").where({ id: 1 }).update({ note: "carried" }));
      for (const attempt of [
        async () => orders(trx),
        async () => db("orders").transacting(trx),
        async () => trx.raw("select 1"),
        () => trx.transaction((nested) => orders(nested)),
        () => trx.batchInsert("orders", [{ id: 50 }]),
      ]) {
        await expect(as(b, attempt)).rejects.toMatchObject({ code: "PW_TRANSACTION_SCOPE" });
      }
      await as(a, () => trx.rollback());
    }
    const provided = db.transactionProvider();
    const first = await as(a, provided);
    const second = await as(b, provided);
    expect(second).toBe(first);
    await expect(as(b, () => orders(second))).rejects.toMatchObject({
      code: "PW_TRANSACTION_SCOPE",
    });
    await as(a, () => first.rollback());
    expect((await world.rows("orders", a)).map(({ note }) => note)).toEqual(["a1", "a2", "a3"]);
    expect((await world.rows("orders", b)).map(({ note }) => note)).toEqual(["b1", "b2", "b3"]);
  });

  test("a transaction whose end is asked for outside every scope is undone", async () => {
    const trx = await as(world.a, () => db.transaction());
    await as(world.a, () => trx("orders").where({ id: 1 }).update({ note: "never" }));
    await trx.commit().catch(() => undefined);
    await expect(trx.executionPromise).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    // The only connection of the pool: it comes free, and without the transaction.
    expect(await as(world.b, () => orders().pluck("note"))).toEqual(["b1", "b2", "b3"]);
    expect((await world.rows("orders", world.a))[0]).toMatchObject({ note: "a1" });
  });

  test("savepoints, isolation levels and read-only transactions are the server's", async () => {
    const { a, b } = world;
    await as(a, () =>
      db.transaction(
        async (trx) => {
          const { rows } = await trx.raw("show transaction_isolation");
          expect(rows).toEqual([{ transaction_isolation: "serializable" }]);
          await trx("orders").where({ id: 1 }).update({ amount: 11 });
          await trx
            .savepoint(async (point) => {
              await point("orders").update({ amount: 99 });
              throw new Error("undo");
            })
            .catch(() => undefined);
          await trx.savepoint((point) => point("orders").where({ id: 2 }).update({ amount: 21 }));
        },
        { isolationLevel: "serializable" },
      ),
    );
    expect((await world.rows("orders", a)).map(({ amount }) => amount)).toEqual([11, 21, 30]);
    expect((await world.rows("orders", b)).map(({ amount }) => amount)).toEqual([1000, 2000, 3000]);
    const write = as(a, () =>
      db.transaction((trx) => trx("orders").update({ amount: 1 }), { readOnly: true }),
    );
    await expect(write).rejects.toMatchObject({ code: "25006" });
    await as(a, () => db("orders").update({ amount: db.raw("id * 10") }));
  });

  test("upserts, bulk inserts, functions and raw conditions keep to the tenant", async () => {
    const { a, b } = world;
    await as(a, async () => {
      await db("orders")
        .insert({ id: 1, note: "merged" })
        .onConflict(["tenant_id", "id"])
        .merge(["note"]);
      await db.batchInsert(
        "orders",
        [4, 5, 6, 7].map((id) => ({ id, note: `a${id}` })),
        2,
      );
      expect(await orders().whereRaw("?? > ? or 1 = 1", ["id", 5]).pluck("id")).toEqual([
        1, 2, 3, 4, 5, 6, 7,
      ]);
      expect(await orders().where("tenant_id", b.id).orWhereRaw(`tenant_id = '${b.id}'`)).toEqual(
        [],
      );
      const [{ at }] = await db("orders").where({ id: 1 }).select({ at: db.fn.now() });
      expect(at).toBeInstanceOf(Date);
      expect((await db.raw("select note from orders where id = :id", { id: 1 })).rows).toEqual([
        { note: "merged" },
      ]);
    });
    expect((await world.rows("orders", a)).map(({ note }) => note)).toEqual([
      "merged",
      "a2",
      "a3",
      "a4",
      "a5",
      "a6",
      "a7",
    ]);
    expect((await world.rows("orders", b)).map(({ note }) => note)).toEqual(["b1", "b2", "b3"]);
    await as(a, async () => {
      await db("orders").where("id", ">", 3).del();
      await db("orders").where({ id: 1 }).update({ note: "a1" });
    });
  });

  test("forty tasks of two tenants on one connection meet their own rows", async () => {
    const seen = await Promise.all(
      Array.from({ length: 40 }, (_, n) => {
        const [tenant, mark] = n % 2 === 0 ? [world.a, "a"] : [world.b, "b"];
        return as(tenant, async () => {
          await db
            .transaction(async (trx) => {
              await trx("orders").insert({ id: 100 + n, note: `${mark} undone` });
              throw new Error("undo");
            })
            .catch(() => undefined);
          const read = await orders().pluck("note");
          return read.every((note) => note.startsWith(mark)) && read.length === 3;
        });
      }),
    );
    expect(seen).toEqual(seen.map(() => true));
  });

  describe("streams", () => {
    test("give the scope's rows, in a transaction too, and end with their caller's loop", async () => {
      for (const tenant of [world.a, world.b]) {
        await as(tenant, async () => {
          const words: string[] = [];
          for await (const { word } of db("words").orderBy("id").stream()) words.push(word);
          expect(words).toHaveLength(500);
          await db.transaction(async (trx) => {
            for await (const { word } of trx("words").orderBy("id").stream({ batchSize: 10 })) {
              expect(word).toBe("word 1");
              break;
            }
          });
          let count = 0;
          await db("words").stream((stream) => stream.on("data", () => (count += 1)));
          expect(count).toBe(500);
        });
      }
    });

    test("tell an error once, to whoever reads", async () => {
      const told: Error[] = [];
      const stream = await as(world.a, async () => db.raw("select 1 / 0").stream());
      stream.on("error", (error: Error) => told.push(error));
      await as(world.b, () => orders());
      expect(told).toHaveLength(1);
      expect(told[0]).toMatchObject({ code: "22012" });
    });

    test("that close late do not take the connection from whoever has it then", async () => {
      // Read to its end by the stream, so that the connection is given back; and not yet by its reader.
      const stream = await as(world.a, async () => db("words").limit(5).orderBy("id").stream());
      await as(world.b, () =>
        db.transaction(async (trx) => {
          await trx("orders").where({ id: 1 }).update({ note: "b in turn" });
          for await (const row of stream) expect(row).toHaveProperty("word");
          if (!stream.closed) await once(stream, "close");
          expect(await trx("orders").where({ id: 1 }).pluck("note")).toEqual(["b in turn"]);
          await trx("orders").where({ id: 1 }).update({ note: "b1" });
        }),
      );
      expect(await as(world.a, () => orders().pluck("note"))).toEqual(["a1", "a2", "a3"]);
    });
  });

  describe("a timeout", () => {
    test.each(["tenant", "system"])(
      "with cancel ends the statement on the server (%s)",
      async (kind) => {
        const { pw } = world;
        const nap = () => db.raw("select nap()").timeout(200, { cancel: true });
        const asked =
          kind === "tenant" ? as(world.a, nap) : pw.system({ reason: "report" }, () => nap());
        await expect(asked).rejects.toMatchObject({
          name: "KnexTimeoutError",
          message: expect.stringMatching(/^Defined query timeout/),
        });
        const napping = async () =>
          (
            await world.unguarded.query(
              "select 1 from pg_stat_activity where state = 'active' and query = 'select nap()' and usename in ($1, $2)",
              [world.roles.app, world.roles.system],
            )
          ).rowCount;
        while ((await napping()) !== 0) await sleep(20);
        expect(await as(world.b, () => orders().pluck("note"))).toEqual(["b1", "b2", "b3"]);
      },
    );

    test("without cancel closes the connection, so that nobody waits for it", async () => {
      const nap = as(world.a, () => db.raw("select nap()").timeout(200));
      await expect(nap).rejects.toMatchObject({ name: "KnexTimeoutError" });
      expect(await as(world.b, () => orders().pluck("note"))).toEqual(["b1", "b2", "b3"]);
      await world.unguarded.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where query = 'select nap()'",
      );
    });

    test("of waiting for a connection is told as ours", async () => {
      const one = opened({ acquireConnectionTimeout: 100 });
      await as(world.a, () =>
        one.transaction(async () => {
          // Forgot the transaction.
          await expect(orders(one)).rejects.toMatchObject({ code: "PW_POOL_EXHAUSTED" });
        }),
      );
      expect(await as(world.b, () => orders(one).pluck("note"))).toEqual(["b1", "b2", "b3"]);
    });
  });

  test("a backend that ends under a transaction ends it alone", async () => {
    await as(world.a, async () => {
      const trx = await db.transaction();
      const { rows } = await trx.raw("select pg_backend_pid() as pid");
      await world.unguarded.query("select pg_terminate_backend($1)", [rows[0].pid]);
      while (await isAlive(rows[0].pid)) await sleep(20);
      await expect(orders(trx)).rejects.toThrow(/terminat|not queryable|connection/i);
      await trx.rollback().catch(() => undefined);
      await trx.executionPromise.catch(() => undefined);
    });
    expect(await as(world.b, () => orders().pluck("note"))).toEqual(["b1", "b2", "b3"]);
  });
});

describeEngine("postgres", "Knex's names of schemas, for tenants placed in every way", () => {
  const SLUGS = ["anna", "carla", "dora", "eve", "fred"] as const;
  let town: Town;
  let db: Knex;
  const as = <T>(slug: string, fn: () => T) => town.pw.run({ slug }, fn);
  beforeAll(async () => {
    town = await buildTown([
      { slug: "anna", strategy: "row" },
      { slug: "carla", strategy: "schema" },
      { slug: "dora", strategy: "schema" },
      { slug: "eve", strategy: "schema", own: true },
      { slug: "fred", strategy: "database" },
    ]);
    db = guardKnex(town.guard, knex({ client: "pg" }));
  });
  afterAll(() => town.close());

  test("a bare name is the tenant's own table, and what the tenant sees behind it", async () => {
    for (const slug of SLUGS) {
      expect(await as(slug, () => db("orders").where({ id: 1 }).pluck("note"))).toEqual([
        `${slug}1`,
      ]);
      expect(Object.keys(await as(slug, () => db("orders").columnInfo()))).toContain("note");
    }
    expect(await as("carla", () => db("plans").orderBy("price").pluck("name"))).toEqual([
      "free",
      "pro",
    ]);
  });

  test("withSchema() is the tenant's own schema, or refused", async () => {
    const read = (slug: string, schema: string) =>
      as(slug, () => db("orders").withSchema(schema).where({ id: 1 }).pluck("note"));
    expect(await read("anna", "public")).toEqual(["anna1"]);
    expect(await read("carla", town.homes["carla"]!)).toEqual(["carla1"]);
    expect(await as("carla", () => db("plans").withSchema("common").count())).toEqual([
      { count: "2" },
    ]);
    const elsewhere = [
      ["carla", "public"],
      ["carla", town.homes["dora"]!],
      ["anna", town.homes["carla"]!],
      ["eve", town.homes["dora"]!],
      ["fred", town.homes["dora"]!],
    ] as const;
    for (const [slug, schema] of elsewhere) {
      expect(await read(slug, schema).catch(() => [])).toEqual([]);
      const write = as(slug, () => db("orders").withSchema(schema).insert({ id: 9, note: "out" }));
      await expect(write, `${slug} into ${schema}`).rejects.toMatchObject({
        code: expect.stringMatching(/^(?:PW_PLACEMENT|PW_WRITE_MISMATCH|42501|42P01)$/),
      });
    }
    for (const slug of SLUGS) expect(await town.rows(slug)).toHaveLength(3);
  });

  test("a search path that tenant SQL sets leads nowhere else, and not to whoever comes next", async () => {
    await as("carla", () =>
      db.transaction(async (trx) => {
        await trx.raw("set local search_path to ??", [town.homes["dora"]!]);
        expect(await trx("orders")).toEqual([]);
      }),
    );
    await as("carla", () => db.raw("set search_path to ??", [town.homes["dora"]!]));
    for (const slug of SLUGS) {
      expect(await as(slug, () => db("orders").where({ id: 1 }).pluck("note"))).toEqual([
        `${slug}1`,
      ]);
    }
  });
});
