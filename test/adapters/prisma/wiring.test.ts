import { createRequire } from "node:module";
import { PrismaPg } from "@prisma/adapter-pg";
import pg from "pg";
import { createPartywall, PartywallError } from "partywall";
import { guardPrisma } from "partywall/adapters/prisma";
import { guardPg } from "partywall/guards/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { buildTown, type Town } from "../../guards/postgres/placement/town.js";
import { SECRET } from "../../guards/postgres/world.js";
import { buildShop, type Shop } from "./shop.js";

/** The code of what a call throws at once. */
function thrown(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    if (error instanceof PartywallError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "nothing";
}

describeEngine("postgres", "Prisma's wiring", () => {
  let shop: Shop;
  let town: Town;
  const pools: pg.Pool[] = [];
  beforeAll(async () => {
    shop = await buildShop();
    town = await buildTown([
      { slug: "rows", strategy: "row" },
      { slug: "schema", strategy: "schema" },
      { slug: "own", strategy: "database" },
    ]);
  });
  afterAll(async () => {
    for (const pool of pools) await pool.end();
    await town.close();
    await shop.close();
  });

  const clientOver = (pool: unknown, options: object = {}) =>
    new shop.PrismaClient({ adapter: new PrismaPg(pool as never, options) });
  const refusal = (client: object) => thrown(() => guardPrisma(shop.guard, client));
  const inA = <T>(fn: () => T | PromiseLike<T>) => shop.pw.run({ slug: "a" }, fn);

  test("gives back the same client, once fitted however often it is asked", async () => {
    const db = shop.connect();
    expect(guardPrisma(shop.guard, db)).toBe(db);
    const { batchBy } = db._requestHandler.dataloader.options;
    expect(guardPrisma(shop.guard, db)).toBe(db);
    expect(db._requestHandler.dataloader.options.batchBy).toBe(batchBy);
    expect(await inA(() => db.order.count())).toBe(3);
    await shop.guard.assertWired((text) => db.$queryRawUnsafe(text));
    await db.$disconnect();
  });

  test("a pool of its own is refused at once", () => {
    expect(refusal(clientOver(shop.appUrl))).toContain("PW_GUARD_BYPASSED");
    expect(refusal(clientOver({ connectionString: shop.appUrl }))).toContain("PW_GUARD_BYPASSED");
  });

  test("so is a pool of another class, and that of another guard", () => {
    const plain = new pg.Pool({ connectionString: shop.appUrl });
    pools.push(plain);
    expect(refusal(clientOver(plain))).toContain("PW_GUARD_BYPASSED");
    expect(refusal(clientOver(town.guard.pool))).toContain("PW_GUARD_BYPASSED");
    expect(thrown(() => guardPrisma(town.guard, shop.db))).toContain("PW_GUARD_BYPASSED");
  });

  test("so is the guard's pool where PrismaPg loads another copy of pg", () => {
    // MikroORM brings one.
    const require = createRequire(createRequire(import.meta.url).resolve("@mikro-orm/postgresql"));
    const copy = require("pg") as typeof pg;
    expect(copy.Pool).not.toBe(pg.Pool);
    const guard = guardPg(copy, { app: shop.appUrl, system: shop.systemUrl });
    const client = clientOver(guard.pool);
    expect(thrown(() => guardPrisma(guard, client))).toContain("PW_GUARD_BYPASSED");
  });

  test("so is a client without an adapter, for Prisma Accelerate", () => {
    const client = new shop.PrismaClient({ accelerateUrl: "prisma://localhost/?api_key=x" });
    expect(refusal(client)).toContain("PW_GUARD_BYPASSED");
  });

  test("the pool that Prisma would open after closing the guard's is refused", async () => {
    const guard = guardPg(pg, { app: shop.appUrl });
    const pw = createPartywall({
      realm: `${shop.database.name}-2`,
      secret: SECRET,
      postgres: guard,
    });
    const adapter = new PrismaPg(guard.pool, { disposeExternalPool: true });
    const db = guardPrisma(guard, new shop.PrismaClient({ adapter }));
    await db.$connect();
    await db.$disconnect();
    await expect(pw.central(() => db.order.findMany())).rejects.toMatchObject({
      code: "PW_GUARD_BYPASSED",
    });
  });

  test("a version or a shape that it does not know is refused, with those it knows", () => {
    const real = shop.connect()._originalClient;
    const like = (changes: object) => {
      const client = Object.create(real, Object.getOwnPropertyDescriptors(changes));
      return { _originalClient: client };
    };
    const dataloader = { options: { ...real._requestHandler.dataloader.options, batchBy: null } };
    for (const client of [
      like({ _clientVersion: "8.1.0" }),
      like({ _clientVersion: undefined }),
      like({ _requestHandler: { dataloader, handleRequestError: () => {} } }),
      like({ _requestHandler: { dataloader: real._requestHandler.dataloader } }),
      like({ _createPrismaPromise: undefined }),
      like({ _engineConfig: undefined }),
      like({ _engineConfig: { adapter: { connect: () => {} } } }),
      like({ _engineConfig: { adapter: {} } }),
      {},
      new pg.Client(),
    ]) {
      expect(refusal(client)).toMatch(/^PW_CONFIG: .*@prisma\/client and @prisma\/adapter-pg 7\.x/);
    }
  });

  test("the wall's errors reach the caller as they are, with the database's as their cause", async () => {
    const { db, b } = shop;
    const foreign = { tenant_id: b.id };
    const stealing = shop.Prisma.sql`update orders set tenant_id = ${foreign.tenant_id}::uuid`;
    for (const attempt of [
      () => db.$executeRaw(stealing),
      () => db.$queryRaw`${stealing} returning id`,
      () => db.$transaction([db.order.count(), db.$executeRaw(stealing), db.order.count()]),
      () => db.$transaction((tx: Shop["db"]) => tx.$executeRaw(stealing)),
      () => db.$extends({}).$executeRaw(stealing),
    ]) {
      await expect(inA(attempt)).rejects.toMatchObject({
        name: "PartywallError",
        code: "PW_WRITE_MISMATCH",
        cause: { code: "42501" },
      });
    }
    for (const attempt of [
      () => db.order.findMany(),
      () => db.order.findUnique({ where: { id: 1 } }),
      () => db.order.create({ data: { id: 9 } }),
      () => db.$queryRaw`select note from orders`,
      () => db.$transaction([db.order.findMany()]),
      () => db.$transaction((tx: Shop["db"]) => tx.order.findMany()),
    ]) {
      await expect(attempt()).rejects.toMatchObject({
        name: "TenantContextError",
        code: "PW_NO_SCOPE",
      });
      await expect(shop.pw.central(attempt)).rejects.toMatchObject({ code: "PW_CENTRAL_SCOPE" });
    }
    expect(await shop.rows("orders", shop.a)).toHaveLength(3);
  });

  test("every other error is Prisma's own", async () => {
    const { db } = shop;
    await expect(
      inA(() => db.customer.create({ data: { id: 1, email: "taken@example.com" } })),
    ).rejects.toMatchObject({ name: "PrismaClientKnownRequestError", code: "P2002" });
    await expect(inA(() => db.order.findFirst({ where: { nothing: 1 } }))).rejects.toMatchObject({
      name: "PrismaClientValidationError",
    });
    await expect(inA(() => db.$queryRaw`select nothing from orders`)).rejects.toMatchObject({
      name: "PrismaClientKnownRequestError",
      code: "P2010",
    });
  });

  test("a transaction open at $disconnect is undone, and its connection is sound for the next", async () => {
    const db = guardPrisma(shop.guard, shop.connect());
    await inA(() =>
      db
        .$transaction(async (tx: Shop["db"]) => {
          await tx.order.update({ where: { id: 1 }, data: { note: "a never" } });
          await db.$disconnect();
          return tx.order.findMany();
        })
        .catch(() => undefined),
    );
    const reads = Array.from({ length: 16 }, (_, n) =>
      shop.pw.run({ slug: n % 2 === 0 ? "a" : "b" }, () =>
        db.order.findFirst({ where: { id: 1 } }),
      ),
    );
    const notes = (await Promise.all(reads)).map(({ note }: Shop["db"]) => note);
    expect(notes).toEqual(Array.from({ length: 16 }, (_, n) => (n % 2 === 0 ? "a1" : "b1")));
    await db.$disconnect();
  });

  const SLUGS = ["rows", "schema", "own"] as const;
  const everywhere = (db: Shop["db"], read: (db: Shop["db"]) => Promise<unknown>) =>
    Promise.all(SLUGS.map((slug) => town.pw.run({ slug }, () => read(db))));

  test("names lead to the tables of each tenant's own place, in every kind of statement", async () => {
    const db = guardPrisma(town.guard, clientOver(town.guard.pool));
    for (const slug of SLUGS) {
      await town.pw.run({ slug }, async () => {
        const [joined] = await db.order.findMany({
          where: { customer: { name: `${slug}1` } },
          include: { customer: true },
          relationLoadStrategy: "join",
        });
        expect([joined.note, joined.customer.name]).toEqual([`${slug}1`, `${slug}1`]);
        await db.$transaction(async (tx: Shop["db"]) => {
          await tx.order.create({
            data: { id: 4, note: `${slug}4`, customer: { connect: { id: 2 } } },
          });
          await tx.order.update({ where: { id: 2 }, data: { amount: { increment: 1 } } });
          await tx.order.deleteMany({ where: { id: 3 } });
        });
        expect(await db.order.aggregate({ _sum: { amount: true }, _count: true })).toEqual({
          _sum: { amount: 31 },
          _count: 3,
        });
      });
      expect((await town.rows(slug)).map(({ note }) => note)).toEqual(
        [1, 2, 4].map((n) => slug + n),
      );
    }
    await db.$disconnect();
  });

  test("a name that leads to the shared tables is refused to a tenant with a schema of its own", async () => {
    const db = guardPrisma(town.guard, clientOver(town.guard.pool, { schema: "public" }));
    const unguarded = clientOver(town.guard.pool);
    for (const client of [db, unguarded]) {
      const [rows, refused, own] = await Promise.allSettled(
        SLUGS.map((slug) => town.pw.run({ slug }, () => client.order.findMany())),
      );
      expect([rows?.status, own?.status]).toEqual(["fulfilled", "fulfilled"]);
      expect(refused).toMatchObject({ status: "rejected", reason: expect.any(Error) });
    }
    await expect(town.pw.run({ slug: "schema" }, () => db.order.findMany())).rejects.toMatchObject({
      code: "PW_PLACEMENT",
    });
    await db.$disconnect();
    await unguarded.$disconnect();
  });

  test("a text that has the qualifier's look in it is sent as it is", async () => {
    const db = guardPrisma(town.guard, clientOver(town.guard.pool));
    const text = '"<tenant>".x and "public"."orders"';
    const answers = await everywhere(
      db,
      (one) => one.$queryRaw`select ${text}::text as said, '"<tenant>".x' as literal`,
    );
    expect(answers).toEqual(SLUGS.map(() => [{ said: text, literal: '"<tenant>".x' }]));
    await db.$disconnect();
  });
});
