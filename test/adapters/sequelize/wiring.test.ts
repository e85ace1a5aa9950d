import { AsyncLocalStorage } from "node:async_hooks";
import pg from "pg";
import { guardSequelize } from "partywall/adapters/sequelize";
import { guardPg } from "partywall/guards/postgres";
import { literal, QueryTypes, Sequelize, type Options, type Transaction } from "sequelize";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildTown } from "../../guards/postgres/placement/town.js";
import { buildWorld, type World } from "../../guards/postgres/world.js";
import { describeEngine } from "../../support/engine.js";
import { Customer, initShop, Order, Tag, TABLES } from "./shop.js";

describeEngine("postgres", "Sequelize, wired", () => {
  let world: World;
  let sequelize: Sequelize;
  const asA = <T>(fn: () => Promise<T>) => world.pw.run(world.a.id, fn);
  const asB = <T>(fn: () => Promise<T>) => world.pw.run(world.b.id, fn);
  const built = (options: Options = {}) =>
    new Sequelize(world.appUrl, {
      dialect: "postgres",
      dialectModule: world.guard.driver,
      logging: false,
      ...options,
    });
  /** Backends of the application's login. */
  const backends = async () => {
    const { rows } = await world.unguarded.query(
      "select count(*)::int as n from pg_stat_activity where usename = $1",
      [world.roles.app],
    );
    return rows[0].n as number;
  };

  beforeAll(async () => {
    world = await buildWorld({
      ddl: TABLES,
      tables: ["tags"],
      guard: { startup: { TimeZone: "UTC" } },
    });
    sequelize = guardSequelize(world.guard, built());
    initShop(sequelize);
  });
  afterAll(async () => {
    await sequelize.close();
    await world.close();
  });

  test.each([
    ["another driver", (): Options => ({ dialectModule: pg })],
    [
      "its own driver, since none was given",
      (): Options => ({ dialectModule: undefined as never }),
    ],
    [
      "another guard's driver",
      (): Options => ({
        dialectModule: guardPg(pg, { app: world.appUrl, system: world.systemUrl }).driver,
      }),
    ],
    [
      "a module of a path",
      (): Options => ({ dialectModulePath: new URL(import.meta.resolve("pg")).pathname }),
    ],
    ["the native client", (): Options => ({ native: true })],
  ])("refuses an instance over %s", (_, options) => {
    expect(() => guardSequelize(world.guard, built(options()))).toThrow(
      expect.objectContaining({ code: "PW_GUARD_BYPASSED" }),
    );
  });

  test("refuses to connect where the driver was exchanged later", async () => {
    const late = guardSequelize(world.guard, built());
    Object.assign((late as unknown as { connectionManager: object }).connectionManager, {
      lib: pg,
    });
    await expect(asA(() => late.query("select 1 as one"))).rejects.toMatchObject({
      code: "PW_GUARD_BYPASSED",
    });
    await late.close();
  });

  test("connects in no scope, whoever comes first, and leaves no connection behind a refusal", async () => {
    const fresh = guardSequelize(world.guard, built({ pool: { max: 1 } }));
    expect(guardSequelize(world.guard, fresh)).toBe(fresh);
    const before = await backends();
    for (let n = 0; n < 5; n += 1) {
      await expect(fresh.query("select * from orders")).rejects.toMatchObject({
        code: "PW_NO_SCOPE",
        name: "TenantContextError",
      });
    }
    expect((await backends()) - before).toBe(1);
    await fresh.authenticate();
    await world.guard.assertWired((text) => fresh.query(text));
    // Sequelize has asked for the types it parses: `pg` by itself gives such a range as text.
    const [rows] = await asA(() => fresh.query("select int4range(1, 3) as read"));
    expect(rows).toMatchObject([{ read: [{ value: 1 }, { value: 3 }] }]);
    await fresh.close();
  });

  test("has the time zone of the guard's connections, before and after another tenant", async () => {
    const zone = async () =>
      (
        await sequelize.query<{ TimeZone: string }>("show timezone", { type: QueryTypes.SELECT })
      )[0];
    for (const as of [asA, asB, asA]) expect(await as(zone)).toEqual({ TimeZone: "UTC" });
  });

  test("what one request set is gone for the next one of the same tenant", async () => {
    const one = guardSequelize(world.guard, built({ pool: { max: 1 } }));
    const path = () => one.query("show search_path", { type: QueryTypes.SELECT });
    await asA(() => one.query("set search_path = pg_catalog"));
    expect(await asA(path)).toEqual([{ search_path: "public" }]);
    await one.close();
  });

  test("hands on Partywall's errors without statement or parameters, and others as Sequelize wraps them", async () => {
    const foreign = { label: "a's secret", tenantId: world.b.id };
    const refused = (await asA(() => Tag.create(foreign)).catch(
      (error: unknown) => error,
    )) as Error;
    expect(refused).toMatchObject({ name: "PartywallError", code: "PW_WRITE_MISMATCH" });
    expect(refused.cause).toMatchObject({ code: "42501" });
    expect(Object.keys(refused)).not.toContain("sql");
    expect(Object.keys(refused)).not.toContain("parameters");
    await expect(world.pw.central(() => Tag.findAll())).rejects.toMatchObject({
      code: "PW_CENTRAL_SCOPE",
    });
    await expect(asA(() => Customer.create({ id: 1, email: "x" }))).rejects.toMatchObject({
      name: "SequelizeUniqueConstraintError",
    });
    await expect(asA(() => Order.create({ id: 9, customerId: 99 }))).rejects.toMatchObject({
      name: "SequelizeForeignKeyConstraintError",
    });
  });

  test("a system scope is refused: the connections are the application's login's", async () => {
    const read = () => Customer.findAll();
    await expect(world.pw.system({ reason: "wiring" }, read)).rejects.toMatchObject({
      code: "PW_STATEMENT_REFUSED",
    });
  });

  test("leaves the schema to the migration login", async () => {
    const refused = { code: "PW_CONFIG" };
    await expect(asA(() => sequelize.sync())).rejects.toMatchObject(refused);
    await expect(sequelize.sync({ force: true })).rejects.toMatchObject(refused);
    await expect(asA(() => Customer.sync())).rejects.toMatchObject(refused);
    await expect(world.pw.central(() => Customer.drop())).rejects.toThrow(/must be owner/);
    await expect(asA(() => Customer.truncate())).rejects.toThrow(/permission denied/);
    expect(await world.rows("customers", world.a)).toHaveLength(3);
  });

  test("a row is stamped with a tenant field or without; null is not a tenant", async () => {
    const made = await asA(() => Tag.create({ label: "one" }));
    expect(made.tenantId).toBe(world.a.id);
    await asA(() => Tag.bulkCreate([{ label: "two" }, { label: "three" }]));
    await expect(
      asA(() => Tag.bulkCreate([{ label: "mixed", tenantId: world.a.id }, { label: "null" }])),
    ).rejects.toMatchObject({ code: "PW_WRITE_MISMATCH" });
    await asA(() =>
      Tag.bulkCreate([
        { label: "mixed", tenantId: world.a.id },
        { label: "defaulted", tenantId: literal("DEFAULT") as never },
      ]),
    );
    expect((await world.rows("tags", world.a)).map(({ label }) => label)).toEqual([
      "one",
      "two",
      "three",
      "mixed",
      "defaulted",
    ]);
    // An upsert names the table's own key, of which the tenant's column is one.
    for (const as of [asA, asB, asA]) {
      await as(() =>
        Tag.upsert({ label: "kept" }, { conflictFields: ["tenant_id", "label"] as never }),
      );
    }
    for (const side of [world.a, world.b]) {
      const kept = (await world.rows("tags", side)).filter(({ label }) => label === "kept");
      expect(kept).toHaveLength(1);
    }
    // What was loaded as A's is nobody's in B's scope.
    made.label = "taken";
    await asB(() => made.save());
    expect((await world.rows("tags", world.a))[0]).toMatchObject({ label: "one" });
    await asA(() => Tag.destroy({ where: { label: "one" } }));
    expect(await asA(() => Tag.count({ where: { label: "one" } }))).toBe(0);
    expect(await asA(() => Tag.count({ where: { label: "one" }, paranoid: false }))).toBe(1);
    expect((await world.rows("tags", world.a))[0]).toMatchObject({ label: "one" });
  });

  test("findOrCreate and findCreateFind make one row for each tenant, also at once", async () => {
    const where = { label: "found" };
    const find = () => Tag.findOrCreate({ where });
    const answers = await Promise.all([asA(find), asB(find), asA(find), asB(find), asA(find)]);
    expect(answers.filter(([, isNew]) => isNew)).toHaveLength(2);
    for (const [n, [tag]] of answers.entries()) {
      expect(tag.tenantId).toBe(n % 2 ? world.b.id : world.a.id);
    }
    const within = await asA(() =>
      sequelize.transaction((transaction) =>
        Tag.findOrCreate({ where: { label: "within" }, transaction }),
      ),
    );
    expect(within[1]).toBe(true);
    expect((await asA(() => Tag.findCreateFind({ where })))[1]).toBe(false);
  });

  test("a transaction of a namespace (useCLS) stays with its tenant", async () => {
    const storage = new AsyncLocalStorage<Map<string, unknown>>();
    const namespace = {
      bind: (fn: () => unknown) => fn,
      run: (fn: (store: unknown) => unknown) => storage.run(new Map(), () => fn(undefined)),
      get: (key: string) => storage.getStore()?.get(key),
      set: (key: string, value: unknown) => storage.getStore()?.set(key, value),
    };
    class Scoped extends Sequelize {}
    Scoped.useCLS(namespace);
    const cls = guardSequelize(
      world.guard,
      new Scoped(world.appUrl, {
        dialect: "postgres",
        dialectModule: world.guard.driver,
        logging: false,
      }),
    );
    const renamed = (mark: string) => async () =>
      cls.transaction(async () => {
        await cls.query(`update customers set name = '${mark} renamed' where id = 1`);
        const [row] = await cls.query<{ name: string }>("select name from customers where id = 1", {
          type: QueryTypes.SELECT,
        });
        expect(row?.name).toBe(`${mark} renamed`);
        throw new Error("undo");
      });
    await Promise.all(
      [asA(renamed("a")), asB(renamed("b"))].map((one) => expect(one).rejects.toThrow("undo")),
    );
    // A namespace that outlives the scope, as one around a whole server does.
    await storage.run(new Map(), async () => {
      let open: Transaction | undefined;
      await asA(async () => {
        open = await cls.transaction();
        namespace.set("transaction", open);
      });
      await expect(asB(() => cls.query("select * from customers"))).rejects.toMatchObject({
        code: "PW_TRANSACTION_SCOPE",
      });
      await asA(() => open!.rollback());
    });
    for (const side of [world.a, world.b]) {
      expect((await world.rows("customers", side))[0]).toMatchObject({ id: 1 });
      expect((await world.rows("customers", side))[0]?.["name"]).toMatch(/^[ab]1$/);
    }
    await cls.close();
  });

  test("guards the pools of a replication", async () => {
    const { hostname: host, port, pathname } = new URL(world.appUrl);
    const one = {
      host,
      port,
      username: world.roles.app,
      password: "secret",
      database: pathname.slice(1),
    };
    const replicated = guardSequelize(
      world.guard,
      built({ replication: { read: [one], write: one } }),
    );
    const read = async () => {
      await replicated.query("update customers set name = name");
      const rows = await replicated.query<{ name: string }>(
        "select name from customers order by id",
        {
          type: QueryTypes.SELECT,
        },
      );
      return rows.map(({ name }) => name);
    };
    expect(await asA(read)).toEqual(["a1", "a2", "a3"]);
    expect(await asB(read)).toEqual(["b1", "b2", "b3"]);
    await expect(read()).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    await replicated.close();
  });

  test("hooks run in the scope of the statement, and many scopes at once load their own", async () => {
    const seen: string[] = [];
    const note = (mark: string) => seen.push(`${mark} ${world.pw.current().slug}`);
    Customer.addHook("afterFind", "watch", (found) => {
      note(String(([found].flat() as Customer[])[0]?.name).slice(0, 1));
    });
    const work = async (mark: string) => {
      for (const separate of [false, true]) {
        const customers = await Customer.findAll({
          include: { association: "orders", separate },
          order: ["id"],
        });
        const wanted = [1, 2, 3].map((n) => mark + n);
        expect(customers.map(({ name }) => name)).toEqual(wanted);
        expect(customers.flatMap(({ orders }) => orders!.map((order) => order.note))).toEqual(
          wanted,
        );
      }
    };
    await Promise.all(
      Array.from({ length: 30 }, (_, n) => (n % 2 ? asA(() => work("a")) : asB(() => work("b")))),
    );
    Customer.removeHook("afterFind", "watch");
    expect(new Set(seen)).toEqual(new Set(["a a", "b b"]));
  });
});

describeEngine("postgres", "Sequelize, for tenants placed in every way", () => {
  test("it qualifies no table, and each finds its own", async () => {
    const town = await buildTown([
      { slug: "anna", strategy: "row" },
      { slug: "carla", strategy: "schema" },
      { slug: "fred", strategy: "database" },
    ]);
    // A type of the application's own database, to be read there though a tenant with another comes first.
    await town.boroughs["default"]!.superuser.query("create type mood as enum ('glad')");
    const sent: string[] = [];
    const sequelize = guardSequelize(
      town.guard,
      new Sequelize(town.login(town.database, town.roles.app), {
        dialect: "postgres",
        dialectModule: town.guard.driver,
        logging: (text) => sent.push(text),
      }),
    );
    initShop(sequelize);
    try {
      for (const slug of ["fred", "anna", "carla"]) {
        await town.pw.run({ slug }, () =>
          sequelize.transaction(async (transaction) => {
            await Order.create({ id: 7, customer: { id: 7, email: "7@" } } as never, {
              include: "customer",
              transaction,
            });
            await Order.update({ note: `${slug} seven` }, { where: { id: 7 }, transaction });
          }),
        );
        const found = await town.pw.run({ slug }, () => Order.findByPk(7, { include: "customer" }));
        expect(found).toMatchObject({ note: `${slug} seven`, customer: { email: "7@" } });
        expect((await town.rows(slug))[3]).toMatchObject({ id: 7, note: `${slug} seven` });
      }
      const [moods] = await town.pw.run({ slug: "anna" }, () =>
        sequelize.query("select array['glad']::mood[] as moods"),
      );
      expect(moods).toEqual([{ moods: ["glad"] }]);
      expect(sent.filter((text) => /"?\w+"?\."(?:orders|customers)"/.test(text))).toEqual([]);
      expect(sent.filter((text) => /INTO "orders"/.test(text))).toHaveLength(3);
    } finally {
      await sequelize.close();
      await town.close();
    }
  });
});
