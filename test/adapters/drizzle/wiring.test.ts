import { asc, DrizzleQueryError, eq, placeholder, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { drizzle as proxied } from "drizzle-orm/pg-proxy";
import { pgMaterializedView, withReplicas } from "drizzle-orm/pg-core";
import { PartywallError, partywallErrorOf } from "partywall";
import { guardDrizzle, tenantCache, type DrizzleDatabase } from "partywall/adapters/drizzle";
import { guardPg } from "partywall/guards/postgres";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { buildWorld, type World } from "../../guards/postgres/world.js";
import { customers, MemoryCache, orders, schema } from "./shop.js";

const rejection = (attempt: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(attempt).then(
    () => undefined,
    (error: unknown) => error,
  );

describeEngine("postgres", "Drizzle's wiring", () => {
  let world: World;
  let unguarded: pg.Pool;
  const plain = () => drizzle({ client: world.guard.pool, schema });
  const guarded = () => guardDrizzle(world.guard, plain());
  const asA = <T>(fn: () => Promise<T>) => world.pw.run(world.a.id, fn);
  beforeAll(async () => {
    world = await buildWorld();
    unguarded = new pg.Pool({ connectionString: world.appUrl });
    unguarded.on("error", () => undefined);
  });
  afterAll(async () => {
    await unguarded.end();
    await world.close();
  });

  test("a database over a pool or Client of the guard's is handed back as it is, however often", async () => {
    const { guard } = world;
    const db = plain();
    expect(guardDrizzle(guard, db)).toBe(db);
    expect(guardDrizzle(guard, db)).toBe(db);
    const own = new guard.Pool({ connectionString: world.appUrl });
    own.on("error", () => undefined);
    const client = new guard.Client({ connectionString: world.appUrl });
    await client.connect();
    for (const one of [db, drizzle(guard.pool), drizzle(own), drizzle(client)]) {
      const rows = await asA(() =>
        guardDrizzle(guard, one).select().from(orders).orderBy(orders.id),
      );
      expect(rows.map(({ note }) => note)).toEqual(["a1", "a2", "a3"]);
    }
    await client.end();
    await own.end();
  });

  test("a database over anything else is refused", async () => {
    const { guard } = world;
    const another = guardPg(pg, { app: world.appUrl });
    const made = drizzle(world.appUrl);
    const configured = drizzle({ connection: { connectionString: world.appUrl } });
    const bypassed: Record<string, DrizzleDatabase> = {
      "a pool of another class": drizzle({ client: unguarded }),
      "a pool that Drizzle made of an address": made,
      "a pool that Drizzle made of options": configured,
      "a Client of pg's own": drizzle({ client: new pg.Client(world.appUrl) }),
      "another guard's pool": drizzle({ client: another.pool }),
      "no client": drizzle.mock(),
      "a driver without one": proxied(async () => ({ rows: [] })) as unknown as DrizzleDatabase,
      "an unguarded replica": withReplicas(plain(), [drizzle({ client: unguarded, schema })]),
    };
    for (const [what, db] of Object.entries(bypassed)) {
      expect(() => guardDrizzle(guard, db), what).toThrow(
        expect.objectContaining({ code: "PW_GUARD_BYPASSED" }),
      );
    }
    await made.$client.end();
    await configured.$client.end();
  });

  test("a Drizzle that is built in another way is refused", () => {
    const { guard } = world;
    const changed = (change: (session: Record<string, unknown>) => void) => {
      const db = plain();
      change(db._.session as unknown as Record<string, unknown>);
      return db;
    };
    const asOtherSession = { value: () => undefined };
    for (const db of [
      changed((session) => (session["client"] = unguarded)),
      changed((session) => (session["prepareQuery"] = () => ({ execute: () => undefined }))),
      changed((session) => (session["prepareQuery"] = undefined)),
      changed((session) => (session["prepareQuery"] = (text: string) => text.split(""))),
      changed((session) => (session["transaction"] = undefined)),
      changed((session) => (session["cache"] = undefined)),
      changed((session) => (session["options"] = undefined)),
      changed((session) => Object.defineProperty(session, "constructor", asOtherSession)),
      { $client: guard.pool, _: { session: {} } },
      { $client: guard.pool } as unknown as DrizzleDatabase,
    ]) {
      expect(() => guardDrizzle(guard, db)).toThrow(expect.objectContaining({ code: "PW_CONFIG" }));
    }
  });

  test("a cache that is not kept apart by this guard is refused", () => {
    const { guard } = world;
    const another = guardPg(pg, { app: world.appUrl });
    for (const cache of [new MemoryCache(), tenantCache(another, new MemoryCache())]) {
      const db = drizzle({ client: guard.pool, cache });
      expect(() => guardDrizzle(guard, db)).toThrow(expect.objectContaining({ code: "PW_CONFIG" }));
      const replicated = withReplicas(plain(), [drizzle({ client: guard.pool, cache, schema })]);
      expect(() => guardDrizzle(guard, replicated)).toThrow(
        expect.objectContaining({ code: "PW_CONFIG" }),
      );
    }
    const cache = tenantCache(guard, new MemoryCache());
    const db = drizzle({ client: guard.pool, cache });
    expect(guardDrizzle(guard, db)).toBe(db);
  });

  test("replicas over the guard answer as the database does", async () => {
    const db = guardDrizzle(world.guard, withReplicas(plain(), [plain()]));
    expect(await asA(() => db.$count(orders))).toBe(3);
    const error = await rejection(db.select().from(orders));
    expect(error).toMatchObject({ code: "PW_NO_SCOPE" });
  });

  test("whichever way a statement goes, the caller gets the guard's error", async () => {
    const db = guarded();
    const view = pgMaterializedView("none", {}).existing();
    const withCount = db.$with("counted").as(db.select({ id: orders.id }).from(orders));
    const ways: Record<string, () => PromiseLike<unknown>> = {
      select: () => db.select().from(orders),
      "select distinct": () => db.selectDistinct().from(orders),
      with: () => db.with(withCount).select().from(withCount),
      insert: () => db.insert(orders).values({ id: 9 }),
      "insert returning": () => db.insert(orders).values({ id: 9 }).returning(),
      update: () => db.update(orders).set({ note: "x" }),
      delete: () => db.delete(orders),
      "query, many": () => db.query.orders.findMany(),
      "query, first": () => db.query.orders.findFirst(),
      "query, prepared": () => db.query.orders.findMany().prepare("many").execute(),
      execute: () => db.execute(sql`select * from orders`),
      "execute a text": () => db.execute("select * from orders"),
      $count: () => db.$count(orders),
      prepared: () =>
        db
          .select()
          .from(orders)
          .where(eq(orders.id, placeholder("id")))
          .prepare("one")
          .execute({ id: 1 }),
      transaction: () => db.transaction((tx) => tx.select().from(orders)),
      refresh: () => db.refreshMaterializedView(view),
      "select, executed": () => db.select().from(orders).execute(),
      catch: () =>
        db
          .select()
          .from(orders)
          .catch((error: unknown) => Promise.reject(error)),
    };
    for (const [way, go] of Object.entries(ways)) {
      const error = await rejection(go());
      expect(error, way).toBeInstanceOf(PartywallError);
      expect(error, way).toMatchObject({ code: "PW_NO_SCOPE" });
    }
  });

  test("in a transaction and a nested one too, and what went before is rolled back", async () => {
    const db = guarded();
    const insert = { id: 90, email: "secret@example.com", tenantId: world.b.id };
    const ways = [
      () => db.insert(customers).values(insert),
      () => db.transaction((tx) => tx.insert(customers).values(insert)),
      () =>
        db.transaction(async (tx) => {
          await tx.insert(orders).values({ id: 90 });
          await tx.transaction((nested) => nested.insert(customers).values(insert));
        }),
    ];
    for (const go of ways) {
      const error = await asA(() => rejection(go()));
      expect(error).toBeInstanceOf(PartywallError);
      expect(error).toMatchObject({
        code: "PW_WRITE_MISMATCH",
        cause: expect.objectContaining({ code: "42501" }),
      });
      expect(String((error as Error).stack)).not.toContain("secret@example.com");
    }
    expect(await world.rows("orders", world.a)).toHaveLength(3);
    expect(await world.rows("customers", world.b)).toHaveLength(3);
  });

  test("errors that are not the guard's stay Drizzle's own", async () => {
    const db = guarded();
    const taken = { id: 1, email: "other@example.com" };
    for (const go of [
      () => db.insert(customers).values(taken),
      () => db.transaction((tx) => tx.insert(customers).values(taken)),
    ]) {
      const error = await asA(() => rejection(go()));
      expect(error).toBeInstanceOf(DrizzleQueryError);
      expect(error).toMatchObject({ cause: { code: "23505" } });
    }
    await asA(async () => {
      await expect(
        db.transaction(async (tx) => {
          await tx.insert(orders).values({ id: 91 });
          tx.rollback();
        }),
      ).rejects.toThrow("Rollback");
    });
    expect(await world.rows("orders", world.a)).toHaveLength(3);
  });

  test("without guardDrizzle the guard holds as well, and its error is found in Drizzle's", async () => {
    const db = plain();
    expect(await asA(() => db.$count(orders))).toBe(3);
    const error = await rejection(db.select().from(orders));
    expect(error).toBeInstanceOf(DrizzleQueryError);
    expect(partywallErrorOf(error)).toMatchObject({ code: "PW_NO_SCOPE" });
  });

  test("a transaction that cannot begin gives its connection back", async () => {
    const { guard } = world;
    const own = new guard.Pool({ connectionString: world.appUrl, max: 2 });
    own.on("error", () => undefined);
    const db = guardDrizzle(guard, drizzle({ client: own, schema }));
    for (let n = 0; n < 5; n += 1) {
      const error = await rejection(db.transaction((tx) => tx.select().from(orders)));
      expect(error).toMatchObject({ code: "PW_NO_SCOPE" });
    }
    expect(own.totalCount - own.idleCount).toBe(0);
    expect(await asA(() => db.transaction((tx) => tx.$count(orders)))).toBe(3);
    await own.end();
  });

  test("a transaction has one connection, options, and savepoints", async () => {
    const db = guarded();
    await asA(() =>
      db.transaction(
        async (tx) => {
          const pid = async (one: Pick<typeof tx, "execute">) =>
            (await one.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)).rows[0]?.pid;
          const level = await tx.execute(sql`show transaction_isolation`);
          expect(level.rows).toEqual([{ transaction_isolation: "serializable" }]);
          const first = await pid(tx);
          await tx.transaction(async (nested) => expect(await pid(nested)).toBe(first));
          expect(await pid(tx)).toBe(first);
        },
        { isolationLevel: "serializable" },
      ),
    );
  });

  test("over a Client, or a connection of the pool, transactions are begun on it", async () => {
    const { guard } = world;
    await asA(async () => {
      const lent = await guard.pool.connect();
      const client = new guard.Client({ connectionString: world.appUrl });
      await client.connect();
      for (const db of [drizzle({ client: lent }), guardDrizzle(guard, drizzle({ client }))]) {
        await expect(
          db.transaction(async (tx) => {
            await tx.insert(orders).values({ id: 92 });
            throw new Error("undo");
          }),
        ).rejects.toThrow("undo");
        const rows = await db.select({ id: orders.id }).from(orders).orderBy(asc(orders.id));
        expect(rows.map(({ id }) => id)).toEqual([1, 2, 3]);
      }
      lent.release();
      await client.end();
    });
  });
});
