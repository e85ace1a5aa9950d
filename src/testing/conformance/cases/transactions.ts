import { outside } from "../../../scope/outside.js";
import type { ConformanceCase } from "../case.js";
import { authorsOf, namesOf, refused, rejection, same } from "../expectations.js";

/** What an ORM does in transactions. */
export const TRANSACTIONS: readonly ConformanceCase[] = [
  {
    capability: "transaction",
    title: "two tenants' transactions, open at once, keep their own rows and commit them",
    needs: ["transaction"],
    run: async ({ as, ada, bob }) => {
      let arrived = 0;
      let meet = () => {};
      const met = new Promise<void>((resolve) => (meet = resolve));
      const work = (side: typeof ada) =>
        as(side, (session) =>
          session.transaction!(async (tx) => {
            const made = await tx.createAuthor({ name: `${side.mark} in a transaction` });
            arrived += 1;
            if (arrived === 2) meet();
            await met;
            await tx.createBook({ title: `${side.mark} written`, authorId: made.id });
            return namesOf(await tx.authors());
          }),
        );
      const seen = await Promise.all([work(ada), work(bob)]);
      for (const [n, side] of [ada, bob].entries()) {
        const wanted = [...authorsOf(side), `${side.mark} in a transaction`];
        same(seen[n], wanted);
        same(namesOf(await side.rows("authors")), wanted);
        same((await side.rows("books")).length, 4);
      }
    },
  },
  {
    capability: "transaction",
    title: "a transaction carried into another tenant's scope is refused there",
    needs: ["transaction"],
    run: async ({ as, ada, bob, pw }) => {
      await as(ada, (session) =>
        session.transaction!(async (tx) => {
          await tx.createAuthor({ name: "ada carried" });
          // As a callback that lost its scope and got another's.
          const error = await rejection(() =>
            outside(() => pw.run(bob.tenant.id, () => tx.authors())),
          );
          same((error as { code?: string }).code?.startsWith("PW_"), true, String(error));
        }),
      ).catch(() => undefined);
      same(namesOf(await bob.rows("authors")), authorsOf(bob));
    },
  },
  {
    capability: "rollback",
    title: "what is rolled back leaves nothing, and the error is the caller's own",
    needs: ["transaction"],
    run: async ({ as, ada, bob }) => {
      const undo = new Error("undo");
      const error = await rejection(() =>
        as(ada, (session) =>
          session.transaction!(async (tx) => {
            await tx.createAuthor({ name: "ada gone" });
            await tx.rateAuthors(99);
            throw undo;
          }),
        ),
      );
      same(error, undo);
      for (const side of [ada, bob]) {
        same(
          (await side.rows("authors")).map(({ name, rating }) => [name, rating]),
          authorsOf(side).map((name, n) => [name, n + 1]),
        );
      }
      same(namesOf(await as(bob, (session) => session.authors())), authorsOf(bob));
    },
  },
  {
    capability: "nestedTransaction",
    title: "a nested transaction is undone alone, and the outer one goes on as the same tenant",
    needs: ["transaction"],
    run: async ({ as, ada, bob }) => {
      await as(ada, (session) =>
        session.transaction!(async (tx) => {
          await tx.createAuthor({ name: "ada outer" });
          const inner = tx.transaction!(async (nested) => {
            await nested.createAuthor({ name: "ada inner" });
            throw new Error("undo");
          });
          await inner.catch(() => undefined);
          same(namesOf(await tx.authors()), [...authorsOf(ada), "ada outer"]);
          await tx.transaction!((nested) => nested.createAuthor({ name: "ada kept" }));
        }),
      );
      same(namesOf(await ada.rows("authors")), [...authorsOf(ada), "ada outer", "ada kept"]);
      same(namesOf(await bob.rows("authors")), authorsOf(bob));
    },
  },
  {
    capability: "mismatch",
    title: "another tenant's id is refused with our error, and what went before it is rolled back",
    needs: ["transaction"],
    run: async ({ as, ada, bob }) => {
      const error = await refused(
        () =>
          as(ada, (session) =>
            session.transaction!(async (tx) => {
              await tx.createTag({ label: "ada before" });
              await tx.createTag({ label: "ada stolen", tenantId: bob.tenant.id });
            }),
          ),
        "PW_WRITE_MISMATCH",
      );
      same(error.cause instanceof Error, true, "the database's error is its cause");
      same(await ada.rows("tags"), []);
      same(await bob.rows("tags"), []);
    },
  },
];
