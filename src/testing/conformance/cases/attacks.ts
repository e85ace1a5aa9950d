import type { ConformanceCase } from "../case.js";
import { authorsOf, namesOf, onlyOf, refused, rejection, same } from "../expectations.js";
import { FOREIGN_ID } from "../tables.js";
import type { Side } from "../world.js";

/** An author of the tenant's under an id that no other has. */
async function foreignAuthor({ eye, tenant, mark }: Side): Promise<void> {
  await eye("insert into authors (tenant_id, id, name) values ($1, $2, $3)", [
    tenant.id,
    FOREIGN_ID,
    `${mark} hidden`,
  ]);
}

const hiddenName = async ({ rows }: Side) =>
  (await rows("authors")).find(({ id }) => id === FOREIGN_ID)?.["name"];

// What a tenant might set to be taken for another: the wall's own settings, and those of other toolkits.
const SPOOFS = (other: string) => [
  ...["true", "false"].flatMap((local) =>
    [
      "partywall.seal",
      "partywall.tenant",
      "app.tenant",
      "app.tenant_id",
      "tenancyjs.tenant_id",
    ].map((name) => `set_config('${name}', '${other}', ${local}) is not null`),
  ),
  "set_config('tenancyjs.is_central', 'true', true) = 'true'",
  "set_config('row_security', 'off', true) is not null",
  `set_config('search_path', 'public, pg_catalog', false) is not null`,
  "set_config('role', 'postgres', true) is not null",
];

/** What an attacker tries through an ORM. */
export const ATTACKS: readonly ConformanceCase[] = [
  {
    capability: "foreignRow",
    title: "cannot point a row at another tenant's, by its column or through the relation",
    run: async ({ as, ada, bob }) => {
      await foreignAuthor(bob);
      const [book] = await ada.rows("books");
      const attempts = await as(ada, async (session) => {
        const outcomes = [
          await rejection(() =>
            session.createBook({ title: "ada reaching", authorId: FOREIGN_ID }),
          ),
        ];
        if (session.connectAuthor !== undefined) {
          outcomes.push(
            await rejection(() => session.connectAuthor!(Number(book?.["id"]), FOREIGN_ID)),
          );
        }
        return outcomes;
      });
      same(
        attempts.every((error) => error instanceof Error),
        true,
      );
      const books = await ada.rows("books");
      same(
        books.some((row) => row["author_id"] === FOREIGN_ID),
        false,
      );
      same(books.length, 3);
      same(await hiddenName(bob), `${bob.mark} hidden`);
    },
  },
  {
    capability: "foreignRow",
    title:
      "cannot reach another tenant's row by its id: not read, renamed, removed or written over",
    run: async ({ as, ada, bob }) => {
      await foreignAuthor(bob);
      await as(ada, async (session) => {
        same(await session.findAuthor(FOREIGN_ID), undefined);
        same(await session.renameAuthor(FOREIGN_ID, "stolen"), 0);
        same(await session.removeAuthor(FOREIGN_ID), 0);
      });
      await as(ada, (session) =>
        session.upsertAuthor({ id: FOREIGN_ID, name: `${ada.mark} over` }),
      ).catch(() => undefined);
      same(await hiddenName(bob), `${bob.mark} hidden`);
    },
  },
  {
    capability: "looseRelation",
    title:
      "a relation that no foreign key guards shows nothing of another tenant's row, and changes nothing",
    needs: ["reviewerOf"],
    run: async ({ as, ada, bob }) => {
      await foreignAuthor(bob);
      const book = await as(ada, (session) =>
        session.createBook({ title: "ada loose", reviewerId: FOREIGN_ID }),
      );
      same(await as(ada, (session) => session.reviewerOf!(book.id)), undefined);
      await as(ada, async (session) =>
        session.renameReviewerOf?.(book.id, "stolen through a relation"),
      ).catch(() => undefined);
      same(await hiddenName(bob), `${bob.mark} hidden`);
      same(
        (await ada.rows("authors")).some(({ name }) => name === "stolen through a relation"),
        false,
      );
    },
  },
  {
    capability: "looseRelation",
    title: "a relation to the tenant's own row shows it, so the attack above could have",
    needs: ["reviewerOf"],
    run: async ({ as, ada }) => {
      await foreignAuthor(ada);
      const name = await as(ada, async (session) => {
        const book = await session.createBook({ title: "ada loose", reviewerId: FOREIGN_ID });
        if (session.renameReviewerOf !== undefined) {
          await session.renameReviewerOf(book.id, `${ada.mark} hidden, renamed`);
        }
        return session.reviewerOf!(book.id);
      });
      same(name, await hiddenName(ada));
      onlyOf(ada, [String(name)]);
    },
  },
  {
    capability: "spoofing",
    title:
      "a setting made in a condition shows no other tenant's rows, now or to whoever comes next",
    needs: ["authorsWhere"],
    run: async ({ as, ada, bob }) => {
      for (const spoof of SPOOFS(bob.tenant.id)) {
        const seen = await as(ada, (session) => session.authorsWhere!(`(${spoof}) or 1 = 1`)).catch(
          () => [],
        );
        onlyOf(ada, namesOf(seen));
        for (const side of [ada, bob]) {
          same(namesOf(await as(side, (session) => session.authors())), authorsOf(side), spoof);
        }
      }
    },
  },
  {
    capability: "spoofing",
    title: "raw SQL that sets, resets, opens transactions or changes role stays with its tenant",
    run: async ({ as, ada, bob }) => {
      for (const text of [
        `set partywall.seal = '${bob.tenant.id}'`,
        "reset all",
        "set role postgres",
        "set session authorization default",
        "set row_security = off",
        `select set_config('app.tenant_id', '${bob.tenant.id}', false)`,
        `with spoof as materialized (select set_config('partywall.seal', '${bob.tenant.id}', true)) select name from authors, spoof`,
      ]) {
        const seen = await as(ada, (session) => session.raw(text)).catch(() => []);
        onlyOf(
          ada,
          namesOf(seen).filter((name) => name !== "undefined"),
        );
        for (const side of [ada, bob]) {
          same(namesOf(await as(side, (session) => session.authors())), authorsOf(side), text);
        }
      }
    },
  },
  {
    capability: "mismatch",
    title:
      "another tenant's id in a new row, or written over an old one, is refused with our error",
    run: async ({ as, ada, bob }) => {
      const error = await refused(
        () => as(ada, (session) => session.createTag({ label: "ada's", tenantId: bob.tenant.id })),
        "PW_WRITE_MISMATCH",
      );
      same(error.cause instanceof Error, true, "the database's error is its cause");
      await refused(
        () =>
          as(ada, (session) => session.raw("update authors set tenant_id = $1", [bob.tenant.id])),
        "PW_WRITE_MISMATCH",
      );
      for (const side of [ada, bob]) {
        same(await side.rows("tags"), []);
        same(namesOf(await side.rows("authors")), authorsOf(side));
      }
    },
  },
];
