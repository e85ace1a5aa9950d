import { and, eq, relations, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import type { Orm } from "./orm.js";

const id = () => integer("id").primaryKey().generatedByDefaultAsIdentity();
const tenantId = () =>
  uuid("tenant_id")
    .notNull()
    .default(sql`partywall.tenant_uuid()`);

const authors = pgTable("authors", {
  id: id(),
  tenantId: tenantId(),
  name: text("name").notNull(),
});
const books = pgTable("books", {
  id: id(),
  tenantId: tenantId(),
  title: text("title").notNull(),
  authorId: integer("author_id"),
});
const tags = pgTable("tags", { id: id(), tenantId: tenantId(), label: text("label").notNull() });
const schema = {
  authors,
  books,
  authorBooks: relations(authors, ({ many }) => ({ books: many(books) })),
  bookAuthor: relations(books, ({ one }) => ({
    author: one(authors, { fields: [books.authorId], references: [authors.id] }),
  })),
};

export const orm: Orm = {
  name: "Drizzle",
  open: async ({ pool, adapter }) => {
    const guard = await adapter("drizzle", "guardDrizzle");
    const db = guard(drizzle({ client: pool, schema }));
    return {
      author: async (wanted, tenant) => {
        const [author] = await db
          .select({ id: authors.id, name: authors.name })
          .from(authors)
          .where(
            tenant === undefined
              ? eq(authors.id, wanted)
              : and(eq(authors.id, wanted), eq(authors.tenantId, tenant)),
          );
        return author?.name;
      },
      shelf: async (wanted, tenant) => {
        const author = await db.query.authors.findFirst({
          columns: { id: true, name: true },
          with: {
            books: {
              columns: { id: true, title: true },
              ...(tenant !== undefined && { where: eq(books.tenantId, tenant) }),
            },
          },
          where:
            tenant === undefined
              ? eq(authors.id, wanted)
              : and(eq(authors.id, wanted), eq(authors.tenantId, tenant)),
        });
        return author && { name: author.name, titles: author.books.map(({ title }) => title) };
      },
      addTag: (label, tenant) =>
        db
          .insert(tags)
          .values({ label, ...(tenant !== undefined && { tenantId: tenant }) })
          .returning({ id: tags.id }),
    };
  },
};
