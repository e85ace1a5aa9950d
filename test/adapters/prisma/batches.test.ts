import { guardPrisma } from "partywall/adapters/prisma";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { buildShop, type Shop } from "./shop.js";

describeEngine("postgres", "Prisma's batches and lazy queries", () => {
  let shop: Shop;
  let db: Shop["db"];
  beforeAll(async () => {
    shop = await buildShop();
    db = shop.db;
  });
  afterAll(() => shop.close());
  beforeEach(() => shop.unguarded.query("update orders set note = left(note, 2)"));

  const customer = (of = db, id = 2): Promise<Shop["db"]> =>
    of.customer.findUnique({ where: { id } });
  const inA = <T>(fn: () => T | PromiseLike<T>) => shop.pw.run({ slug: "a" }, fn);
  const inB = <T>(fn: () => T | PromiseLike<T>) => shop.pw.run({ slug: "b" }, fn);
  const notes = async (slug: "a" | "b") =>
    (await shop.rows("orders", shop[slug])).map(({ note }) => note);

  test("two tenants that look up the same id in one turn get their own row", async () => {
    for (const { slug, result } of await shop.meet(200, () => customer())) {
      expect(result.name).toBe(`${slug}2`);
    }
  });

  test("so they do across models, with and without a row, and along a relation", async () => {
    const work = (slug: string) =>
      Promise.all([
        customer(db, 1),
        db.order.findUnique({ where: { id: 3 } }),
        customer(db, 99),
        db.order.findUnique({ where: { id: 2 } }).customer(),
        db.customer.findUniqueOrThrow({ where: { id: slug === "a" ? 1 : 3 } }),
      ]);
    for (const { slug, result } of await shop.meet(60, work)) {
      const [one, order, none, along, own] = result;
      expect([one.name, order.note, none, along.name, own.name]).toEqual([
        `${slug}1`,
        `${slug}3`,
        null,
        `${slug}2`,
        slug === "a" ? "a1" : "b3",
      ]);
    }
  });

  test("one tenant's look-ups of one turn are still one statement", async () => {
    const counting = shop.connect({ log: [{ emit: "event", level: "query" }] });
    const sent: string[] = [];
    counting.$on("query", ({ query }: { query: string }) => sent.push(query));
    const counted = guardPrisma(shop.guard, counting);
    await inA(() => Promise.all([1, 2, 3].map((id) => customer(counted, id))));
    expect(sent).toHaveLength(1);
    await counted.$disconnect();
  });

  test("interactive transactions that meet in one turn write and read as their own tenant", async () => {
    let arrived = 0;
    let go = () => {};
    const all = new Promise<void>((resolve) => (go = resolve));
    const done = await shop.meet(6, (slug) =>
      db.$transaction(async (tx: Shop["db"]) => {
        await tx.order.count();
        arrived += 1;
        if (arrived === 6) go();
        await all;
        const [row] = await Promise.all([
          customer(tx),
          tx.customer.update({ where: { id: 3 }, data: { name: `${slug}3` } }),
        ]);
        await tx.order.create({ data: { id: 100 + arrived++, note: `${slug}!` } });
        return row.name;
      }),
    );
    for (const { slug, result } of done) expect(result).toBe(`${slug}2`);
    for (const slug of ["a", "b"] as const) {
      expect((await notes(slug)).filter((note) => String(note).endsWith("!"))).toEqual(
        Array(3).fill(`${slug}!`),
      );
    }
    await shop.unguarded.query("delete from orders where id > 100");
  });

  test("a transaction handed to another tenant in the same turn is refused there", async () => {
    let lend = (_: Shop["db"]) => {};
    const lent = new Promise<Shop["db"]>((resolve) => (lend = resolve));
    let seen = () => {};
    const met = new Promise<void>((resolve) => (seen = resolve));
    const borrower = inB(async () => {
      const tx = await lent;
      const outcomes = await Promise.allSettled([
        customer(tx),
        tx.order.update({ where: { id: 1 }, data: { note: "b stolen" } }),
        tx.$queryRaw`select note from orders`,
      ]);
      seen();
      return outcomes;
    });
    const own = await inA(() =>
      db.$transaction(async (tx: Shop["db"]) => {
        lend(tx);
        const [row] = await Promise.all([customer(tx), met]);
        return row.name;
      }),
    );
    expect(own).toBe("a2");
    for (const outcome of await borrower) {
      expect(outcome).toMatchObject({
        status: "rejected",
        reason: { code: "PW_TRANSACTION_SCOPE" },
      });
    }
    expect(await notes("a")).toEqual(["a1", "a2", "a3"]);
    expect(await notes("b")).toEqual(["b1", "b2", "b3"]);
  });

  test("$transaction([…]) of two tenants in one turn changes and reads each one's own rows", async () => {
    const done = await shop.meet(6, (slug) =>
      db.$transaction([
        db.order.update({ where: { id: 2 }, data: { note: `${slug}2 batch` } }),
        customer(),
        db.$queryRaw`select note from orders where id = ${3}`,
        db.order.count(),
      ]),
    );
    for (const { slug, result } of done) {
      expect(result).toMatchObject([
        { note: `${slug}2 batch` },
        { name: `${slug}2` },
        [{ note: `${slug}3` }],
        3,
      ]);
    }
  });

  test("$transaction([…]) of queries built in two scopes is refused as a whole", async () => {
    const change = (note: string) => ({
      query: db.order.update({ where: { id: 1 }, data: { note } }),
    });
    const first = await inA(() => change("a mixed"));
    const second = await inB(() => change("b mixed"));
    for (const run of [inA, inB]) {
      await expect(
        run(() => db.$transaction([first.query, second.query, customer()])),
      ).rejects.toMatchObject({ code: "PW_TRANSACTION_SCOPE" });
    }
    expect([...(await notes("a")), ...(await notes("b"))]).toEqual(
      ["a", "b"].flatMap((slug) => [1, 2, 3].map((n) => `${slug}${n}`)),
    );
  });

  test("a query runs in the scope that built it, wherever it is awaited", async () => {
    const queries = await inA(() => ({
      unique: customer(),
      many: db.customer.findMany({ orderBy: { id: "asc" } }),
      raw: db.$queryRaw`select name from customers where id = 2`,
      alone: customer(),
    }));
    const rows = await inB(async () => [
      (await queries.unique).name,
      (await queries.many)[1].name,
      (await queries.raw)[0].name,
    ]);
    expect(rows).toEqual(["a2", "a2", "a2"]);
    expect((await queries.alone).name).toBe("a2");
    // And in one turn with that tenant's own.
    const late = await inA(() => ({ query: customer() }));
    const [own, others] = await inB(() => Promise.all([customer(), late.query]));
    expect([own.name, others.name]).toEqual(["b2", "a2"]);
  });

  test("a query built in no scope is refused in every one", async () => {
    const queries = [customer(), db.customer.findMany(), db.$queryRaw`select name from customers`];
    for (const query of queries) {
      await expect(inA(() => query)).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    }
  });

  test("a query of a transaction that is awaited in another scope is refused", async () => {
    let lend = (_: object) => {};
    const lent = new Promise<{ query?: Promise<unknown> }>((resolve) => (lend = resolve));
    const borrower = inB(async () => (await lent).query);
    await inA(() =>
      db.$transaction(async (tx: Shop["db"]) => {
        lend({ query: tx.customer.findMany() });
        await expect(borrower).rejects.toMatchObject({ code: "PW_TRANSACTION_SCOPE" });
        expect((await customer(tx)).name).toBe("a2");
      }),
    );
  });

  test("what is extended of the client, before or after, keeps tenants apart as well", async () => {
    const bare = shop.connect();
    const before = bare.$extends({ name: "before" });
    const guarded = guardPrisma(shop.guard, before);
    const after = guarded.$extends({
      query: { $allModels: { findUnique: ({ args, query }: Shop["db"]) => query(args) } },
      model: {
        customer: {
          byId(this: object, id: number) {
            return shop.Prisma.getExtensionContext(this).findUnique({ where: { id } });
          },
        },
      },
      result: {
        customer: {
          shout: { needs: { name: true }, compute: ({ name }: { name: string }) => `${name}!` },
        },
      },
    });
    for (const client of [bare, before, guarded, after]) {
      for (const { slug, result } of await shop.meet(20, () => customer(client))) {
        expect(result.name).toBe(`${slug}2`);
      }
    }
    const byId = (): Promise<Shop["db"]> => after.customer.byId(3);
    for (const { slug, result } of await shop.meet(20, byId)) {
      expect([result.name, result.shout]).toEqual([`${slug}3`, `${slug}3!`]);
    }
    const inside = (slug: string): Promise<Shop["db"]> =>
      after.$transaction((tx: Shop["db"]) =>
        Promise.all([
          customer(tx),
          tx.order.update({ where: { id: 3 }, data: { note: `${slug}3 ext` } }),
        ]),
      );
    for (const { slug, result } of await shop.meet(6, inside)) {
      expect([result[0].name, result[1].note]).toEqual([`${slug}2`, `${slug}3 ext`]);
    }
    const kept = await inA(() => ({ query: customer(after) }));
    expect((await inB(() => kept.query)).name).toBe("a2");
    await bare.$disconnect();
  });

  test("nothing that was read is kept: a later read sees what the database has", async () => {
    const read = () => Promise.all([customer(), db.customer.findMany({ where: { id: 2 } })]);
    for (const name of ["first", "second"]) {
      await shop.unguarded.query(
        "update customers set name = tenant_id || ' ' || $1 where id = 2",
        [name],
      );
      for (const slug of ["a", "b"] as const) {
        const [one, [listed]] = await shop.pw.run({ slug }, read);
        expect([one.name, listed.name]).toEqual(Array(2).fill(`${shop[slug].id} ${name}`));
      }
    }
    await shop.unguarded.query(
      "update customers set name = case tenant_id when $1 then 'a2' else 'b2' end where id = 2",
      [shop.a.id],
    );
  });
});
