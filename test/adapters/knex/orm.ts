import knex, { type Knex } from "knex";
import { guardKnex } from "partywall/adapters/knex";
import type { Author, OrmSession, OrmSubject } from "partywall/testing";

interface BookRow {
  readonly id: number;
  readonly title: string;
  readonly pages: number;
  readonly author_id: number | null;
}

const AUTHOR = ["id", "name", "rating"] as const;

function sessionOf(db: Knex): OrmSession {
  const authors = () => db("authors").select<Author[]>(AUTHOR).orderBy("id");
  const nested = async (rows: Promise<{ name: string; titles: string[] }[]>) =>
    (await rows).map(({ name, titles }) => ({ name, books: titles }));
  return {
    createAuthor: async (values) => {
      const [made] = await db("authors").insert(values).returning<Author[]>(AUTHOR);
      return made!;
    },
    findAuthor: (id) => db("authors").where({ id }).first<Author | undefined>(AUTHOR),
    authors,
    renameAuthor: (id, name) => db("authors").where({ id }).update({ name }),
    removeAuthor: (id) => db("authors").where({ id }).del(),
    createAuthors: (values) => db.batchInsert("authors", [...values], 2),
    rateAuthors: (rating) => db("authors").update({ rating }),
    upsertAuthor: (values) => db("authors").insert(values).onConflict("id").merge(["name"]),
    createBook: async ({ title, pages, authorId, reviewerId }) => {
      const [made] = await db("books")
        .insert({ title, pages, author_id: authorId, reviewer_id: reviewerId })
        .returning<BookRow[]>(["id", "title", "pages", "author_id"]);
      const { author_id, ...book } = made!;
      return { ...book, authorId: author_id };
    },
    joined: () =>
      db("books")
        .join("authors", "authors.id", "books.author_id")
        .select("books.title", "authors.name as author")
        .orderBy("books.id"),
    nestedReads: {
      "a join, aggregated": () =>
        nested(
          db("authors")
            .leftJoin("books", "books.author_id", "authors.id")
            .select(
              "authors.name",
              db.raw(
                "coalesce(array_agg(books.title order by books.id) filter (where books.id is not null), '{}') as titles",
              ),
            )
            .groupBy("authors.id", "authors.name")
            .orderBy("authors.id"),
        ),
      "a subquery": () =>
        nested(
          db("authors")
            .select(
              "name",
              db.raw("array(?) as titles", [
                db("books").select("title").where("author_id", db.ref("authors.id")).orderBy("id"),
              ]),
            )
            .orderBy("id"),
        ),
      "a second query": async () => {
        const found = await authors();
        const books = await db("books")
          .whereIn("author_id", db("authors").select("id"))
          .orderBy("id");
        return found.map(({ id, name }) => ({
          name,
          books: books.filter(({ author_id }) => author_id === id).map(({ title }) => title),
        }));
      },
    },
    // What Knex has for a nested write: one statement that feeds another.
    createAuthorWithBooks: ({ name, titles }) =>
      db
        .with("author", db("authors").insert({ name }).returning("id"))
        .into(db.raw("?? (??, ??)", ["books", "title", "author_id"]))
        .insert(
          db.raw("select titles.title, author.id from author, unnest(?::text[]) as titles(title)", [
            [...titles],
          ]),
        ),
    connectAuthor: (bookId, authorId) =>
      db("books").where({ id: bookId }).update({ author_id: authorId }),
    renameAuthorOf: (bookId, name) =>
      db("authors")
        .updateFrom("books")
        .update({ name })
        .whereRaw("authors.id = books.author_id")
        .where("books.id", bookId),
    tagBook: (bookId, labels) =>
      db.transaction(async (trx) => {
        const made = await trx("tags")
          .insert(labels.map((label) => ({ label })))
          .returning("id");
        await trx("book_tags").insert(made.map(({ id }) => ({ book_id: bookId, tag_id: id })));
      }),
    tagsOf: (bookId) =>
      db("tags")
        .join("book_tags", "book_tags.tag_id", "tags.id")
        .where({ book_id: bookId })
        .orderBy("label")
        .pluck("label"),
    reviewerOf: async (bookId) => {
      const book = await db("books")
        .leftJoin("authors as reviewer", "reviewer.id", "books.reviewer_id")
        .where("books.id", bookId)
        .first<{ name: string | null } | undefined>("reviewer.name");
      return book?.name ?? undefined;
    },
    renameReviewerOf: (bookId, name) =>
      db("authors")
        .where("id", db("books").select("reviewer_id").where({ id: bookId }))
        .update({ name }),
    createTag: async ({ label, tenantId }) => {
      const [made] = await db("tags")
        .insert({ label, ...(tenantId !== undefined && { tenant_id: tenantId }) })
        .returning<{ id: number; label: string; tenant_id: string }[]>([
          "id",
          "label",
          "tenant_id",
        ]);
      const { tenant_id, ...tag } = made!;
      return { ...tag, tenantId: tenant_id };
    },
    countAuthors: async () => {
      const counted = await db("authors").count({ count: "*" }).first();
      return Number(counted?.["count"]);
    },
    pagesByAuthor: async () => {
      const rows = await db("books")
        .join("authors", "authors.id", "books.author_id")
        .groupBy("authors.name")
        .orderBy("authors.name")
        .sum({ pages: "books.pages" })
        .select<{ name: string; pages: string }[]>("authors.name");
      return rows.map(({ name, pages }) => ({ name, pages: Number(pages) }));
    },
    ranked: async () => {
      const rows = await db("books")
        .rank("rank", (rank) => void rank.orderBy("pages", "desc"))
        .orderBy("rank")
        .select<{ title: string; rank: string }[]>("title");
      return rows.map(({ title, rank }) => ({ title, rank: Number(rank) }));
    },
    page: (limit, offset) => authors().limit(limit).offset(offset),
    stream: () => authors().stream(),
    raw: async (text, values = []) => {
      const { rows } = await db.raw(
        text.replaceAll("?", "\\?").replaceAll(/\$(\d+)/g, ":p$1"),
        Object.fromEntries(values.map((value, n) => [`p${n + 1}`, value])) as Knex.ValueDict,
      );
      return rows as Record<string, unknown>[];
    },
    authorsWhere: (fragment) => authors().whereRaw(`(${fragment})`),
    renameAuthorToSql: (id, expression) =>
      db("authors")
        .where({ id })
        .update({ name: db.raw(expression) }),
    pending: authors,
    transaction: (fn) => db.transaction((trx) => fn(sessionOf(trx))),
  };
}

const migrations: Knex.MigrationSource<string> = {
  getMigrations: async () => ["001"],
  getMigrationName: (name) => name,
  getMigration: async () => ({
    up: (db) =>
      db.schema.createTable("leftovers", (table) => {
        table.integer("id").primary();
        table.uuid("tenant_id").notNullable();
      }),
    down: (db) => db.schema.dropTable("leftovers"),
  }),
};

export const subject: OrmSubject = {
  name: "Knex",
  pendingRunsFor: "awaiter",
  missing: { lazyRelation: "Knex is a query builder: it has no entities that could load later" },
  open: async ({ guard }) => {
    const db = guardKnex(guard, knex({ client: "pg" }));
    await guard.assertWired((text) => db.raw(text));
    return { session: () => sessionOf(db), close: () => db.destroy() };
  },
  bypass: async ({ guard, url }, unguarded) => {
    const pool = new unguarded.Pool({ connectionString: url });
    guardKnex(guard, knex({ client: "pg", connectionPool: pool as Knex.ConnectionPool }));
  },
  migrate: async (url) => {
    const db = knex({ client: "pg", connection: url });
    try {
      await db.migrate.latest({ migrationSource: migrations });
    } finally {
      await db.destroy();
    }
  },
};
