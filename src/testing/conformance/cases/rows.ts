import type { ConformanceCase } from "../case.js";
import { authorsOf, namesOf, onlyOf, same } from "../expectations.js";

/** What an ORM does with single rows and many. */
export const ROWS: readonly ConformanceCase[] = [
  {
    capability: "create",
    title: "a row is stamped by the database with the tenant that made it",
    run: async ({ as, ada, bob }) => {
      const made = await as(ada, (session) => session.createAuthor({ name: "ada new", rating: 9 }));
      same([made.name, made.rating], ["ada new", 9]);
      const found = (await ada.rows("authors")).filter(({ name }) => name === "ada new");
      same(
        found.map(({ id, tenant_id }) => [id, tenant_id]),
        [[made.id, ada.tenant.id]],
      );
      same(namesOf(await bob.rows("authors")), authorsOf(bob));
    },
  },
  {
    capability: "read",
    title: "a list and a look-up find the tenant's own rows alone",
    run: async ({ as, ada, bob, strategy }) => {
      for (const [own, other] of [
        [ada, bob],
        [bob, ada],
      ] as const) {
        await as(own, async (session) => {
          const seen = await session.authors();
          same(namesOf(seen), authorsOf(own));
          same(
            seen.map(({ id }) => id),
            (await own.rows("authors")).map(({ id }) => id),
          );
          for (const { id } of await other.rows("authors")) {
            const found = await session.findAuthor(Number(id));
            // Where each has tables of its own the ids are the same, and the rows are not.
            if (strategy === "row") same(found, undefined);
            else onlyOf(own, [String(found?.name)]);
          }
        });
      }
    },
  },
  {
    capability: "update",
    title: "an update of one row, and of all that are seen, changes none of another tenant's",
    run: async ({ as, ada, bob, strategy }) => {
      const [first] = await ada.rows("authors");
      await as(ada, async (session) => {
        same(await session.renameAuthor(Number(first?.["id"]), "ada renamed"), 1);
        if (strategy === "row") {
          const [foreign] = await bob.rows("authors");
          same(await session.renameAuthor(Number(foreign?.["id"]), "stolen"), 0);
        }
        same(await session.rateAuthors(7), 3);
      });
      const rows = await ada.rows("authors");
      same(rows[0]?.["name"], "ada renamed");
      same(
        rows.map(({ rating }) => rating),
        [7, 7, 7],
      );
      same(
        (await bob.rows("authors")).map(({ name, rating }) => [name, rating]),
        authorsOf(bob).map((name, n) => [name, n + 1]),
      );
    },
  },
  {
    capability: "delete",
    title: "a delete removes none of another tenant's rows, nor what hangs on them",
    run: async ({ as, ada, bob, strategy }) => {
      const [first] = await ada.rows("authors");
      const [foreign] = await bob.rows("authors");
      await as(ada, async (session) => {
        same(await session.removeAuthor(Number(first?.["id"])), 1);
        if (strategy === "row") same(await session.removeAuthor(Number(foreign?.["id"])), 0);
      });
      same(namesOf(await ada.rows("authors")), authorsOf(ada).slice(1));
      same((await ada.rows("books")).length, 1);
      same(namesOf(await bob.rows("authors")), authorsOf(bob));
      same((await bob.rows("books")).length, 3);
    },
  },
  {
    capability: "bulk",
    title: "many rows are written and stamped in one call",
    run: async ({ as, ada, bob }) => {
      const names = Array.from({ length: 50 }, (_, n) => `ada bulk ${String(n).padStart(2, "0")}`);
      await as(ada, (session) => session.createAuthors(names.map((name) => ({ name }))));
      same(namesOf(await ada.rows("authors")), [...authorsOf(ada), ...names]);
      same(namesOf(await bob.rows("authors")), authorsOf(bob));
    },
  },
  {
    capability: "upsert",
    title: "an upsert inserts, then renames, and never another tenant's row",
    run: async ({ as, ada, bob, strategy }) => {
      const id = 500_000;
      await as(ada, async (session) => {
        await session.upsertAuthor({ id, name: "ada first" });
        await session.upsertAuthor({ id, name: "ada second" });
      });
      same(
        (await ada.rows("authors")).filter((row) => row["id"] === id).map(({ name }) => name),
        ["ada second"],
      );
      const attempt = as(bob, (session) => session.upsertAuthor({ id, name: "bob's now" }));
      // In shared tables the id is taken, by a row that cannot be seen.
      if (strategy === "row") await attempt.then(fail, () => undefined);
      else await attempt;
      same(
        (await ada.rows("authors")).filter((row) => row["id"] === id).map(({ name }) => name),
        ["ada second"],
      );
    },
  },
  {
    capability: "tenantField",
    title: "a model with a tenant field leaves it out, or gives its own",
    run: async ({ as, ada, bob }) => {
      await as(ada, async (session) => {
        same((await session.createTag({ label: "ada out" })).tenantId, ada.tenant.id);
        const given = await session.createTag({ label: "ada given", tenantId: ada.tenant.id });
        same(given.tenantId, ada.tenant.id);
      });
      same(
        (await ada.rows("tags")).map(({ label }) => label),
        ["ada out", "ada given"],
      );
      same(await bob.rows("tags"), []);
    },
  },
];

function fail(): never {
  throw new Error("the row of another tenant was taken over");
}
