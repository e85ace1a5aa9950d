import { inspect } from "node:util";
import {
  DataloaderType,
  RequestContext,
  wrap,
  type EntityManager,
  type MikroORM,
} from "@mikro-orm/postgresql";
import { CreateRequestContext } from "@mikro-orm/decorators/legacy";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { Author, Book, Tag } from "./orm.js";
import { buildSite, type Site } from "./site.js";

const refused = expect.objectContaining({ code: "PW_UNIT_OF_WORK_SCOPE" });

/** What an entity manager does with rows; each would answer from those it holds, or mix others with them. */
const USES: Record<string, (em: EntityManager) => unknown> = {
  find: (em) => em.find(Author, {}),
  findOne: (em) => em.findOne(Author, 1),
  getReference: (em) => em.getReference(Author, 1),
  create: (em) => em.create(Author, { name: "x" }),
  persist: (em) => em.persist(new Object() as never),
  flush: (em) => em.flush(),
  count: (em) => em.count(Author),
  upsert: (em) => em.upsert(Author, { id: 1, name: "x" }),
  merge: (em) => em.merge(Author, { id: 1, name: "x" }),
  insert: (em) => em.insert(Author, { name: "x" }),
  nativeUpdate: (em) => em.nativeUpdate(Author, {}, { name: "x" }),
  transactional: (em) => em.transactional((tx) => tx.find(Author, {})),
  begin: (em) => em.begin(),
  execute: (em) => em.execute("select 1"),
  stream: async (em) => {
    for await (const author of em.stream(Author)) return author;
    return undefined;
  },
  repository: (em) => em.getRepository(Author).findAll(),
  builder: (em) => em.createQueryBuilder(Author).getResult(),
  unitOfWork: (em) => em.getUnitOfWork(),
  ownUnitOfWork: (em) => em.getUnitOfWork(false),
  fork: (em) => em.fork({ clear: false }),
};

describeEngine("postgres", "the identity maps of MikroORM", () => {
  let site: Site;
  let orm: MikroORM;
  beforeAll(async () => {
    site = await buildSite();
    orm = site.guarded();
  }, 120_000);
  afterAll(() => site.close(), 120_000);
  beforeEach(async () => {
    await site.renew();
  });

  const names = async (em: EntityManager) => (await em.find(Author, {})).map(({ name }) => name);
  const nameOf = async (em: EntityManager) => (await em.findOneOrFail(Author, 1)).name;

  for (const [name, use] of Object.entries(USES)) {
    test(`a fork that served a tenant is refused in another's scope, in central and in none: ${name}()`, async () => {
      const { ada, bob, as, pw } = site;
      const em = orm.em.fork();
      await as(ada, () => names(em));
      const attempt = async () => use(em);
      await expect(as(bob, attempt)).rejects.toEqual(refused);
      await expect(pw.central(attempt)).rejects.toEqual(refused);
      await expect(attempt()).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
      expect(await as(ada, () => nameOf(em))).toBe(`${ada.mark} author 1`);
      expect((await bob.rows("authors")).map((row) => row["name"])).not.toContain("x");
    });
  }

  test("a fork made in no scope belongs to whoever uses it first, even where that failed", async () => {
    const { ada, bob, as } = site;
    const em = orm.em.fork();
    await expect(as(ada, () => em.execute("select nothing"))).rejects.toThrow("nothing");
    await expect(as(bob, () => names(em))).rejects.toEqual(refused);
  });

  test("a fork of a fork that takes its rows along is the same tenant's; one that does not is anyone's", async () => {
    const { ada, bob, as } = site;
    const [em, taking] = await as(ada, async () => {
      const fork = orm.em.fork();
      await names(fork);
      return [fork, fork.fork({ clear: false })] as const;
    });
    await expect(as(bob, () => nameOf(taking))).rejects.toEqual(refused);
    expect(await as(bob, () => nameOf(em.fork()))).toBe(`${bob.mark} author 1`);
  });

  test("clear() and printing are nobody's to refuse, and make no fork another tenant's", async () => {
    const { ada, bob, as } = site;
    const em = orm.em.fork();
    const first = await as(ada, () => em.findOneOrFail(Author, 1, { populate: ["books"] }));
    em.clear();
    await as(bob, async () => {
      em.clear();
      expect(em.id).toBe(em._id);
      expect(inspect(em)).toBe(`[EntityManager<${em._id}>]`);
    });
    await expect(as(bob, () => names(em))).rejects.toEqual(refused);
    expect((await as(ada, () => em.findOneOrFail(Author, 1))) === first).toBe(false);
  });

  for (const allowGlobalContext of [false, true]) {
    test(`orm.em follows the scope, and keeps nothing longer than it lasts (allowGlobalContext: ${allowGlobalContext})`, async () => {
      const { ada, bob, as } = site;
      const { em } = site.guarded({ allowGlobalContext });
      const seen: unknown[] = [];
      for (const side of [ada, bob, ada]) {
        await as(side, async () => {
          const author = await em.findOneOrFail(Author, 1);
          expect(author.name.startsWith(side.mark)).toBe(true);
          expect((await em.findOneOrFail(Author, 1)) === author).toBe(true);
          expect(em.getReference(Author, 1) === author).toBe(true);
          const name = `${side.mark} upserted`;
          expect((await em.upsert(Author, { id: 1, name })) === author).toBe(true);
          seen.push(author);
        });
      }
      expect(new Set(seen).size).toBe(3);
      await expect(em.find(Author, {})).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    });
  }

  test("a RequestContext around several scopes gives each its own rows, and takes none back", async () => {
    const { ada, bob, as, pw } = site;
    await RequestContext.create(orm.em, async () => {
      for (const side of [ada, bob, ada]) {
        expect(await as(side, () => nameOf(orm.em))).toBe(`${side.mark} author 1`);
        const current = RequestContext.getEntityManager() as EntityManager;
        expect(await as(side, () => nameOf(current))).toBe(`${side.mark} author 1`);
      }
      await expect(pw.central(() => nameOf(orm.em))).rejects.toMatchObject({
        code: "PW_CENTRAL_SCOPE",
      });
      await expect(nameOf(orm.em)).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    });
  });

  test("what a tenant left unflushed is not flushed by another", async () => {
    const { ada, bob, as } = site;
    await RequestContext.create(orm.em, async () => {
      await as(ada, async () => {
        orm.em.create(Author, { name: "ada pending" });
        (await orm.em.findOneOrFail(Author, 1)).name = "ada renamed";
      });
      await as(bob, async () => {
        await orm.em.flush();
        await orm.em.transactional(async (em) => em.create(Author, { name: "bob made" }));
      });
      expect((await bob.rows("authors")).map(({ name }) => name)).toEqual([
        ...[1, 2, 3].map((n) => `${bob.mark} author ${n}`),
        "bob made",
      ]);
      await as(ada, () => orm.em.flush());
    });
    const rows = (await ada.rows("authors")).map(({ name }) => name);
    expect(rows).toContain("ada pending");
    expect(rows).toContain("ada renamed");
  });

  test("@CreateRequestContext opens one in the scope it is called in", async () => {
    class Service {
      orm = orm;
      async first(): Promise<string> {
        return nameOf(orm.em);
      }
    }
    const { prototype } = Service;
    const method = Object.getOwnPropertyDescriptor(prototype, "first")!;
    CreateRequestContext()(prototype, "first", method as never);
    Object.defineProperty(prototype, "first", method);
    const service = new Service();
    for (const side of [site.ada, site.bob]) {
      expect(await site.as(side, () => service.first())).toBe(`${side.mark} author 1`);
    }
  });

  test("transactions begun by hand on orm.em are the scope's own", async () => {
    const { ada, bob, as } = site;
    await Promise.all(
      [ada, bob].map((side) =>
        as(side, async () => {
          await orm.em.begin();
          orm.em.create(Author, { name: `${side.mark} kept` });
          await orm.em.commit();
          await orm.em.begin();
          orm.em.create(Author, { name: `${side.mark} undone` });
          await orm.em.flush();
          await orm.em.rollback();
        }),
      ),
    );
    for (const side of [ada, bob]) {
      expect((await side.rows("authors")).map(({ name }) => name)).toEqual([
        ...[1, 2, 3].map((n) => `${side.mark} author ${n}`),
        `${side.mark} kept`,
      ]);
    }
  });

  test("what a tenant's entities load later is refused in another's scope", async () => {
    const { ada, bob, as } = site;
    const [author, book] = await as(ada, async () => {
      const em = orm.em.fork();
      const found = await em.findOneOrFail(Book, 3);
      return [await em.fork().findOneOrFail(Author, 1), found] as const;
    });
    const loads: (() => unknown)[] = [
      () => author.books.loadItems(),
      () => author.books.init(),
      () => author.books.loadCount(true),
      () => book.tags.loadItems(),
      () => wrap(book.author!).init(),
      () => wrap(author).populate(["books"]),
    ];
    for (const load of loads) await expect(as(bob, async () => load())).rejects.toEqual(refused);
    await as(ada, async () => {
      expect((await author.books.loadItems()).length).toBe(2);
    });
  });

  test("a stream begun in one scope and read on in another gives it no row", async () => {
    const { ada, bob, as } = site;
    const stream = await as(ada, async () => {
      const rows = orm.em.fork().stream(Author)[Symbol.asyncIterator]();
      await rows.next();
      return { rows };
    });
    await expect(as(bob, () => stream.rows.next())).rejects.toEqual(refused);
  });

  test("data loaders batch within one tenant, where two go on from one promise", async () => {
    const { ada, bob, as } = site;
    const batching = site.guarded({ dataloader: DataloaderType.ALL });
    let go = () => {};
    const start = new Promise<void>((resolve) => (go = resolve));
    const work = (side: typeof ada) =>
      as(side, async () => {
        const em = batching.em.fork();
        const books = [1, 2, 3].map((id) => em.getReference(Book, id, { wrapped: true }));
        await start;
        const loaded = await Promise.all(books.map((book) => book.loadOrFail()));
        const authors = await Promise.all([1, 2, 3].map((id) => em.findOneOrFail(Author, id)));
        const written = await Promise.all(authors.map(({ books: of }) => of.load()));
        return [
          ...loaded.map(({ title }) => title),
          ...written.flatMap((of) => of.getItems().map(({ title }) => title)),
        ];
      });
    for (let turn = 0; turn < 10; turn += 1) {
      const sides = [ada, bob, bob, ada];
      const reads = sides.map((side) => work(side));
      go();
      for (const [n, titles] of (await Promise.all(reads)).entries()) {
        const all = [1, 2, 3].map((id) => `${sides[n]!.mark} book ${id}`);
        expect(titles).toEqual([...all, ...all]);
      }
    }
  });

  test("a many-to-many relation is read and written within each scope", async () => {
    const { ada, bob, as } = site;
    for (const side of [ada, bob]) {
      await as(side, async () => {
        const book = await orm.em.findOneOrFail(Book, 1, { populate: ["tags"] });
        book.tags.add(orm.em.create(Tag, { label: `${side.mark} tag` }));
        await orm.em.flush();
      });
    }
    for (const side of [ada, bob]) {
      const labels = await as(side, async () =>
        (await orm.em.findOneOrFail(Book, 1, { populate: ["tags"] })).tags.map((tag) => tag.label),
      );
      expect(labels).toEqual([`${side.mark} tag`]);
    }
  });
});
