import type { ConformanceCase } from "../case.js";
import { authorsOf, namesOf, onlyOf, same } from "../expectations.js";

/** What an ORM computes, pages, streams, and says in SQL of the caller's. */
export const QUERIES: readonly ConformanceCase[] = [
  {
    capability: "aggregate",
    title: "counts and sums are over the tenant's own rows",
    run: async ({ as, ada, bob }) => {
      await as(bob, (session) => session.createAuthor({ name: `${bob.mark} author 4` }));
      await as(ada, async (session) => {
        same(await session.countAuthors(), 3);
        same(
          (await session.pagesByAuthor()).map(({ name, pages }) => [name, pages]),
          [
            [`${ada.mark} author 1`, 300],
            [`${ada.mark} author 2`, 300],
          ],
        );
      });
      same(await as(bob, (session) => session.countAuthors()), 4);
    },
  },
  {
    capability: "window",
    title: "a window function ranks the tenant's own rows",
    needs: ["ranked"],
    run: async ({ as, ada, bob }) => {
      for (const side of [ada, bob]) {
        same(
          (await as(side, (session) => session.ranked!())).map(({ title, rank }) => [title, rank]),
          [3, 2, 1].map((n, place) => [`${side.mark} book ${n}`, place + 1]),
        );
      }
    },
  },
  {
    capability: "pagination",
    title: "pages are cut from the tenant's own rows",
    run: async ({ as, ada, bob }) => {
      for (const side of [ada, bob]) {
        const pages = await as(side, async (session) => [
          ...(await session.page(2, 0)),
          ...(await session.page(2, 2)),
          ...(await session.page(2, 4)),
        ]);
        same(namesOf(pages), authorsOf(side));
      }
    },
  },
  {
    capability: "stream",
    title: "two streams read in turns give each tenant its own rows",
    needs: ["stream"],
    run: async ({ as, ada, bob }) => {
      for (const { mark, tenant, eye } of [ada, bob]) {
        await eye(
          "insert into authors (tenant_id, name) select $1, $2 || ' streamed ' || n from generate_series(1, 500) n",
          [tenant.id, mark],
        );
      }
      const read = (side: typeof ada) =>
        as(side, async (session) => {
          const names: string[] = [];
          for await (const { name } of session.stream!()) names.push(name);
          return names;
        });
      for (const [n, names] of (await Promise.all([read(ada), read(bob)])).entries()) {
        same(names.length, 503);
        onlyOf(n === 0 ? ada : bob, names);
      }
    },
  },
  {
    capability: "raw",
    title: "a raw query is scoped as any other, with parameters and without",
    run: async ({ as, ada, bob }) => {
      await as(ada, async (session) => {
        same(namesOf(await session.raw("select name from authors order by id")), authorsOf(ada));
        same(
          namesOf(await session.raw("select name from authors where rating > $1 order by id", [1])),
          authorsOf(ada).slice(1),
        );
        const asked = await session.raw("select name from authors where tenant_id = $1", [
          bob.tenant.id,
        ]);
        same([...asked], []);
        const crossed = await session.raw(
          "select a.name from authors a full join authors b on true where a.tenant_id <> b.tenant_id or a.tenant_id <> $1",
          [ada.tenant.id],
        );
        same([...crossed], []);
        await session.raw("update authors set rating = 99 where tenant_id = $1", [bob.tenant.id]);
        await session.raw("delete from authors where tenant_id = $1", [bob.tenant.id]);
      });
      same(
        (await bob.rows("authors")).map(({ rating }) => rating),
        [1, 2, 3],
      );
    },
  },
  {
    capability: "fragment",
    title: "a raw condition that is true for every row finds the tenant's own",
    needs: ["authorsWhere"],
    run: async ({ as, ada }) => {
      await as(ada, async (session) => {
        same(namesOf(await session.authorsWhere!("rating >= 2")), authorsOf(ada).slice(1));
        same(namesOf(await session.authorsWhere!("rating = 1 or 1 = 1")), authorsOf(ada));
      });
    },
  },
  {
    capability: "sqlValue",
    title: "SQL as a value reads no other tenant's rows",
    needs: ["renameAuthorToSql"],
    run: async ({ as, ada, bob, strategy }) => {
      const [author] = await ada.rows("authors");
      const id = Number(author?.["id"]);
      await as(ada, (session) =>
        session.renameAuthorToSql!(id, "(select string_agg(name, '|' order by id) from authors)"),
      );
      same((await ada.rows("authors"))[0]?.["name"], authorsOf(ada).join("|"));
      // By its qualified name, where the other's tables have one of their own; there it finds nothing, or is refused.
      const table = strategy === "schema" ? `${bob.schema}.authors` : "public.authors";
      await as(ada, (session) =>
        session.renameAuthorToSql!(
          id,
          `coalesce((select min(name) from ${table} where tenant_id <> '${ada.tenant.id}'), 'nobody')`,
        ),
      ).catch(() => undefined);
      const found = String((await ada.rows("authors"))[0]?.["name"]);
      same(found.includes(bob.mark), false, "a name of the other tenant was read");
    },
  },
];
