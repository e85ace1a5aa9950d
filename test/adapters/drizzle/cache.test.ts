import { asc, eq, placeholder } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { pgSchema, integer } from "drizzle-orm/pg-core";
import { guardDrizzle, tenantCache } from "partywall/adapters/drizzle";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { buildWorld, type World } from "../../guards/postgres/world.js";
import { describeEngine } from "../../support/engine.js";
import { MemoryCache, orders, plans, schema } from "./shop.js";

describeEngine("postgres", "Drizzle's cache over the guard", () => {
  let world: World;
  beforeAll(async () => {
    world = await buildWorld();
  });
  afterEach(async () => {
    await world.unguarded.query("delete from orders where id > 3");
    await world.unguarded.query(
      "update orders set note = case tenant_id when $1 then 'a' else 'b' end || id",
      [world.a.id],
    );
    await world.unguarded.query("update plans set price = 0 where name = 'free'");
  });
  afterAll(() => world.close());

  const asA = <T>(fn: () => Promise<T>) => world.pw.run(world.a.id, fn);
  const asB = <T>(fn: () => Promise<T>) => world.pw.run(world.b.id, fn);
  const asSystem = <T>(fn: () => Promise<T>) => world.pw.system({ reason: "a test" }, fn);
  // Behind every cache's back, so that what is kept can be told from what is.
  const change = () => world.unguarded.query("update orders set note = 'changed ' || note");

  function open(strategy: "explicit" | "all" = "explicit") {
    const memory = new MemoryCache(strategy);
    const { guard } = world;
    const cache = tenantCache(guard, memory);
    const db = guardDrizzle(guard, drizzle({ client: guard.pool, schema, cache }));
    const notes = async (from: Pick<typeof db, "select"> = db) => {
      const query = from.select().from(orders).orderBy(asc(orders.id));
      const rows = await (strategy === "all" ? query : query.$withCache());
      return rows.map(({ note }) => note);
    };
    return { db, memory, notes };
  }

  const OF_A = ["a1", "a2", "a3"];
  const OF_B = ["b1", "b2", "b3"];

  test("kept under the query alone, as Drizzle keeps it, one tenant is given another's rows", async () => {
    const db = drizzle({ client: world.guard.pool, schema, cache: new MemoryCache("all") });
    const notes = () => db.select({ note: orders.note }).from(orders).orderBy(asc(orders.id));
    await asA(async () => notes());
    expect((await asB(async () => notes())).map(({ note }) => note)).toEqual(OF_A);
    expect((await notes()).map(({ note }) => note)).toEqual(OF_A);
    expect(() => guardDrizzle(world.guard, db)).toThrow(
      expect.objectContaining({ code: "PW_CONFIG" }),
    );
  });

  describe.each(["explicit", "all"] as const)("of strategy %s", (strategy) => {
    test("each tenant gets its own rows, and again what was kept of them", async () => {
      const { notes, memory } = open(strategy);
      expect(await asA(() => notes())).toEqual(OF_A);
      expect(await asB(() => notes())).toEqual(OF_B);
      await change();
      expect(await asA(() => notes())).toEqual(OF_A);
      expect(await asB(() => notes())).toEqual(OF_B);
      expect(memory.hits).toBe(2);
    });

    test("in a transaction too", async () => {
      const { db, notes, memory } = open(strategy);
      const read = () => db.transaction((tx) => notes(tx));
      expect(await asA(read)).toEqual(OF_A);
      expect(await asB(read)).toEqual(OF_B);
      await change();
      expect(await asB(read)).toEqual(OF_B);
      expect(await asA(read)).toEqual(OF_A);
      expect(memory.hits).toBe(2);
    });

    test("a prepared statement with placeholders, shared by all, too", async () => {
      const { db, memory } = open(strategy);
      const query = db
        .select({ note: orders.note })
        .from(orders)
        .where(eq(orders.id, placeholder("id")));
      const prepared = (strategy === "all" ? query : query.$withCache()).prepare("by_id");
      const ask = async (id: number) => (await prepared.execute({ id }))[0]?.note;
      expect(await asA(() => ask(1))).toBe("a1");
      expect(await asB(() => ask(1))).toBe("b1");
      await change();
      expect(await asA(() => ask(1))).toBe("a1");
      expect(await asB(() => ask(1))).toBe("b1");
      expect(memory.hits).toBe(2);
      expect(await asA(() => ask(2))).toBe("changed a2");
    });

    test("a write invalidates what its tenant kept, and nothing of another's", async () => {
      const { db, notes } = open(strategy);
      await asA(() => notes());
      await asB(() => notes());
      await change();
      await asA(async () => db.insert(orders).values({ id: 4, note: "a4" }));
      expect(await asA(() => notes())).toEqual(["changed a1", "changed a2", "changed a3", "a4"]);
      expect(await asB(() => notes())).toEqual(OF_B);
    });

    test("a system scope and tenants keep theirs apart", async () => {
      const { notes, memory } = open(strategy);
      const all = await asSystem(() => notes());
      expect(all).toHaveLength(6);
      expect(await asA(() => notes())).toEqual(OF_A);
      expect(await asSystem(() => notes())).toEqual(all);
      expect(await asB(() => notes())).toEqual(OF_B);
      expect(memory.hits).toBe(1);
    });

    test("a central scope is given nothing of a tenant's", async () => {
      const { notes } = open(strategy);
      await asA(() => notes());
      await asSystem(() => notes());
      await expect(world.pw.central(() => notes())).rejects.toMatchObject({
        code: "PW_CENTRAL_SCOPE",
      });
    });

    test("outside any scope nothing is given, written or invalidated", async () => {
      const { db, notes, memory } = open(strategy);
      await asA(() => notes());
      const refused = expect.objectContaining({ code: "PW_NO_SCOPE" });
      const kept = new Map(memory.entries);
      await expect(notes()).rejects.toEqual(refused);
      await expect(db.insert(orders).values({ id: 9 })).rejects.toEqual(refused);
      await expect(db.delete(orders)).rejects.toEqual(refused);
      await expect(db.$cache.invalidate({ tables: orders })).rejects.toEqual(refused);
      expect(memory.entries).toEqual(kept);
    });
  });

  test("two tenants who ask and write in turns never meet each other's rows", async () => {
    const { db, notes, memory } = open("all");
    const work = async (n: number) => {
      const [as, mark] = n % 2 === 0 ? ([asA, "a"] as const) : ([asB, "b"] as const);
      await as(async () => {
        const id = 10 + n;
        if (n % 5 === 0) await db.insert(orders).values({ id, note: `${mark} ${id}` });
        for (const note of [...(await notes()), ...(await db.transaction((tx) => notes(tx)))])
          expect(note?.startsWith(mark)).toBe(true);
      });
    };
    await Promise.all(Array.from({ length: 60 }, (_, n) => work(n)));
    expect(memory.hits).toBeGreaterThan(0);
  });

  test("tags are each tenant's own, read and invalidated", async () => {
    const { db } = open();
    const first = async () => {
      const query = db.select({ note: orders.note }).from(orders).orderBy(asc(orders.id));
      return (await query.$withCache({ tag: "first", autoInvalidate: false }))[0]?.note;
    };
    expect(await asA(first)).toBe("a1");
    expect(await asB(first)).toBe("b1");
    await change();
    await asA(async () => db.insert(orders).values({ id: 5, note: "a5" }));
    expect(await asA(first)).toBe("a1");
    await asA(() => db.$cache.invalidate({ tags: "first" }));
    expect(await asA(first)).toBe("changed a1");
    expect(await asB(first)).toBe("b1");
    await asB(() => db.$cache.invalidate({ tags: ["other", "first"] }));
    expect(await asB(first)).toBe("changed b1");
  });

  test("a tag written to read like another tenant's key finds nothing", async () => {
    const { db, notes, memory } = open();
    await asB(() => notes());
    const [key = ""] = memory.entries.keys();
    for (const tag of [key, key.split(".")[1]]) {
      const query = db.select({ note: orders.note }).from(orders).orderBy(asc(orders.id));
      const rows = await asA(async () => query.$withCache({ tag: tag ?? "" }));
      expect(rows.map(({ note }) => note)).toEqual(OF_A);
    }
  });

  test("invalidate() takes names, tables and tables of a schema, and refuses anything else", async () => {
    const { db, notes, memory } = open();
    const sales = pgSchema("sales").table("orders", { id: integer("id") });
    for (const table of [orders, "orders", ["plans", "orders"], [plans, orders]]) {
      await asA(() => notes());
      await asB(() => notes());
      await asA(() => db.$cache.invalidate({ tables: table }));
      expect(memory.entries.size).toBe(1);
      memory.entries.clear();
    }
    await asA(() => notes());
    await asA(() => db.$cache.invalidate({ tables: sales }));
    await asA(() => db.$cache.invalidate({}));
    expect(memory.entries.size).toBe(1);
    await expect(asA(() => db.$cache.invalidate({ tables: {} as never }))).rejects.toMatchObject({
      code: "PW_CONFIG",
    });
  });

  test("a write in a system scope invalidates what tenants kept, and theirs what the system scope kept", async () => {
    const { db, notes } = open();
    await asA(() => notes());
    await asSystem(() => notes());
    await asSystem(async () => db.update(orders).set({ note: "changed all" }));
    expect(new Set(await asA(() => notes()))).toEqual(new Set(["changed all"]));
    expect(new Set(await asSystem(() => notes()))).toEqual(new Set(["changed all"]));
    await asB(async () => db.update(orders).set({ note: "b" }));
    expect(new Set(await asSystem(() => notes()))).toEqual(new Set(["changed all", "b"]));
  });

  test("a shared table kept in a tenant's scope is read anew after a central scope changed it", async () => {
    const { db } = open();
    const price = async () =>
      (await db.select().from(plans).where(eq(plans.name, "free")).$withCache())[0]?.price;
    const inCentral = <T>(fn: () => Promise<T>) => world.pw.central(fn);
    expect(await asA(price)).toBe(0);
    expect(await inCentral(price)).toBe(0);
    await world.unguarded.query("update plans set price = 5 where name = 'free'");
    expect(await asA(price)).toBe(0);
    await inCentral(() => db.$cache.invalidate({ tables: plans }));
    expect(await asA(price)).toBe(5);
    expect(await inCentral(price)).toBe(5);
  });
});
