import type { ConformanceCase } from "../case.js";
import type { OrmSession } from "../orm.js";
import { authorsOf, namesOf, onlyOf, refused, same } from "../expectations.js";
import type { Side } from "../world.js";

/** Everything a session does that reaches the tenants' tables, as far as the ORM has it. */
function operations(session: OrmSession, id: number): Record<string, () => PromiseLike<unknown>> {
  const all: Record<string, (() => PromiseLike<unknown>) | undefined> = {
    createAuthor: () => session.createAuthor({ name: "nobody's" }),
    findAuthor: () => session.findAuthor(id),
    authors: () => session.authors(),
    renameAuthor: () => session.renameAuthor(id, "nobody's"),
    removeAuthor: () => session.removeAuthor(id),
    createAuthors: () => session.createAuthors([{ name: "nobody's" }, { name: "nobody's" }]),
    rateAuthors: () => session.rateAuthors(0),
    upsertAuthor: () => session.upsertAuthor({ id, name: "nobody's" }),
    createBook: () => session.createBook({ title: "nobody's" }),
    joined: () => session.joined(),
    createTag: () => session.createTag({ label: "nobody's" }),
    countAuthors: () => session.countAuthors(),
    pagesByAuthor: () => session.pagesByAuthor(),
    page: () => session.page(1, 0),
    raw: () => session.raw("select name from authors"),
    pending: async () => session.pending(),
    ranked: session.ranked && (() => session.ranked!()),
    authorsWhere: session.authorsWhere && (() => session.authorsWhere!("1 = 1")),
    renameAuthorToSql:
      session.renameAuthorToSql && (() => session.renameAuthorToSql!(id, "'nobody''s'")),
    createAuthorWithBooks:
      session.createAuthorWithBooks &&
      (() => session.createAuthorWithBooks!({ name: "nobody's", titles: ["nobody's"] })),
    tagBook: session.tagBook && (() => session.tagBook!(id, ["nobody's"])),
    tagsOf: session.tagsOf && (() => session.tagsOf!(id)),
    transaction:
      session.transaction &&
      (() => session.transaction!((tx) => tx.createAuthor({ name: "nobody's" }))),
    stream:
      session.stream &&
      (async () => {
        for await (const row of session.stream!()) return row;
        return undefined;
      }),
  };
  for (const [way, read] of Object.entries(session.nestedReads)) all[`nestedReads.${way}`] = read;
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, run]) => (run === undefined ? [] : [[name, run]])),
  );
}

/** What an ORM does in scopes, in several at once, and in none. */
export const SCOPES: readonly ConformanceCase[] = [
  {
    capability: "noScope",
    title: "whatever is called outside a scope throws, and changes nothing",
    run: async ({ orm, ada, bob }) => {
      const [first] = await ada.rows("authors");
      const id = Number(first?.["id"]);
      for (const [name, run] of Object.entries(operations(orm.session(), id))) {
        await named(name, () => refused(run, "PW_NO_SCOPE"));
      }
      for (const side of [ada, bob]) await unchanged(side);
    },
  },
  {
    capability: "central",
    title: "whatever is called in a central scope throws where it meets tenants' tables",
    run: async ({ orm, ada, bob, pw }) => {
      const [first] = await ada.rows("authors");
      const id = Number(first?.["id"]);
      for (const name of Object.keys(operations(orm.session(), id))) {
        await named(name, () =>
          refused(
            () => pw.central(async () => operations(orm.session(), id)[name]!()),
            "PW_CENTRAL_SCOPE",
          ),
        );
      }
      for (const side of [ada, bob]) await unchanged(side);
    },
  },
  {
    capability: "seal",
    title: "a tenant whose seal is gone is refused with our error",
    run: async ({ as, ada, bob, guard, strategy }) => {
      const tenant = { id: ada.tenant.id, placement: ada.placement };
      await guard.expel(tenant);
      try {
        // In a database of its own it is the connection that is refused.
        const codes =
          strategy === "database"
            ? (["PW_PLACEMENT_STALE", "PW_PLACEMENT"] as const)
            : (["PW_SEAL_REFUSED"] as const);
        const error = await refused(() => as(ada, (session) => session.authors()), ...codes);
        same(error.cause instanceof Error, true, "the database's error is its cause");
      } finally {
        await guard.admit(tenant);
      }
      for (const side of [ada, bob]) {
        same(namesOf(await as(side, (session) => session.authors())), authorsOf(side));
      }
    },
  },
  {
    capability: "interleaved",
    title: "two tenants in turns, each reading, writing and changing, meet their own rows",
    timeoutMs: 60_000,
    run: async ({ as, ada, bob }) => {
      const work = async (side: Side, n: number) =>
        as(side, async (session) => {
          const made = await session.createAuthor({ name: `${side.mark} ${n}` });
          onlyOf(side, namesOf(await session.authors()));
          same((await session.findAuthor(made.id))?.name, `${side.mark} ${n}`);
          same(await session.renameAuthor(made.id, `${side.mark} renamed ${n}`), 1);
          await session.createBook({ title: `${side.mark} written ${n}`, authorId: made.id });
          for (const read of Object.values(session.nestedReads)) {
            const nested = await read();
            onlyOf(side, [...namesOf(nested), ...nested.flatMap(({ books }) => books)]);
          }
          await session.removeAuthor(made.id);
        });
      await Promise.all(Array.from({ length: 30 }, (_, n) => work(n % 2 === 0 ? ada : bob, n)));
      for (const side of [ada, bob]) await unchanged(side);
    },
  },
  {
    capability: "awaitedElsewhere",
    title: "a query built in one scope and awaited in another gives the rows of one of them",
    run: async ({ as, ada, bob, orm, pw, subject }) => {
      const built = await pw.run(ada.tenant.id, () => ({ query: orm.session().pending() }));
      const rows = await as(bob, async () => built.query);
      const [wanted, other] = subject.pendingRunsFor === "builder" ? [ada, bob] : [bob, ada];
      same(namesOf(rows), authorsOf(wanted));
      // And the other way round, of a query that nobody awaited for a while.
      const second = await pw.run(bob.tenant.id, () => ({ query: orm.session().pending() }));
      await as(ada, (session) => session.authors());
      const answers = await as(ada, async () => second.query);
      same(namesOf(answers), authorsOf(other));
    },
  },
  {
    capability: "awaitedElsewhere",
    title: "a query built in a scope and awaited in none is refused, or was sent in it",
    run: async ({ ada, orm, pw, subject }) => {
      const built = await pw.run(ada.tenant.id, () => ({ query: orm.session().pending() }));
      if (subject.pendingRunsFor === "awaiter") {
        await refused(() => built.query, "PW_NO_SCOPE");
      } else {
        same(namesOf(await built.query), authorsOf(ada));
      }
    },
  },
  {
    capability: "crowd",
    title: "a hundred tenants at once on a pool of two find what they wrote, and nobody else's",
    timeoutMs: 240_000,
    run: async ({ world, subject, strategy, guard: main, pw: first }) => {
      const sides: Side[] = [];
      for (let n = 0; n < 100; n += 5) {
        const five = [0, 1, 2, 3, 4].map((more) => `${strategy}-crowd-${n + more}`);
        const settled = five.map((slug) =>
          world.settle({ guard: main, pw: first }, slug, strategy),
        );
        sides.push(...(await Promise.all(settled)));
      }
      // An ORM with a pool of its own holds two, and two more are lent where its tenants live.
      const instance = world.instance({
        max: 2,
        budget: { connections: 4, perTenant: 1, waitMs: 120_000 },
      });
      const orm = await subject.open({ guard: instance.guard, url: world.url("app"), max: 2 });
      try {
        await Promise.all(
          sides.map((side) =>
            instance.pw.run(side.tenant.id, async () => {
              const session = orm.session();
              const made = await session.createAuthor({ name: `${side.mark}.` });
              await session.createBook({ title: `${side.mark}.`, authorId: made.id });
              same(namesOf(await session.authors()), [`${side.mark}.`]);
              const [read] = await Object.values(session.nestedReads)[0]!();
              same([read?.name, ...(read?.books ?? [])], [`${side.mark}.`, `${side.mark}.`]);
            }),
          ),
        );
      } finally {
        await orm.close();
        await instance.pw.close();
      }
      for (const side of sides) {
        same(namesOf(await side.rows("authors")), [`${side.mark}.`]);
        await world.blink(side);
      }
    },
  },
];

async function unchanged(side: Side): Promise<void> {
  same(
    (await side.rows("authors")).map(({ name, rating }) => [name, rating]),
    authorsOf(side).map((name, n) => [name, n + 1]),
  );
  same((await side.rows("books")).length, 3);
  same(await side.rows("tags"), []);
}

async function named(name: string, attempt: () => Promise<unknown>): Promise<void> {
  try {
    await attempt();
  } catch (error) {
    throw new Error(`${name}(): ${(error as Error).message}`, { cause: error });
  }
}
