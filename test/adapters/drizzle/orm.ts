import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asc, count, eq, inArray, placeholder, relations, sql, sum } from "drizzle-orm";
import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import { alias, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { guardDrizzle } from "partywall/adapters/drizzle";
import type { OrmSession, OrmSubject } from "partywall/testing";
import type { Pool } from "pg";

const id = () => integer("id").primaryKey().generatedByDefaultAsIdentity();

const authors = pgTable("authors", {
  id: id(),
  name: text("name").notNull(),
  rating: integer("rating"),
});

const books = pgTable("books", {
  id: id(),
  title: text("title").notNull(),
  pages: integer("pages").notNull().default(0),
  authorId: integer("author_id"),
  reviewerId: integer("reviewer_id"),
});

// The one model with the tenant field.
const tags = pgTable("tags", {
  id: id(),
  label: text("label").notNull(),
  tenantId: uuid("tenant_id")
    .notNull()
    .default(sql`partywall.tenant_uuid()`),
});

const bookTags = pgTable("book_tags", {
  bookId: integer("book_id").notNull(),
  tagId: integer("tag_id").notNull(),
});

export const schema = {
  authors,
  books,
  tags,
  bookTags,
  authorsRelations: relations(authors, ({ many }) => ({
    books: many(books, { relationName: "author" }),
  })),
  booksRelations: relations(books, ({ one, many }) => ({
    author: one(authors, {
      fields: [books.authorId],
      references: [authors.id],
      relationName: "author",
    }),
    reviewer: one(authors, {
      fields: [books.reviewerId],
      references: [authors.id],
      relationName: "reviewer",
    }),
    tags: many(bookTags),
  })),
  bookTagsRelations: relations(bookTags, ({ one }) => ({
    book: one(books, { fields: [bookTags.bookId], references: [books.id] }),
    tag: one(tags, { fields: [bookTags.tagId], references: [tags.id] }),
  })),
};

export type Db = Pick<
  NodePgDatabase<typeof schema>,
  | "$count"
  | "$with"
  | "delete"
  | "execute"
  | "insert"
  | "query"
  | "select"
  | "transaction"
  | "update"
  | "with"
>;

// What each driver gives for a result: `pg` an object, postgres.js the rows themselves.
const changed = ({ rowCount, count: of }: { rowCount?: number | null; count?: number }) =>
  rowCount ?? of ?? 0;
const rowsOf = (result: { rows?: Record<string, unknown>[] }) =>
  result.rows ?? [...(result as Iterable<Record<string, unknown>>)];

/** What an application does through Drizzle, over either driver. */
export function sessionOf(db: Db): OrmSession {
  const list = () => db.select().from(authors).orderBy(asc(authors.id));
  const withTitles = (
    rows: readonly {
      readonly name: string;
      readonly books: readonly { readonly title: string }[];
    }[],
  ) => rows.map(({ name, books: own }) => ({ name, books: own.map(({ title }) => title) }));
  return {
    createAuthor: async (values) => (await db.insert(authors).values(values).returning())[0]!,
    findAuthor: (wanted) => db.query.authors.findFirst({ where: eq(authors.id, wanted) }),
    authors: async () => list(),
    renameAuthor: async (wanted, name) =>
      changed(await db.update(authors).set({ name }).where(eq(authors.id, wanted))),
    removeAuthor: async (wanted) => changed(await db.delete(authors).where(eq(authors.id, wanted))),
    createAuthors: async (values) => db.insert(authors).values([...values]),
    rateAuthors: async (rating) => changed(await db.update(authors).set({ rating })),
    upsertAuthor: async ({ name, ...key }) =>
      db
        .insert(authors)
        .values({ ...key, name })
        .onConflictDoUpdate({ target: authors.id, set: { name } }),
    createBook: async (values) => (await db.insert(books).values(values).returning())[0]!,
    joined: async () =>
      db
        .select({ title: books.title, author: authors.name })
        .from(books)
        .innerJoin(authors, eq(authors.id, books.authorId))
        .orderBy(asc(books.id)),
    nestedReads: {
      with: async () =>
        withTitles(
          await db.query.authors.findMany({
            with: { books: { orderBy: asc(books.id) } },
            orderBy: asc(authors.id),
          }),
        ),
      "with, prepared": async () =>
        withTitles(
          await db.query.authors
            .findMany({
              with: { books: { orderBy: asc(books.id) } },
              orderBy: asc(authors.id),
              limit: placeholder("most"),
            })
            .prepare("authors_with_books")
            .execute({ most: 100 }),
        ),
    },
    // What Drizzle has for a nested write: the rows one after the other, in a transaction.
    createAuthorWithBooks: ({ name, titles }) =>
      db.transaction(async (tx) => {
        const [author] = await tx.insert(authors).values({ name }).returning();
        await tx.insert(books).values(titles.map((title) => ({ title, authorId: author!.id })));
      }),
    connectAuthor: async (bookId, authorId) =>
      db.update(books).set({ authorId }).where(eq(books.id, bookId)),
    renameAuthorOf: async (bookId, name) =>
      db
        .update(authors)
        .set({ name })
        .where(
          inArray(
            authors.id,
            db.select({ id: books.authorId }).from(books).where(eq(books.id, bookId)),
          ),
        ),
    tagBook: (bookId, labels) =>
      db.transaction(async (tx) => {
        const made = await tx
          .insert(tags)
          .values(labels.map((label) => ({ label })))
          .returning({ tagId: tags.id });
        await tx.insert(bookTags).values(made.map(({ tagId }) => ({ bookId, tagId })));
      }),
    tagsOf: async (bookId) => {
      const book = await db.query.books.findFirst({
        where: eq(books.id, bookId),
        with: { tags: { with: { tag: true } } },
      });
      return (book?.tags ?? []).map(({ tag }) => tag.label).toSorted();
    },
    reviewerOf: async (bookId) =>
      (await db.query.books.findFirst({ where: eq(books.id, bookId), with: { reviewer: true } }))
        ?.reviewer?.name,
    renameReviewerOf: async (bookId, name) => {
      const reviewer = alias(books, "reviewed");
      return db
        .update(authors)
        .set({ name })
        .from(reviewer)
        .where(sql`${reviewer.reviewerId} = ${authors.id} and ${reviewer.id} = ${bookId}`);
    },
    createTag: async (values) => (await db.insert(tags).values(values).returning())[0]!,
    countAuthors: async () => db.$count(authors),
    pagesByAuthor: async () =>
      (
        await db
          .select({ name: authors.name, pages: sum(books.pages).mapWith(Number), count: count() })
          .from(books)
          .innerJoin(authors, eq(authors.id, books.authorId))
          .groupBy(authors.name)
          .orderBy(authors.name)
      ).map(({ name, pages }) => ({ name, pages })),
    ranked: async () => {
      const rank = sql<number>`rank() over (order by ${books.pages} desc)`
        .mapWith(Number)
        .as("rank");
      return db.select({ title: books.title, rank }).from(books).orderBy(rank);
    },
    page: async (limit, offset) => list().limit(limit).offset(offset),
    raw: async (query, values = []) => {
      const parts = query.split(/\$\d+/);
      const statement = sql(Object.assign(parts, { raw: parts }), ...values);
      return rowsOf(await db.execute(statement));
    },
    authorsWhere: async (fragment) => list().where(sql`(${sql.raw(fragment)})`),
    renameAuthorToSql: async (wanted, expression) =>
      db
        .update(authors)
        .set({ name: sql`${sql.raw(expression)}` })
        .where(eq(authors.id, wanted)),
    pending: () => list(),
    transaction: (fn) => db.transaction((tx) => fn(sessionOf(tx))),
  };
}

export const subject: OrmSubject = {
  name: "Drizzle",
  pendingRunsFor: "awaiter",
  missing: {
    stream: "drizzle-orm/node-postgres has no iterator: it reads a result whole",
    lazyRelation: "Drizzle gives plain rows, with no relations that could load later",
  },
  open: async ({ guard }) => {
    const db = guardDrizzle(guard, drizzle({ client: guard.pool as Pool, schema }));
    await guard.assertWired((query) => db.execute(sql.raw(query)));
    // The pool is the guard's, and closed with it.
    return { session: () => sessionOf(db), close: async () => undefined };
  },
  bypass: async ({ guard, url }, unguarded) => {
    const pool = new unguarded.Pool({ connectionString: url }) as Pool;
    try {
      guardDrizzle(guard, drizzle({ client: pool, schema }));
    } finally {
      await pool.end();
    }
  },
  migrate: async (url) => {
    const { migrate } = await import("drizzle-orm/node-postgres/migrator");
    const migrationsFolder = await mkdtemp(join(tmpdir(), "partywall-drizzle-"));
    const db = drizzle(url);
    try {
      await writeMigration(migrationsFolder);
      await migrate(db, { migrationsFolder });
    } finally {
      await db.$client.end();
      await rm(migrationsFolder, { recursive: true });
    }
  },
};

// As drizzle-kit generates it.
async function writeMigration(folder: string): Promise<void> {
  await mkdir(join(folder, "meta"));
  const entry = { idx: 0, version: "7", when: 1, tag: "0000_leftovers", breakpoints: true };
  await writeFile(
    join(folder, "meta", "_journal.json"),
    JSON.stringify({ version: "7", dialect: "postgresql", entries: [entry] }),
  );
  await writeFile(
    join(folder, "0000_leftovers.sql"),
    'CREATE TABLE "public"."leftovers" ("id" integer PRIMARY KEY, "tenant_id" uuid NOT NULL);',
  );
}
