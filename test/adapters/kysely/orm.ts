import Cursor from "pg-cursor";
import {
  Kysely,
  PostgresDialect,
  sql,
  type Generated,
  type PostgresPool,
  type Transaction,
} from "kysely";
import { jsonArrayFrom } from "kysely/helpers/postgres";
import type { OrmSession, OrmSubject } from "partywall/testing";

export interface Database {
  authors: { id: Generated<number>; name: string; rating: number | null };
  books: {
    id: Generated<number>;
    title: string;
    pages: Generated<number>;
    author_id: number | null;
    reviewer_id: number | null;
  };
  // The one model with the tenant field.
  tags: { id: Generated<number>; label: string; tenant_id: Generated<string> };
  book_tags: { book_id: number; tag_id: number };
}

type Db = Kysely<Database> | Transaction<Database>;

const AUTHOR = ["id", "name", "rating"] as const;

export function sessionOf(db: Db): OrmSession {
  const authors = () => db.selectFrom("authors").select(AUTHOR).orderBy("id");
  return {
    createAuthor: ({ name, rating }) =>
      db
        .insertInto("authors")
        .values({ name, rating: rating ?? null })
        .returning(AUTHOR)
        .executeTakeFirstOrThrow(),
    findAuthor: (id) =>
      db.selectFrom("authors").select(AUTHOR).where("id", "=", id).executeTakeFirst(),
    authors: () => authors().execute(),
    renameAuthor: async (id, name) =>
      Number(
        (await db.updateTable("authors").set({ name }).where("id", "=", id).executeTakeFirst())
          .numUpdatedRows,
      ),
    removeAuthor: async (id) =>
      Number(
        (await db.deleteFrom("authors").where("id", "=", id).executeTakeFirst()).numDeletedRows,
      ),
    createAuthors: (values) =>
      db
        .insertInto("authors")
        .values(values.map(({ name }) => ({ name, rating: null })))
        .execute(),
    rateAuthors: async (rating) =>
      Number((await db.updateTable("authors").set({ rating }).executeTakeFirst()).numUpdatedRows),
    upsertAuthor: ({ id, name }) =>
      db
        .insertInto("authors")
        .values({ id, name, rating: null })
        .onConflict((conflict) => conflict.column("id").doUpdateSet({ name }))
        .execute(),
    createBook: async ({ title, pages = 0, authorId, reviewerId }) => {
      const { author_id, ...book } = await db
        .insertInto("books")
        .values({ title, pages, author_id: authorId ?? null, reviewer_id: reviewerId ?? null })
        .returning(["id", "title", "pages", "author_id"])
        .executeTakeFirstOrThrow();
      return { ...book, authorId: author_id };
    },
    joined: () =>
      db
        .selectFrom("books")
        .innerJoin("authors", "authors.id", "books.author_id")
        .select(["books.title", "authors.name as author"])
        .orderBy("books.id")
        .execute(),
    nestedReads: {
      jsonArrayFrom: async () =>
        (
          await db
            .selectFrom("authors")
            .select((eb) => [
              "name",
              jsonArrayFrom(
                eb
                  .selectFrom("books")
                  .select("title")
                  .whereRef("books.author_id", "=", "authors.id")
                  .orderBy("books.id"),
              ).as("books"),
            ])
            .orderBy("authors.id")
            .execute()
        ).map(({ name, books }) => ({ name, books: books.map(({ title }) => title) })),
    },
    // What Kysely has for a nested write: one statement that feeds another.
    createAuthorWithBooks: ({ name, titles }) =>
      db
        .with("author", (cte) => cte.insertInto("authors").values({ name }).returning("id"))
        .insertInto("books")
        .columns(["title", "author_id"])
        .expression((eb) =>
          eb
            .selectFrom("author")
            .innerJoin(
              sql<{ title: string }>`unnest(${titles}::text[])`.as<"titles">(sql`titles(title)`),
              (join) => join.onTrue(),
            )
            .select(["titles.title", "author.id"]),
        )
        .execute(),
    connectAuthor: (bookId, authorId) =>
      db.updateTable("books").set({ author_id: authorId }).where("id", "=", bookId).execute(),
    renameAuthorOf: (bookId, name) =>
      db
        .updateTable("authors")
        .from("books")
        .set({ name })
        .whereRef("authors.id", "=", "books.author_id")
        .where("books.id", "=", bookId)
        .execute(),
    tagBook: (bookId, labels) =>
      db
        .with("made", (cte) =>
          cte
            .insertInto("tags")
            .values(labels.map((label) => ({ label })))
            .returning("id"),
        )
        .insertInto("book_tags")
        .columns(["book_id", "tag_id"])
        .expression((eb) =>
          eb.selectFrom("made").select([eb.val(bookId).$castTo<number>().as("book"), "id"]),
        )
        .execute(),
    tagsOf: async (bookId) =>
      (
        await db
          .selectFrom("tags")
          .innerJoin("book_tags", "book_tags.tag_id", "tags.id")
          .select("label")
          .where("book_id", "=", bookId)
          .orderBy("label")
          .execute()
      ).map(({ label }) => label),
    reviewerOf: async (bookId) =>
      (
        await db
          .selectFrom("books")
          .leftJoin("authors as reviewer", "reviewer.id", "books.reviewer_id")
          .select("reviewer.name")
          .where("books.id", "=", bookId)
          .executeTakeFirst()
      )?.name ?? undefined,
    renameReviewerOf: (bookId, name) =>
      db
        .updateTable("authors")
        .set({ name })
        .where("id", "=", (eb) =>
          eb.selectFrom("books").select("reviewer_id").where("id", "=", bookId),
        )
        .execute(),
    createTag: async ({ label, tenantId }) => {
      const { tenant_id, ...tag } = await db
        .insertInto("tags")
        .values({ label, ...(tenantId && { tenant_id: tenantId }) })
        .returning(["id", "label", "tenant_id"])
        .executeTakeFirstOrThrow();
      return { ...tag, tenantId: tenant_id };
    },
    countAuthors: async () =>
      Number(
        (
          await db
            .selectFrom("authors")
            .select((eb) => eb.fn.countAll().as("count"))
            .executeTakeFirstOrThrow()
        ).count,
      ),
    pagesByAuthor: async () =>
      (
        await db
          .selectFrom("books")
          .innerJoin("authors", "authors.id", "books.author_id")
          .select((eb) => ["authors.name", eb.fn.sum("books.pages").as("pages")])
          .groupBy("authors.name")
          .orderBy("authors.name")
          .execute()
      ).map(({ name, pages }) => ({ name, pages: Number(pages) })),
    ranked: async () =>
      (
        await db
          .selectFrom("books")
          .select((eb) => [
            "title",
            eb.fn
              .agg<string>("rank")
              .over((over) => over.orderBy("pages", "desc"))
              .as("rank"),
          ])
          .orderBy("rank")
          .execute()
      ).map(({ title, rank }) => ({ title, rank: Number(rank) })),
    page: (limit, offset) => authors().limit(limit).offset(offset).execute(),
    stream: () => authors().stream(100),
    raw: async (text, values = []) => {
      const parts = text.split(/\$\d+/);
      const query = sql<Record<string, unknown>>(Object.assign(parts, { raw: parts }), ...values);
      return (await query.execute(db)).rows;
    },
    authorsWhere: (fragment) =>
      authors()
        .where(sql<boolean>`(${sql.raw(fragment)})`)
        .execute(),
    renameAuthorToSql: (id, expression) =>
      db
        .updateTable("authors")
        .set({ name: sql<string>`${sql.raw(expression)}` })
        .where("id", "=", id)
        .execute(),
    pending: () => authors().execute(),
    transaction: (fn) =>
      db.isTransaction
        ? savepoint(db as Transaction<Database>, fn)
        : db.transaction().execute((tx) => fn(sessionOf(tx))),
  };
}

// Kysely's own nested transactions are of its controlled ones; savepoints are SQL in the others.
async function savepoint<T>(
  tx: Transaction<Database>,
  fn: (session: OrmSession) => Promise<T>,
): Promise<T> {
  await sql`savepoint nested`.execute(tx);
  try {
    const result = await fn(sessionOf(tx));
    await sql`release savepoint nested`.execute(tx);
    return result;
  } catch (error) {
    await sql`rollback to savepoint nested`.execute(tx);
    throw error;
  }
}

const kyselyOver = (pool: unknown) =>
  new Kysely<Database>({
    dialect: new PostgresDialect({ pool: pool as PostgresPool, cursor: Cursor }),
  });

export const subject: OrmSubject = {
  name: "Kysely",
  pendingRunsFor: "builder",
  missing: { lazyRelation: "Kysely is a query builder: it has no entities that could load later" },
  open: async ({ guard }) => {
    const db = kyselyOver(guard.pool);
    await guard.assertWired((text) => sql.raw(text).execute(db));
    // The pool is the guard's, and closed with it.
    return { session: () => sessionOf(db), close: async () => undefined };
  },
  bypass: async ({ guard, url }, unguarded) => {
    const db = kyselyOver(new unguarded.Pool({ connectionString: url }));
    try {
      await guard.assertWired((text) => sql.raw(text).execute(db));
    } finally {
      await db.destroy();
    }
  },
  migrate: async (url) => {
    const { Migrator } = await import("kysely");
    const { default: pg } = await import("pg");
    const db = kyselyOver(new pg.Pool({ connectionString: url, max: 2 }));
    try {
      const { error } = await new Migrator({
        db,
        migrationTableSchema: "public",
        provider: {
          getMigrations: async () => ({
            "001": {
              up: (schema) =>
                schema.schema
                  .createTable("leftovers")
                  .addColumn("id", "integer", (column) => column.primaryKey())
                  .addColumn("tenant_id", "uuid", (column) => column.notNull())
                  .execute(),
            },
          }),
        },
      }).migrateToLatest();
      if (error instanceof Error) throw error;
      if (error !== undefined) throw new Error("the migrator failed", { cause: error });
    } finally {
      await db.destroy();
    }
  },
};
