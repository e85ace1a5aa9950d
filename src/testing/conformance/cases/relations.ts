import type { ConformanceCase } from "../case.js";
import { onlyOf, same } from "../expectations.js";

/** What an ORM does along relations. */
export const RELATIONS: readonly ConformanceCase[] = [
  {
    capability: "join",
    title: "a join meets the tenant's own rows alone",
    run: async ({ as, ada, bob }) => {
      for (const { mark, ...side } of [ada, bob]) {
        same(
          (await as({ mark, ...side }, (session) => session.joined())).map((row) => ({ ...row })),
          [1, 2, 3].map((n) => ({
            title: `${mark} book ${n}`,
            author: `${mark} author ${n < 3 ? 1 : 2}`,
          })),
        );
      }
    },
  },
  {
    capability: "nestedRead",
    title: "authors come with their own books, by every way the ORM has",
    run: async ({ as, ada, bob, orm }) => {
      const ways = Object.keys(orm.session().nestedReads);
      same(ways.length > 0, true, "the ORM has a way to read nested rows");
      for (const way of ways) {
        for (const side of [ada, bob, ada]) {
          const read = await as(side, (session) => session.nestedReads[way]!());
          same(
            read.map(({ name, books }) => ({ name, books: [...books] })),
            [[1, 2], [3], []].map((books, n) => ({
              name: `${side.mark} author ${n + 1}`,
              books: books.map((book) => `${side.mark} book ${book}`),
            })),
            way,
          );
        }
      }
    },
  },
  {
    capability: "nestedRead",
    title: "two tenants who read nested rows in the same moment get their own",
    run: async ({ as, ada, bob, orm }) => {
      for (const way of Object.keys(orm.session().nestedReads)) {
        let go = () => {};
        const start = new Promise<void>((resolve) => (go = resolve));
        const reads = Array.from({ length: 20 }, (_, n) => {
          const side = n % 2 === 0 ? ada : bob;
          return as(side, async (session) => {
            // All go on from one promise, in one turn of the event loop.
            await start;
            return { side, read: await session.nestedReads[way]!() };
          });
        });
        go();
        for (const { side, read } of await Promise.all(reads)) {
          same(read.length, 3, way);
          onlyOf(side, [...read.map(({ name }) => name), ...read.flatMap(({ books }) => books)]);
        }
      }
    },
  },
  {
    capability: "cascade",
    title: "an author created with books stamps them all",
    needs: ["createAuthorWithBooks"],
    run: async ({ as, ada, bob }) => {
      const titles = ["ada nested 1", "ada nested 2"];
      await as(ada, (session) => session.createAuthorWithBooks!({ name: "ada nested", titles }));
      const author = (await ada.rows("authors")).find(({ name }) => name === "ada nested");
      const books = (await ada.rows("books")).filter(
        (book) => book["author_id"] === author?.["id"],
      );
      same(
        books.map(({ title }) => title),
        titles,
      );
      same((await bob.rows("books")).length, 3);
    },
  },
  {
    capability: "connect",
    title: "a book is pointed at another author of the tenant",
    needs: ["connectAuthor"],
    run: async ({ as, ada }) => {
      const [book] = await ada.rows("books");
      const author = (await ada.rows("authors"))[2];
      await as(ada, (session) =>
        session.connectAuthor!(Number(book?.["id"]), Number(author?.["id"])),
      );
      same((await ada.rows("books"))[0]?.["author_id"], author?.["id"]);
    },
  },
  {
    capability: "nestedUpdate",
    title: "the author of a book is renamed through it",
    needs: ["renameAuthorOf"],
    run: async ({ as, ada, bob }) => {
      const [book] = await ada.rows("books");
      await as(ada, (session) => session.renameAuthorOf!(Number(book?.["id"]), "ada through"));
      same((await ada.rows("authors"))[0]?.["name"], "ada through");
      same((await bob.rows("authors"))[0]?.["name"], `${bob.mark} author 1`);
    },
  },
  {
    capability: "manyToMany",
    title: "tags are made and put on a book, and read back, all of the tenant",
    needs: ["tagBook", "tagsOf"],
    run: async ({ as, ada, bob }) => {
      for (const side of [ada, bob]) {
        const [book] = await side.rows("books");
        const labels = [`${side.mark} a`, `${side.mark} b`];
        await as(side, (session) => session.tagBook!(Number(book?.["id"]), labels));
        same([...(await as(side, (session) => session.tagsOf!(Number(book?.["id"]))))], labels);
      }
      for (const side of [ada, bob]) {
        same((await side.rows("tags")).length, 2);
        same((await side.rows("book_tags")).length, 2);
      }
    },
  },
  {
    capability: "lazyRelation",
    title: "a relation loaded later is the tenant's own, and another's scope does not change it",
    needs: ["lazyBooks"],
    run: async ({ as, ada, bob, strategy }) => {
      const [author] = await ada.rows("authors");
      const id = Number(author?.["id"]);
      same(
        [...(await as(ada, async (session) => (await session.lazyBooks!(id))()))],
        ["ada", "ada"].map((_, n) => `${ada.mark} book ${n + 1}`),
      );
      const load = await as(ada, (session) => session.lazyBooks!(id));
      // In another's scope: that scope's rows, the former ones, or an error. Shared ids are nobody's there.
      const elsewhere = await as(bob, () => load()).then(
        (titles) => [...titles],
        () => [] as string[],
      );
      if (strategy === "row") onlyOf(ada, elsewhere);
      const marks = new Set(elsewhere.map((title) => title.split(" ")[0]));
      same(marks.size <= 1, true, "rows of two tenants in one answer");
    },
  },
];
