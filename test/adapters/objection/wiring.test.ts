import knex, { type Knex } from "knex";
import {
  ConstraintViolationError,
  Model,
  UniqueViolationError,
  type QueryBuilder,
  type QueryContext,
} from "objection";
import { PartywallError, type Tenant } from "partywall";
import { guardKnex } from "partywall/adapters/knex";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { buildTown, type Town } from "../../guards/postgres/placement/town.js";
import { buildWorld, type World } from "../../guards/postgres/world.js";
import { describeEngine } from "../../support/engine.js";

/** The models of one test, so that what Objection keeps with a class is the test's own. */
function models() {
  class Customer extends Model {
    static override readonly tableName = "customers";
    declare id: number;
    declare name: string;
    declare orders?: Order[];

    static override get relationMappings() {
      return {
        orders: {
          relation: Model.HasManyRelation,
          modelClass: Order,
          modify: (query: QueryBuilder<Order>) => void query.orderBy("orders.id"),
          join: { from: "customers.id", to: "orders.customer_id" },
        },
      };
    }
  }
  class Order extends Model {
    static override readonly tableName = "orders";
    declare id: number;
    declare tenant_id: string;
    declare note: string;
    declare customer_id: number;
  }
  class Plan extends Model {
    static override readonly tableName = "plans";
    static override readonly idColumn = "name";
    declare name: string;
  }
  return { Customer, Order, Plan };
}

/** What Objection keeps of a table with a model's class. */
const kept = (model: object): string =>
  JSON.stringify([
    ...((Reflect.get(model, "$$tableMetadata") as Map<string, unknown> | undefined) ?? []),
  ]);

describeEngine("postgres", "Objection over a guarded Knex", () => {
  let world: World;
  let db: Knex;
  let Customer: ReturnType<typeof models>["Customer"];
  let Order: ReturnType<typeof models>["Order"];
  const as = <T>({ id }: Tenant, fn: () => T) => world.pw.run(id, fn);
  const names = async () => (await Customer.query().orderBy("id")).map(({ name }) => name);

  beforeAll(async () => {
    world = await buildWorld({ max: 2 });
    db = guardKnex(world.guard, knex({ client: "pg" }));
  });
  beforeEach(() => {
    ({ Customer, Order } = models());
    Customer.knex(db);
    Order.knex(db);
  });
  afterAll(() => world.close());

  test("models bound once serve every tenant, bound to an instance or to a transaction", async () => {
    for (const [tenant, mark] of [
      [world.a, "a"],
      [world.b, "b"],
      [world.a, "a"],
    ] as const) {
      const wanted = [1, 2, 3].map((n) => `${mark}${n}`);
      expect(await as(tenant, names)).toEqual(wanted);
      const bound = Customer.bindKnex(db);
      expect(Customer.bindKnex(db)).toBe(bound);
      expect((await as(tenant, () => bound.query().orderBy("id"))).map(({ name }) => name)).toEqual(
        wanted,
      );
      const read = await as(tenant, () =>
        Customer.transaction(async (trx) => Customer.query(trx).orderBy("id")),
      );
      expect(read.map(({ name }) => name)).toEqual(wanted);
    }
  });

  test("what a class keeps of its table is the names of columns, no row and no refusal", async () => {
    await expect(Customer.query().withGraphJoined("orders")).rejects.toMatchObject({
      code: "PW_NO_SCOPE",
    });
    await expect(Order.fetchTableMetadata()).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    expect(kept(Order)).toBe("[]");
    const read = async () =>
      (await Customer.query().withGraphJoined("orders").orderBy("customers.id")).map(
        ({ orders }) => orders?.[0]?.note,
      );
    // Both ask for the columns in the same moment.
    const [a, b] = await Promise.all([as(world.a, read), as(world.b, read)]);
    expect([a, b]).toEqual([
      ["a1", "a2", "a3"],
      ["b1", "b2", "b3"],
    ]);
    expect(JSON.parse(kept(Order))).toEqual([
      ["orders", { columns: ["tenant_id", "id", "customer_id", "note", "amount"] }],
    ]);
    expect(await as(world.a, () => Order.fetchTableMetadata({ force: true }))).toEqual({
      columns: ["tenant_id", "id", "customer_id", "note", "amount"],
    });
  });

  test("our errors come as they are, from queries, graphs, transactions and hooks", async () => {
    const note = "a parameter";
    const row = { id: 70, note, tenant_id: world.b.id };
    class Checked extends Order {
      override async $beforeInsert(context: QueryContext) {
        await super.$beforeInsert(context);
        await Order.query(context.transaction).insert(row);
      }
    }
    for (const attempt of [
      async () => void (await Order.query().insert(row)),
      async () => void (await Order.query().insertGraph([row] as object[])),
      async () =>
        void (await Order.query().upsertGraph([row] as object[], { insertMissing: true })),
      async () => void (await Order.transaction(async (trx) => Order.query(trx).insert(row))),
      async () => void (await Order.query().patch({ tenant_id: world.b.id })),
      async () => void (await Checked.query().insert({ id: 71 })),
    ]) {
      const error: unknown = await as(world.a, attempt).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(PartywallError);
      expect(error).toMatchObject({ code: "PW_WRITE_MISMATCH" });
      expect((error as Error).message).not.toContain(note);
      expect((error as Error).message).not.toContain("insert into");
    }
    await expect(world.pw.central(async () => Order.query())).rejects.toMatchObject({
      code: "PW_CENTRAL_SCOPE",
    });
    expect(await world.rows("orders", world.a)).toHaveLength(3);
    expect(await world.rows("orders", world.b)).toHaveLength(3);
  });

  test("models bound to a transaction are its scope's", async () => {
    const trx = await as(world.a, () => Customer.startTransaction());
    const bound = Customer.bindTransaction(trx);
    expect(await as(world.a, () => bound.query().resultSize())).toBe(3);
    for (const attempt of [
      async () => void (await bound.query()),
      async () => void (await Customer.query(trx)),
      async () => void (await Customer.relatedQuery("orders", trx).for(1)),
    ]) {
      await expect(as(world.b, attempt)).rejects.toMatchObject({ code: "PW_TRANSACTION_SCOPE" });
    }
    await as(world.a, () => trx.rollback());
  });

  test("a row read in one scope changes nothing of its tenant in another", async () => {
    class Keyed extends Customer {
      static override readonly idColumn = ["tenant_id", "id"];
    }
    const read = (model: typeof Customer) =>
      as(world.a, () => model.query().findOne({ id: 1 }).throwIfNotFound());
    const keyed = await read(Keyed);
    await as(world.b, async () => {
      expect(await keyed.$query().patch({ name: "stolen" })).toBe(0);
      expect(await keyed.$query().delete()).toBe(0);
    });
    // Where ids are counted for each tenant and the model has no other key, it is the other's own row.
    const plain = await read(Customer);
    await as(world.b, () => plain.$query().patch({ name: "b's own" }));
    expect((await world.rows("customers", world.a))[0]).toMatchObject({ name: "a1" });
    expect((await world.rows("customers", world.b))[0]).toMatchObject({ name: "b's own" });
    await as(world.b, () => plain.$query().patch({ name: "b1" }));
  });
});

describeEngine("postgres", "Objection, for tenants placed in every way", () => {
  let town: Town;
  let db: Knex;
  const as = <T>(slug: string, fn: () => T) => town.pw.run({ slug }, fn);
  beforeAll(async () => {
    town = await buildTown([
      { slug: "anna", strategy: "row" },
      { slug: "carla", strategy: "schema" },
      { slug: "fred", strategy: "database" },
    ]);
    db = guardKnex(town.guard, knex({ client: "pg" }));
  });
  afterAll(() => town.close());

  test("one class joins its relation for each, whoever came first", async () => {
    for (const first of ["anna", "carla", "fred"]) {
      const { Customer, Order } = models();
      Customer.knex(db);
      Order.knex(db);
      for (const slug of [first, "anna", "carla", "fred"]) {
        const read = await as(slug, () =>
          Customer.query().withGraphJoined("orders").orderBy("customers.id"),
        );
        expect(read.map(({ orders }) => orders?.[0]?.note)).toEqual(
          [1, 2, 3].map((n) => `${slug}${n}`),
        );
      }
    }
  });

  test("a duplicate is told without its columns where row security hides them", async () => {
    const { Order } = models();
    Order.knex(db);
    const twice = (slug: string) =>
      as(slug, async () => void (await Order.query().insert({ id: 1 })));
    for (const slug of ["anna", "carla"]) {
      const error: unknown = await twice(slug).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ConstraintViolationError);
      expect(error).not.toBeInstanceOf(UniqueViolationError);
      expect(error).toMatchObject({ nativeError: { code: "23505", constraint: "orders_pkey" } });
    }
    await expect(twice("fred")).rejects.toBeInstanceOf(UniqueViolationError);
  });

  test("a shared table behind a tenant's schema has its columns told by its schema's name", async () => {
    const { Plan } = models();
    Plan.knex(db);
    expect(await as("carla", () => Plan.query().orderBy("price").select("name"))).toHaveLength(2);
    expect(await as("carla", () => Plan.fetchTableMetadata())).toEqual({ columns: [] });
    expect(
      await as("carla", () => Plan.fetchTableMetadata({ table: "common.plans", force: true })),
    ).toEqual({ columns: ["name", "price"] });
  });
});
