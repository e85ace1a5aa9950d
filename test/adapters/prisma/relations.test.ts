import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { buildShop, type Shop } from "./shop.js";

describeEngine("postgres", "Prisma's nested writes and queries", () => {
  let shop: Shop;
  let db: Shop["db"];
  beforeAll(async () => {
    shop = await buildShop();
    db = shop.db;
  });
  afterAll(() => shop.close());
  beforeEach(async () => {
    await shop.unguarded.query('truncate "_LabelToPost", labels, posts restart identity');
    for (const { id, slug } of [shop.b, shop.a]) {
      await shop.unguarded.query(
        "insert into labels (tenant_id, name) select $1, $2 || ' ' || n from generate_series(1, 2) n",
        [id, slug],
      );
      await shop.unguarded.query(
        "insert into posts (tenant_id, title, status) select $1, $2 || ' ' || n, 'public' from generate_series(1, 3) n",
        [id, slug],
      );
    }
  });

  // What tenant b has is never touched, whatever a does.
  const asA = async <T>(fn: () => T | PromiseLike<T>) => {
    const before = await whole();
    const result = await shop.pw.run({ slug: "a" }, fn);
    expect(await whole()).toEqual(before);
    return result;
  };
  const whole = async () => {
    const { rows } = await shop.unguarded.query(
      `select (select json_agg(p order by id) from posts p where tenant_id = $1) as posts,
        (select json_agg(l order by id) from labels l where tenant_id = $1) as labels,
        (select count(*) from "_LabelToPost" where tenant_id = $1) as links`,
      [shop.b.id],
    );
    return rows[0];
  };
  const links = async () => {
    const { rows } = await shop.unguarded.query(
      `select p.title, string_agg(l.name, ',' order by l.name) as names from "_LabelToPost" j
       join labels l on l.id = j."A" and l.tenant_id = j.tenant_id join posts p on p.id = j."B" and p.tenant_id = j.tenant_id
       where j.tenant_id = $1 group by p.title order by p.title`,
      [shop.a.id],
    );
    return Object.fromEntries(rows.map(({ title, names }) => [title, names]));
  };
  const include = { labels: { orderBy: { name: "asc" } } } as const;
  const named = ({ labels }: Shop["db"]) => labels.map(({ name }: { name: string }) => name);

  test("an implicit many-to-many relation is created, connected, set and disconnected", async () => {
    const made = await asA(() =>
      db.post.create({
        data: {
          title: "a new",
          status: "draft",
          labels: { create: { name: "a made" }, connect: { name: "a 1" } },
          replies: { create: [{ title: "a reply" }, { title: "a reply 2" }] },
        },
        include: { ...include, replies: true },
      }),
    );
    expect(named(made)).toEqual(["a 1", "a made"]);
    expect(made.replies).toHaveLength(2);
    expect(await links()).toEqual({ "a new": "a 1,a made" });
    const change = (labels: object) =>
      asA(async () =>
        named(await db.post.update({ where: { id: made.id }, data: { labels }, include })),
      );
    expect(await change({ set: [{ name: "a 2" }] })).toEqual(["a 2"]);
    expect(await change({ disconnect: [{ name: "a 2" }] })).toEqual([]);
    expect(await change({ connect: [{ name: "a 1" }, { name: "a 2" }] })).toEqual(["a 1", "a 2"]);
    expect(await links()).toEqual({ "a new": "a 1,a 2" });
  });

  test("connectOrCreate connects its own, and makes its own where another tenant has one of the name", async () => {
    const [post] = await shop.rows("posts", shop.a);
    const connectOrCreate = ["a 1", "b 1"].map((name) => ({ where: { name }, create: { name } }));
    const found = await asA(() =>
      db.post.update({
        where: { id: post!["id"] },
        data: { labels: { connectOrCreate } },
        include,
      }),
    );
    expect(named(found)).toEqual(["a 1", "b 1"]);
    expect((await shop.rows("labels", shop.a)).map(({ name }) => name)).toEqual([
      "a 1",
      "a 2",
      "b 1",
    ]);
  });

  test("a relation is created through, updated through, and emptied", async () => {
    const [first, second] = await shop.rows("posts", shop.a);
    const change = (data: object) =>
      asA(() =>
        db.post.update({
          where: { id: first!["id"] },
          data,
          include: { parent: true, replies: true },
        }),
      );
    expect((await change({ parent: { connect: { id: second!["id"] } } })).parent.title).toBe("a 2");
    expect((await change({ parent: { update: { title: "a 2 changed" } } })).parent.title).toBe(
      "a 2 changed",
    );
    expect((await change({ parent: { disconnect: true } })).parent).toBeNull();
    expect((await change({ replies: { connect: [{ id: second!["id"] }] } })).replies).toHaveLength(
      1,
    );
    expect((await change({ replies: { set: [] } })).replies).toEqual([]);
    expect(
      (await change({ parent: { upsert: { create: { title: "a made" }, update: {} } } })).parent
        .title,
    ).toBe("a made");
  });

  test("another tenant's row cannot be connected, disconnected, set, updated or deleted through a relation", async () => {
    const [own] = await shop.rows("posts", shop.a);
    const [foreign] = await shop.rows("posts", shop.b);
    const [label] = await shop.rows("labels", shop.b);
    const id = foreign!["id"];
    for (const data of [
      { parent: { connect: { id } } },
      { parentId: id },
      { replies: { connect: { id } } },
      { replies: { update: { where: { id }, data: { title: "stolen" } } } },
      { replies: { delete: { id } } },
      { labels: { connect: { id: label!["id"] } } },
      { labels: { set: { name: "b 1" } } },
      { labels: { update: { where: { name: "b 1" }, data: { name: "stolen" } } } },
      { labels: { delete: { name: "b 1" } } },
    ]) {
      const attempt = asA(() => db.post.update({ where: { id: own!["id"] }, data }));
      await expect(attempt).rejects.toMatchObject({ name: "PrismaClientKnownRequestError" });
    }
    // Those that say nothing where they find nothing.
    for (const data of [
      { replies: { disconnect: { id } } },
      { replies: { set: { id } } },
      { replies: { updateMany: { where: {}, data: { title: "stolen" } } } },
      { replies: { deleteMany: {} } },
      { labels: { disconnect: { name: "b 1" } } },
    ]) {
      await asA(() => db.post.update({ where: { id: own!["id"] }, data }));
    }
    expect(await links()).toEqual({});
  });

  test("relations are loaded by join and by query, filtered and counted, of the tenant alone", async () => {
    const [post] = await shop.rows("posts", shop.a);
    await asA(() =>
      db.post.update({
        where: { id: post!["id"] },
        data: { labels: { connect: { name: "a 1" } } },
      }),
    );
    for (const relationLoadStrategy of ["join", "query"]) {
      const read = await asA(() =>
        db.post.findMany({
          relationLoadStrategy,
          where: { status: "public", labels: { some: { posts: { some: {} } } } },
          include: { labels: { include: { posts: true } }, _count: { select: { labels: true } } },
        }),
      );
      expect(read).toMatchObject([
        {
          title: "a 1",
          labels: [{ name: "a 1", posts: [{ title: "a 1" }] }],
          _count: { labels: 1 },
        },
      ]);
    }
  });

  test("createMany, createManyAndReturn, upsert, updateManyAndReturn and deleteMany are the tenant's", async () => {
    await asA(async () => {
      const data = [{ title: "a x" }, { title: "a y" }];
      expect(await db.post.createMany({ data })).toEqual({ count: 2 });
      expect(await db.post.createManyAndReturn({ data, select: { title: true } })).toEqual(data);
      const upsert = (title: string) =>
        db.post.upsert({ where: { id: 7000 }, create: { id: 7000, title }, update: { title } });
      await upsert("a first");
      expect(await upsert("a second")).toMatchObject({ id: 7000, title: "a second" });
      const all = await db.post.updateManyAndReturn({ data: { status: "draft" } });
      expect(all).toHaveLength(8);
      expect(await db.post.deleteMany({ where: { title: { startsWith: "a" } } })).toEqual({
        count: 8,
      });
    });
    expect(await shop.rows("posts", shop.a)).toEqual([]);
  });

  test("an upsert on what is unique within a tenant alone needs a second condition", async () => {
    const upsert = (where: object) =>
      asA(() => db.label.upsert({ where, create: { name: "b 1" }, update: { name: "b 1 again" } }));
    // ON CONFLICT (name), which no key of the database is on.
    await expect(upsert({ name: "b 1" })).rejects.toThrow("42P10");
    expect(await upsert({ name: "b 1", AND: { id: { gt: 0 } } })).toMatchObject({ name: "b 1" });
    expect(await upsert({ name: "b 1", AND: { id: { gt: 0 } } })).toMatchObject({
      name: "b 1 again",
    });
  });

  test("cursors, distinct, groups and aggregates are over the tenant's own rows", async () => {
    await asA(async () => {
      const [first] = await db.post.findMany({ orderBy: { id: "asc" }, take: 1 });
      const next = await db.post.findMany({
        orderBy: { id: "asc" },
        cursor: { id: first.id },
        skip: 1,
        take: 5,
      });
      expect(next.map(({ title }: Shop["db"]) => title)).toEqual(["a 2", "a 3"]);
      const [foreign] = await shop.rows("posts", shop.b);
      expect(
        await db.post.findMany({ cursor: { id: foreign!["id"] }, orderBy: { id: "asc" } }),
      ).toEqual([]);
      expect(await db.post.groupBy({ by: ["status"], _count: true })).toEqual([
        { status: "public", _count: 3 },
      ]);
      expect(await db.order.aggregate({ _sum: { amount: true }, _max: { amount: true } })).toEqual({
        _sum: { amount: 60 },
        _max: { amount: 30 },
      });
      expect(
        await db.post.findMany({ distinct: ["status"], select: { status: true } }),
      ).toHaveLength(1);
      expect(await db.post.count({ where: { title: { contains: "b" } } })).toBe(0);
    });
  });

  test("fragments of SQL, typed and raw, are scoped as all else", async () => {
    const { sql, raw, join, empty } = shop.Prisma;
    await asA(async () => {
      const condition = sql`title in (${join(["a 1", "b 1"])})`;
      expect(await db.$queryRaw`select title from posts where ${condition} ${empty}`).toEqual([
        { title: "a 1" },
      ]);
      const everything = raw("1 = 1 or tenant_id is not null");
      const rows = await db.$queryRaw`select title from posts where ${everything} order by id`;
      expect(rows.map(({ title }: Shop["db"]) => title)).toEqual(["a 1", "a 2", "a 3"]);
      expect(await db.$executeRawUnsafe("update posts set title = title || $1", "!")).toBe(3);
      expect(
        await db.$executeRaw`delete from public.posts where tenant_id = ${shop.b.id}::uuid`,
      ).toBe(0);
    });
  });
});
