import { asc, eq, relations, sql as expression } from "drizzle-orm";
import { integer, pgTable, text } from "drizzle-orm/pg-core";
import { drizzle } from "drizzle-orm/postgres-js";
import { partywallErrorOf } from "partywall";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { buildSite, PAIRS, type Site } from "./site.js";

const customers = pgTable("customers", {
  id: integer("id").primaryKey(),
  email: text("email").notNull(),
  name: text("name"),
});
const orders = pgTable("orders", {
  id: integer("id").primaryKey(),
  customerId: integer("customer_id"),
  note: text("note"),
});
const schema = {
  customers,
  orders,
  customersRelations: relations(customers, ({ many }) => ({ orders: many(orders) })),
  ordersRelations: relations(orders, ({ one }) => ({
    customer: one(customers, { fields: [orders.customerId], references: [customers.id] }),
  })),
};

describeEngine("postgres", "Drizzle on postgres.js", () => {
  let site: Site;
  const connect = () => drizzle({ client: site.sql, schema });
  let db: ReturnType<typeof connect>;
  beforeAll(async () => {
    site = await buildSite({ max: 2, sql: { max: 2 } });
    db = connect();
  });
  afterAll(() => site.close());

  const list = () => db.select({ note: orders.note }).from(orders).orderBy(asc(orders.id));
  const own = (slug: string) => [1, 2, 3].map((n) => ({ note: `${slug}${n}` }));

  test("is known to be wired over this guard", async () => {
    const prove = (client: typeof db) =>
      site.guard.assertWired((query) => client.execute(expression.raw(query)));
    await expect(prove(db)).resolves.toBeUndefined();
    await expect(prove(drizzle({ client: site.native, schema }))).rejects.toMatchObject({
      code: "PW_GUARD_BYPASSED",
    });
  });

  test("outside any scope and in a central one nothing is read", async () => {
    const outside = await list().catch((error: unknown) => partywallErrorOf(error));
    expect(outside).toMatchObject({ code: "PW_NO_SCOPE" });
    const begun = await db.transaction(async () => "begun").catch((error: unknown) => error);
    expect(partywallErrorOf(begun)).toMatchObject({ code: "PW_NO_SCOPE" });
    await site.pw.central(async () => {
      const central = await list().catch((error: unknown) => partywallErrorOf(error));
      expect(central).toMatchObject({ code: "PW_CENTRAL_SCOPE" });
    });
  });

  for (const [strategy, mine, other] of PAIRS) {
    test(`reads and writes as the tenant of the scope (${strategy})`, async () => {
      await site.inside(mine, async () => {
        expect(await list()).toEqual(own(mine));
        expect(
          await db.query.customers.findFirst({
            with: { orders: true },
            where: eq(customers.id, 1),
          }),
        ).toMatchObject({
          name: `${mine}1`,
          orders: [{ note: `${mine}1` }],
        });
        await db.insert(orders).values([
          { id: 7, note: "seven" },
          { id: 8, note: "eight" },
        ]);
        await db.update(orders).set({ note: "changed" }).where(eq(orders.id, 7));
        const gone = await db.delete(orders).where(eq(orders.id, 8)).returning();
        expect(gone).toEqual([{ id: 8, customerId: null, note: "eight" }]);
      });
      expect((await site.notes(mine)).at(-1)).toBe("changed");
      expect(await site.notes(other)).toEqual([1, 2, 3].map((n) => `${other}${n}`));
      await site.inside(mine, () => db.delete(orders).where(eq(orders.id, 7)));
    });

    test(`commits, rolls back and nests (${strategy})`, async () => {
      await site.inside(mine, async () => {
        await db.transaction(async (tx) => {
          await tx.insert(orders).values({ id: 7, note: "kept" });
          await tx
            .transaction(async (inner) => {
              await inner.insert(orders).values({ id: 8, note: "undone" });
              inner.rollback();
            })
            .catch(() => undefined);
        });
        await db
          .transaction(async (tx) => {
            await tx.insert(orders).values({ id: 9, note: "lost" });
            tx.rollback();
          })
          .catch(() => undefined);
      });
      expect((await site.notes(mine)).slice(3)).toEqual(["kept"]);
      await site.inside(mine, () => db.delete(orders).where(eq(orders.id, 7)));
      await expect.poll(() => site.open()).toBe(0);
    });

    test(`another tenant's id is refused, and the error is the guard's (${strategy})`, async () => {
      const told = await site
        .inside(mine, () =>
          db.execute(
            expression`insert into orders (tenant_id, id, note) values (${site.id(other)}, 9, 'planted')`,
          ),
        )
        .catch((error: unknown) => partywallErrorOf(error));
      expect(told).toMatchObject({ code: "PW_WRITE_MISMATCH", status: 403 });
      expect(await site.notes(other)).toEqual([1, 2, 3].map((n) => `${other}${n}`));
    });

    test(`two tenants who ask at once are not taken for each other (${strategy})`, async () => {
      const seen = await Promise.all(
        Array.from({ length: 40 }, (_, n) => {
          const slug = n % 2 === 0 ? mine : other;
          return site.inside(slug, () =>
            n % 3 === 0
              ? db.transaction((tx) =>
                  tx.select({ note: orders.note }).from(orders).orderBy(asc(orders.id)),
                )
              : list(),
          );
        }),
      );
      expect(seen).toEqual(seen.map((_, n) => own(n % 2 === 0 ? mine : other)));
    });
  }
});
