import { PrismaPg } from "@prisma/adapter-pg";
import { guardPrisma } from "partywall/adapters/prisma";
import type { AuthorWithBooks, OrmSession, OrmSubject } from "partywall/testing";
import { prismaDeploy } from "../../adopt/formats/prisma-engine.js";
import { prismaClient } from "../../support/prisma-client.js";

const MODELS = `
model Author {
  id       Int     @id @default(autoincrement())
  name     String
  rating   Int?
  books    Book[]
  reviewed Book[]  @relation("reviewer")

  @@map("authors")
}

model Book {
  id         Int       @id @default(autoincrement())
  title      String
  pages      Int       @default(0)
  authorId   Int?      @map("author_id")
  reviewerId Int?      @map("reviewer_id")
  author     Author?   @relation(fields: [authorId], references: [id])
  reviewer   Author?   @relation("reviewer", fields: [reviewerId], references: [id])
  tags       BookTag[]

  @@map("books")
}

// The one model with the tenant field.
model Tag {
  id       Int       @id @default(autoincrement())
  label    String
  tenantId String    @default(dbgenerated()) @map("tenant_id") @db.Uuid
  books    BookTag[]

  @@map("tags")
}

model BookTag {
  bookId Int  @map("book_id")
  tagId  Int  @map("tag_id")
  book   Book @relation(fields: [bookId], references: [id])
  tag    Tag  @relation(fields: [tagId], references: [id])

  @@id([bookId, tagId])
  @@map("book_tags")
}
`;

let generated: ReturnType<typeof prismaClient> | undefined;

async function connect(pool: unknown) {
  const { PrismaClient } = await (generated ??= prismaClient(MODELS));
  return new PrismaClient({
    adapter: new PrismaPg(pool as never),
    transactionOptions: { maxWait: 60_000, timeout: 60_000 },
  });
}

type Db = Awaited<ReturnType<typeof connect>>;

const BOOK = { id: true, title: true, pages: true, authorId: true } as const;
const TITLES = { select: { title: true }, orderBy: { id: "asc" } } as const;

const withTitles = (
  rows: readonly { name: string; books: readonly { title: string }[] }[],
): readonly AuthorWithBooks[] =>
  rows.map(({ name, books }) => ({ name, books: books.map(({ title }) => title) }));

function sessionOf(db: Db, { Prisma }: Db): OrmSession {
  const authors = () => db.author.findMany({ orderBy: { id: "asc" } });
  return {
    createAuthor: (data) => db.author.create({ data }),
    findAuthor: async (id) => (await db.author.findUnique({ where: { id } })) ?? undefined,
    authors,
    renameAuthor: async (id, name) =>
      (await db.author.updateMany({ where: { id }, data: { name } })).count,
    removeAuthor: async (id) => (await db.author.deleteMany({ where: { id } })).count,
    createAuthors: (data) => db.author.createManyAndReturn({ data: [...data] }),
    rateAuthors: async (rating) => (await db.author.updateMany({ data: { rating } })).count,
    upsertAuthor: ({ id, name }) =>
      db.author.upsert({ where: { id }, create: { id, name }, update: { name } }),
    createBook: (data) => db.book.create({ data, select: BOOK }),
    joined: async () =>
      (
        await db.book.findMany({
          where: { author: { isNot: null } },
          select: { title: true, author: { select: { name: true } } },
          orderBy: { id: "asc" },
        })
      ).map(({ title, author }: Db) => ({ title, author: author.name })),
    nestedReads: {
      join: async () =>
        withTitles(
          await db.author.findMany({
            relationLoadStrategy: "join",
            select: { name: true, books: TITLES },
            orderBy: { id: "asc" },
          }),
        ),
      query: async () =>
        withTitles(
          await db.author.findMany({
            relationLoadStrategy: "query",
            include: { books: { orderBy: { id: "asc" } } },
            orderBy: { id: "asc" },
          }),
        ),
      // One look-up for each row, which Prisma's DataLoader puts into one statement.
      fluent: async () =>
        Promise.all(
          (await authors()).map(async ({ id, name }: Db) => {
            // Null where the author is gone meanwhile.
            const books = (await db.author.findUnique({ where: { id } }).books(TITLES)) ?? [];
            return { name, books: books.map(({ title }: Db) => title) };
          }),
        ),
    },
    createAuthorWithBooks: ({ name, titles }) =>
      db.author.create({
        data: { name, books: { create: titles.map((title) => ({ title })) } },
      }),
    connectAuthor: (id, authorId) =>
      db.book.update({ where: { id }, data: { author: { connect: { id: authorId } } } }),
    renameAuthorOf: (id, name) =>
      db.book.update({ where: { id }, data: { author: { update: { name } } } }),
    tagBook: (id, labels) =>
      db.book.update({
        where: { id },
        data: { tags: { create: labels.map((label) => ({ tag: { create: { label } } })) } },
      }),
    tagsOf: async (id) =>
      (
        await db.tag.findMany({
          where: { books: { some: { bookId: id } } },
          orderBy: { label: "asc" },
        })
      ).map(({ label }: Db) => label),
    reviewerOf: async (id) =>
      (await db.book.findUnique({ where: { id }, include: { reviewer: true } }))?.reviewer?.name,
    renameReviewerOf: (id, name) =>
      db.book.update({ where: { id }, data: { reviewer: { update: { name } } } }),
    createTag: (data) => db.tag.create({ data }),
    countAuthors: () => db.author.count(),
    pagesByAuthor: async () => {
      const sums = await db.book.groupBy({
        by: ["authorId"],
        where: { authorId: { not: null } },
        _sum: { pages: true },
      });
      const names = await db.author.findMany({ where: { id: { in: sums.map(authorOf) } } });
      return names
        .map(({ id, name }: Db) => ({
          name,
          pages: sums.find((sum: Db) => sum.authorId === id)._sum.pages,
        }))
        .toSorted((one: Db, other: Db) => (one.name < other.name ? -1 : 1));
    },
    page: (take, skip) => db.author.findMany({ orderBy: { id: "asc" }, take, skip }),
    raw: (text, values = []) => db.$queryRawUnsafe(text, ...values),
    authorsWhere: (fragment) =>
      db.$queryRaw`select id, name, rating from authors where (${Prisma.raw(fragment)}) order by id`,
    renameAuthorToSql: (id, expression) =>
      db.$executeRaw(
        Prisma.sql`update authors set name = ${Prisma.raw(expression)} where id = ${id}`,
      ),
    pending: authors,
    transaction: (fn) => db.$transaction((tx: Db) => fn(sessionOf(tx, { Prisma }))),
  };
}

const authorOf = ({ authorId }: { authorId: number }) => authorId;

export const subject: OrmSubject = {
  name: "Prisma",
  pendingRunsFor: "builder",
  missing: {
    window: "Prisma has window functions in raw SQL alone",
    stream: "Prisma has no streams or cursors over a query's rows",
    lazyRelation: "Prisma gives plain objects, which load nothing later",
  },
  open: async ({ guard }) => {
    const db = guardPrisma(guard, await connect(guard.pool));
    await guard.assertWired((text) => db.$queryRawUnsafe(text));
    const module = await generated;
    return { session: () => sessionOf(db, module), close: () => db.$disconnect() };
  },
  bypass: async ({ guard, url }, unguarded) => {
    guardPrisma(guard, await connect(new unguarded.Pool({ connectionString: url })));
  },
  migrate: async (url) => {
    const folder = "prisma/migrations";
    await prismaDeploy(url, folder, [
      {
        path: `${folder}/1_leftovers/migration.sql`,
        content:
          'CREATE TABLE "leftovers" ("id" INTEGER NOT NULL, "tenant_id" UUID NOT NULL, PRIMARY KEY ("id"));',
      },
    ]);
  },
};
