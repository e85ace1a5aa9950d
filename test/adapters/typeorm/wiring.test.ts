import pg from "pg";
import { guardTypeorm } from "partywall/adapters/typeorm";
import { guardPg } from "partywall/guards/postgres";
import {
  DataSource,
  EventSubscriber,
  type DataSourceOptions,
  type EntitySubscriberInterface,
  type InsertEvent,
  type Logger,
} from "typeorm";
import { DbQueryResultCache } from "typeorm/cache/DbQueryResultCache.js";
import type { QueryResultCache } from "typeorm/cache/QueryResultCache.js";
import type { QueryResultCacheOptions } from "typeorm/cache/QueryResultCacheOptions.js";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { buildTown } from "../../guards/postgres/placement/town.js";
import { buildWorld, type World } from "../../guards/postgres/world.js";
import { describeEngine } from "../../support/engine.js";
import { Customer, ENTITIES, Order, TABLES, Tag } from "./shop.js";

/** A cache as Redis is one to TypeORM: one entry a key, the identifier before the query. */
class MapCache implements QueryResultCache {
  readonly entries = new Map<string, QueryResultCacheOptions>();
  async connect() {}
  async disconnect() {}
  async synchronize() {}
  async getFromCache(options: QueryResultCacheOptions) {
    return this.entries.get(options.identifier ?? options.query ?? "");
  }
  async storeInCache(options: QueryResultCacheOptions) {
    this.entries.set(options.identifier ?? options.query ?? "", options);
  }
  isExpired({ time = 0, duration }: QueryResultCacheOptions) {
    return time + duration < Date.now();
  }
  async clear() {
    this.entries.clear();
  }
  async remove(identifiers: string[]) {
    for (const one of identifiers) this.entries.delete(one);
  }
}

describeEngine("postgres", "TypeORM, wired", () => {
  let world: World;
  let source: DataSource;
  const cache = new MapCache();
  const sent: string[] = [];
  const nothing = () => undefined;
  const logger: Logger = {
    logQuery: (text) => void sent.push(text),
    logQueryError: nothing,
    logQuerySlow: nothing,
    logSchemaBuild: nothing,
    logMigration: nothing,
    log: nothing,
  };
  const inserted: string[] = [];
  class Watch implements EntitySubscriberInterface {
    async afterInsert({ manager }: InsertEvent<unknown>) {
      const [{ count }] = await manager.query("select count(*) from customers");
      inserted.push(`${world.pw.current().slug} ${count}`);
    }
  }
  EventSubscriber()(Watch);
  const asA = <T>(fn: () => Promise<T>) => world.pw.run(world.a.id, fn);
  const asB = <T>(fn: () => Promise<T>) => world.pw.run(world.b.id, fn);
  const built = (options: Partial<DataSourceOptions> | object = {}) =>
    new DataSource({
      type: "postgres",
      url: world.appUrl,
      driver: world.guard.driver,
      entities: ENTITIES,
      ...options,
    } as DataSourceOptions);
  const customers = () => source.getRepository(Customer);

  beforeAll(async () => {
    world = await buildWorld({ ddl: TABLES, tables: ["tags", "order_tags"] });
    source = guardTypeorm(
      world.guard,
      built({ cache: { provider: () => cache }, logger, subscribers: [Watch], poolSize: 4 }),
    );
    await source.initialize();
  });
  afterAll(async () => {
    await source.destroy();
    await world.close();
  });
  beforeEach(() => {
    cache.entries.clear();
    sent.length = 0;
    inserted.length = 0;
  });

  test.each([
    ["another driver", () => ({ driver: pg })],
    ["its own driver, since none was given", () => ({ driver: undefined })],
    [
      "another guard's driver",
      () => ({ driver: guardPg(pg, { app: world.appUrl, system: world.systemUrl }).driver }),
    ],
    [
      "a native driver beside",
      () => ({
        driver: Object.create(world.guard.driver as object, { native: { value: pg } }),
        nativeDriver: {},
      }),
    ],
  ])("refuses a data source over %s", (_, options) => {
    const wire = () => guardTypeorm(world.guard, built(options()));
    expect(wire).toThrow(expect.objectContaining({ code: "PW_GUARD_BYPASSED" }));
  });

  test("refuses one that is initialized over other pools, and one that opens others later", async () => {
    const unguarded = new pg.Pool({ connectionString: world.appUrl });
    try {
      const late = built();
      await late.initialize();
      const driver = late.driver as unknown as { master: object; slaves: object[] };
      const { master } = driver;
      for (const change of [{ master: unguarded }, { slaves: [unguarded] }]) {
        Object.assign(driver, { master, slaves: [] }, change);
        expect(() => guardTypeorm(world.guard, late)).toThrow(
          expect.objectContaining({ code: "PW_GUARD_BYPASSED" }),
        );
      }
      Object.assign(driver, { master, slaves: [] });
      expect(guardTypeorm(world.guard, late)).toBe(late);
      await late.destroy();

      const early = guardTypeorm(world.guard, built());
      Object.assign(early.driver, {
        createPool: async () => new pg.Pool({ connectionString: world.appUrl }),
      });
      await expect(early.initialize()).rejects.toMatchObject({ code: "PW_GUARD_BYPASSED" });
      expect(early.isInitialized).toBe(false);
    } finally {
      await unguarded.end();
    }
  });

  test("never leads TypeORM to a native driver of the module's own", () => {
    const withNative = Object.create(pg, { native: { value: pg } }) as typeof pg;
    const guard = guardPg(withNative, { app: world.appUrl, system: world.systemUrl });
    const both = built({ driver: guard.driver, nativeDriver: {} });
    expect(guardTypeorm(guard, both)).toBe(both);
  });

  test("guards the pools of replicas too", async () => {
    const credentials = { url: world.appUrl };
    const replicated = guardTypeorm(
      world.guard,
      built({ url: undefined, replication: { master: credentials, slaves: [credentials] } }),
    );
    await replicated.initialize();
    try {
      const read = () => replicated.getRepository(Customer).find({ order: { id: "ASC" } });
      expect((await asA(read)).map(({ name }) => name)).toEqual(["a1", "a2", "a3"]);
      expect((await asB(read)).map(({ name }) => name)).toEqual(["b1", "b2", "b3"]);
      await expect(read()).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    } finally {
      await replicated.destroy();
    }
  });

  test("is wired once, however often it is asked", async () => {
    expect(guardTypeorm(world.guard, source)).toBe(source);
    await asA(() => customers().find({ cache: { id: "once", milliseconds: 60_000 } }));
    const own = await asA(async () => world.guard.partition());
    expect([...cache.entries.keys()]).toEqual([JSON.stringify([own, "once"])]);
  });

  test("leaves the schema to the migration login", async () => {
    for (const option of ["synchronize", "migrationsRun", "dropSchema"]) {
      expect(() => guardTypeorm(world.guard, built({ [option]: true }))).toThrow(
        expect.objectContaining({ code: "PW_CONFIG" }),
      );
      const later = guardTypeorm(world.guard, built());
      later.setOptions({ [option]: true });
      await expect(later.initialize()).rejects.toMatchObject({ code: "PW_CONFIG" });
    }
    for (const change of [
      () => source.synchronize(),
      () => source.dropDatabase(),
      () => source.runMigrations(),
      () => source.undoLastMigration(),
      () => source.showMigrations(),
    ]) {
      await expect(world.pw.central<unknown>(change)).rejects.toMatchObject({ code: "PW_CONFIG" });
    }
  });

  test("hands on Partywall's errors, and others as TypeORM wraps them", async () => {
    await expect(customers().find()).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    await expect(world.pw.central(() => customers().find())).rejects.toMatchObject({
      code: "PW_CENTRAL_SCOPE",
      name: "TenantContextError",
    });
    const foreign = { label: "a's", tenantId: world.b.id };
    const refused = await asA(() => source.getRepository(Tag).save(foreign)).catch(
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ name: "PartywallError", code: "PW_WRITE_MISMATCH" });
    expect((refused as Error).cause).toMatchObject({ code: "42501" });
    await expect(
      asA(() => source.query("insert into customers (id, email) values (1, 'x')")),
    ).rejects.toMatchObject({ name: "QueryFailedError", driverError: { code: "23505" } });
  });

  test("a row is stamped with a tenant field or without; null is not a tenant", async () => {
    const tags = source.getRepository(Tag);
    const made = await asA(() => tags.save({ label: "stamped" }));
    expect(made.tenantId).toBe(world.a.id);
    expect(await world.rows("tags", world.a)).toMatchObject([{ label: "stamped" }]);
    await expect(
      asA(() => tags.save({ label: "nobody's", tenantId: null as never })),
    ).rejects.toMatchObject({ code: "PW_WRITE_MISMATCH" });
    // The keys of a conflict are the table's, so the tenant's column is one of them.
    await asA(() => tags.upsert({ label: "stamped" }, ["tenantId", "label"]));
    await asB(() => tags.upsert({ label: "stamped" }, ["tenantId", "label"]));
    for (const side of [world.a, world.b]) {
      expect(await world.rows("tags", side)).toMatchObject([{ label: "stamped" }]);
    }
    // What was loaded as A's is A's row in B's scope too.
    await expect(
      asB(() => tags.save(Object.assign(made, { label: "taken" }))),
    ).rejects.toMatchObject({
      code: "PW_WRITE_MISMATCH",
    });
  });

  test("subscribers run in the scope of the statement", async () => {
    const save = (id: number) => () =>
      source
        .getRepository(Order)
        .save({ id, amount: 1, customer: { id: id + 1, email: `${id}@` } });
    await Promise.all([asA(save(100)), asB(save(200)), asA(save(300)), asB(save(400))]);
    expect(
      inserted
        .toSorted()
        .map((text) => text.slice(0, 1))
        .join(""),
    ).toBe("aaaabbbb");
    expect((await world.rows("orders", world.a)).map(({ id }) => id)).toEqual([1, 2, 3, 100, 300]);
    for (const repository of [source.getRepository(Order), customers()]) {
      for (const as of [asA, asB]) {
        await as(() => repository.createQueryBuilder().delete().where("id >= 100").execute());
      }
    }
  });

  test("a query runner's transaction is refused to another scope, at any isolation level", async () => {
    const runner = source.createQueryRunner();
    await asA(async () => {
      await runner.startTransaction("SERIALIZABLE");
      await runner.manager.update(Customer, { id: 1 }, { name: "changed" });
    });
    await expect(asB(() => runner.manager.find(Customer))).rejects.toMatchObject({
      code: "PW_TRANSACTION_SCOPE",
    });
    await asA(async () => {
      await runner.rollbackTransaction();
      await runner.release();
    });
    expect((await world.rows("customers", world.a))[0]).toMatchObject({ name: "a1" });
  });

  test("a stream tells of a missing scope", async () => {
    const rows = await customers().createQueryBuilder("c").stream();
    const read = async () => {
      for await (const row of rows) return row as unknown;
      return undefined;
    };
    await expect(read()).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
  });

  test("in a system scope it sees all tenants' rows, of which TypeORM makes one entity a key", async () => {
    const [rows, entities] = await world.pw.system({ reason: "wiring" }, async () => [
      await customers().createQueryBuilder("c").getRawMany<{ c_name: string }>(),
      await customers().find(),
    ]);
    expect(rows.map((row) => row.c_name).toSorted()).toEqual(["a1", "a2", "a3", "b1", "b2", "b3"]);
    expect(entities).toHaveLength(3);
  });

  const CACHED = {
    "find with an id": () =>
      customers().find({ order: { id: "ASC" }, cache: { id: "list", milliseconds: 60_000 } }),
    "find by the query": () => customers().find({ order: { id: "ASC" }, cache: 60_000 }),
    "a builder with an id": () =>
      customers().createQueryBuilder("c").orderBy("c.id").cache("list", 60_000).getMany(),
    "a builder by the query": () =>
      customers().createQueryBuilder("c").orderBy("c.id").cache(60_000).getMany(),
  };

  test.each(Object.entries(CACHED))("the result cache swaps nothing: %s", async (_, read) => {
    for (const [as, mark] of [
      [asA, "a"],
      [asB, "b"],
      [asA, "a"],
      [asB, "b"],
    ] as const) {
      expect((await as(read)).map(({ name }) => name)).toEqual([1, 2, 3].map((n) => mark + n));
    }
    // It was the cache that answered: each was read once.
    expect(sent.filter((text) => text.startsWith("SELECT"))).toHaveLength(2);
    await expect(read()).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    await expect(world.pw.central(read)).rejects.toMatchObject({ code: "PW_CENTRAL_SCOPE" });
  });

  test("without the keys the same cache hands A's rows to B, so the test above could fail", async () => {
    const bare = built({ cache: { provider: () => new MapCache() } });
    await bare.initialize();
    const read = () =>
      bare.getRepository(Customer).find({ cache: { id: "l", milliseconds: 60_000 } });
    await asA(read);
    expect((await asB(read)).map(({ name }) => name)).toContain("a1");
    await bare.destroy();
  });

  test("an entry is removed from the cache of its own tenant alone", async () => {
    const read = CACHED["find with an id"];
    await asA(read);
    await asB(read);
    await asA(() => source.queryResultCache!.remove(["list"]));
    const left = await asB(async () => world.guard.partition());
    expect([...cache.entries.keys()]).toEqual([JSON.stringify([left, "list"])]);
    await expect(source.queryResultCache!.remove(["list"])).rejects.toMatchObject({
      code: "PW_NO_SCOPE",
    });
  });

  test("a cache that is set later is keyed too, and one in a table is refused", async () => {
    const later = guardTypeorm(world.guard, built());
    const entries = new MapCache();
    later.setOptions({ cache: { provider: () => entries, alwaysEnabled: true, duration: 60_000 } });
    await later.initialize();
    const read = () => later.getRepository(Customer).find({ order: { id: "ASC" } });
    expect((await asA(read))[0]?.name).toBe("a1");
    expect((await asB(read))[0]?.name).toBe("b1");
    expect(entries.entries.size).toBe(2);
    await later.destroy();
    for (const given of [
      true,
      {},
      { type: "database", tableName: "kept" },
      { provider: (own: DataSource) => new DbQueryResultCache(own) },
    ]) {
      const refused = expect.objectContaining({ code: "PW_CONFIG" }) as Error;
      expect(() => guardTypeorm(world.guard, built({ cache: given }))).toThrow(refused);
      const one = guardTypeorm(world.guard, built());
      expect(() => one.setOptions({ cache: given as never })).toThrow(refused);
    }
  });

  test("a lazy relation is read in the scope that loaded its entity, and in no other", async () => {
    const customer = await asA(() => customers().findOneByOrFail({ id: 1 }));
    sent.length = 0;
    await expect(asB(async () => customer.orders)).rejects.toMatchObject({
      code: "PW_SCOPE_SWITCH",
    });
    await expect(customer.orders).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    expect(sent).toEqual([]);
    // Neither refusal stayed on the entity.
    const notes = async () => (await customer.orders).map(({ note }) => note);
    expect(await asA(notes)).toEqual(["a1"]);
    sent.length = 0;
    // What was loaded is the entity's, as its other fields are, and is not loaded again.
    expect(await asB(notes)).toEqual(["a1"]);
    expect(sent).toEqual([]);
  });

  test("an entity made by hand belongs to the first scope that loads into it", async () => {
    // A class's own relations are those of the data source that was initialized last.
    const last = guardTypeorm(world.guard, built());
    await last.initialize();
    const repository = last.getRepository(Customer);
    for (const customer of [
      Object.assign(new Customer(), { id: 2 }),
      repository.create({ id: 2 }),
    ]) {
      const notes = async () => (await customer.orders).map(({ note }) => note);
      expect(await asB(notes)).toEqual(["b2"]);
      expect(await asA(notes)).toEqual(["b2"]);
    }
    const madeByA = await asA(async () => ({ one: repository.create({ id: 2 }) }));
    await expect(asB(async () => madeByA.one.orders)).rejects.toMatchObject({
      code: "PW_SCOPE_SWITCH",
    });
    await last.destroy();
  });

  test("many scopes at once load lazy, eager and queried relations of their own", async () => {
    const work = async (mark: string) => {
      const lazy = await customers().findOneByOrFail({ id: 1 });
      expect((await lazy.orders).map(({ note }) => note)).toEqual([`${mark}1`]);
      for (const relationLoadStrategy of ["join", "query"] as const) {
        const orders = await source.getRepository(Order).find({
          relations: { customer: true, tags: true },
          order: { id: "ASC" },
          relationLoadStrategy,
        });
        const wanted = [1, 2, 3].map((n) => mark + n);
        expect(orders.map(({ customer }) => customer?.name)).toEqual(wanted);
      }
    };
    await Promise.all(
      Array.from({ length: 30 }, (_, n) => (n % 2 ? asA(() => work("a")) : asB(() => work("b")))),
    );
  });
});

describeEngine("postgres", "TypeORM, for tenants placed in every way", () => {
  test.each(["no scope", "a schema tenant's scope"])(
    "initialized in %s it qualifies no table, and each finds its own",
    async (where) => {
      const town = await buildTown([
        { slug: "anna", strategy: "row" },
        { slug: "carla", strategy: "schema" },
        { slug: "fred", strategy: "database" },
      ]);
      const sent: string[] = [];
      const source = guardTypeorm(
        town.guard,
        new DataSource({
          type: "postgres",
          url: town.login(town.database, town.roles.app),
          driver: town.guard.driver,
          entities: ENTITIES,
          logger: { logQuery: (text: string) => sent.push(text) } as unknown as Logger,
        }),
      );
      const as = <T>(slug: string, fn: () => Promise<T>) => town.pw.run({ slug }, fn);
      if (where === "no scope") await source.initialize();
      else await as("carla", () => source.initialize());
      try {
        for (const slug of ["anna", "carla", "fred"]) {
          await as(slug, () =>
            source.transaction(async (manager) => {
              const saved = { id: 7, amount: 70, customer: { id: 7, email: "7@" } };
              await manager.getRepository(Order).save(saved);
              await manager.update(Order, { id: 7 }, { note: `${slug} seven` });
            }),
          );
          const found = await as(slug, () => source.getRepository(Order).findOneBy({ id: 7 }));
          expect(found).toMatchObject({ note: `${slug} seven`, customer: { email: "7@" } });
          expect((await town.rows(slug))[3]).toMatchObject({ id: 7, note: `${slug} seven` });
        }
        expect(sent.filter((text) => /"?\w+"?\."(?:orders|customers)"/.test(text))).toEqual([]);
        expect(sent.filter((text) => /INTO "orders"/.test(text))).toHaveLength(3);
      } finally {
        await source.destroy();
        await town.close();
      }
    },
  );
});
