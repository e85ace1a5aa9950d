import { guardTypeorm } from "partywall/adapters/typeorm";
import type { OrmSession, OrmSubject } from "partywall/testing";
import { DataSource, EntitySchema, In, type EntityManager } from "typeorm";

interface Author {
  id: number;
  name: string;
  rating: number | null;
  books: Book[];
}

interface Book {
  id: number;
  title: string;
  pages: number;
  authorId: number | null;
  author: Author | null;
  reviewerId: number | null;
  reviewer: Author | null;
  tags: Tag[];
}

// The one model with the tenant field.
interface Tag {
  id: number;
  label: string;
  tenantId: string;
}

/** An author whose books are loaded when they are read. */
interface LazyAuthor {
  id: number;
  books: Promise<LazyBook[]>;
}

interface LazyBook {
  id: number;
  title: string;
  author: LazyAuthor | null;
}

const Author = new EntitySchema<Author>({
  name: "Author",
  tableName: "authors",
  columns: {
    id: { type: "int", primary: true, generated: "increment" },
    name: { type: "text" },
    rating: { type: "int", nullable: true },
  },
  relations: {
    books: {
      type: "one-to-many",
      target: "Book",
      inverseSide: "author",
      cascade: ["insert", "update"],
    },
  },
});

const Book = new EntitySchema<Book>({
  name: "Book",
  tableName: "books",
  columns: {
    id: { type: "int", primary: true, generated: "increment" },
    title: { type: "text" },
    pages: { type: "int", default: 0 },
    authorId: { type: "int", name: "author_id", nullable: true },
    reviewerId: { type: "int", name: "reviewer_id", nullable: true },
  },
  relations: {
    author: {
      type: "many-to-one",
      target: "Author",
      inverseSide: "books",
      joinColumn: { name: "author_id" },
      cascade: ["insert", "update"],
    },
    reviewer: {
      type: "many-to-one",
      target: "Author",
      joinColumn: { name: "reviewer_id" },
      cascade: ["insert", "update"],
      createForeignKeyConstraints: false,
    },
    tags: {
      type: "many-to-many",
      target: "Tag",
      cascade: ["insert", "update"],
      joinTable: {
        name: "book_tags",
        joinColumn: { name: "book_id" },
        inverseJoinColumn: { name: "tag_id" },
      },
    },
  },
});

const Tag = new EntitySchema<Tag>({
  name: "Tag",
  tableName: "tags",
  columns: {
    id: { type: "int", primary: true, generated: "increment" },
    label: { type: "text" },
    tenantId: { type: "uuid", name: "tenant_id", default: () => "partywall.tenant_uuid()" },
  },
});

const LazyAuthor = new EntitySchema<LazyAuthor>({
  name: "LazyAuthor",
  tableName: "authors",
  columns: { id: { type: "int", primary: true, generated: "increment" } },
  relations: {
    books: { type: "one-to-many", target: "LazyBook", inverseSide: "author", lazy: true },
  },
});

const LazyBook = new EntitySchema<LazyBook>({
  name: "LazyBook",
  tableName: "books",
  columns: {
    id: { type: "int", primary: true, generated: "increment" },
    title: { type: "text" },
  },
  relations: {
    author: {
      type: "many-to-one",
      target: "LazyAuthor",
      inverseSide: "books",
      joinColumn: { name: "author_id" },
    },
  },
});

const withTitles = (authors: readonly Author[]) =>
  authors.map(({ name, books }) => ({
    name,
    books: books.toSorted((a, b) => a.id - b.id).map(({ title }) => title),
  }));

function sessionOf(manager: EntityManager): OrmSession {
  const authors = () => manager.find(Author, { order: { id: "ASC" } });
  const load = (relationLoadStrategy: "join" | "query") => async () =>
    withTitles(
      await manager.find(Author, {
        relations: { books: true },
        order: { id: "ASC" },
        relationLoadStrategy,
      }),
    );
  return {
    createAuthor: (values) => manager.save(Author, values as Author),
    findAuthor: async (id) => (await manager.findOneBy(Author, { id })) ?? undefined,
    authors,
    renameAuthor: async (id, name) => (await manager.update(Author, { id }, { name })).affected!,
    removeAuthor: async (id) => (await manager.delete(Author, { id })).affected!,
    createAuthors: (values) => manager.insert(Author, [...values]),
    rateAuthors: async (rating) =>
      (await manager.createQueryBuilder().update(Author).set({ rating }).execute()).affected!,
    // By the builder: upsert() leaves out an id that is generated as "increment", given or not.
    upsertAuthor: (values) =>
      manager
        .createQueryBuilder()
        .insert()
        .into(Author, ["id", "name"])
        .values(values)
        .orUpdate(["name"], ["id"])
        .execute(),
    createBook: async (values) => {
      const { id } = await manager.save(Book, values as Book);
      return manager.findOneByOrFail(Book, { id });
    },
    joined: () =>
      manager
        .createQueryBuilder(Book, "book")
        .innerJoin("book.author", "author")
        .select(["book.title as title", "author.name as author"])
        .orderBy("book.id")
        .getRawMany(),
    nestedReads: {
      join: load("join"),
      query: load("query"),
      builder: async () =>
        withTitles(
          await manager
            .createQueryBuilder(Author, "author")
            .leftJoinAndSelect("author.books", "book")
            .orderBy("author.id")
            .getMany(),
        ),
      ofRelation: async () =>
        withTitles(
          await Promise.all(
            (await authors()).map(async (author) => ({
              ...author,
              books: await manager
                .createQueryBuilder()
                .relation(Author, "books")
                .of(author)
                .loadMany<Book>(),
            })),
          ),
        ),
      relationIds: async () => {
        const read = await manager.find(Author, {
          order: { id: "ASC" },
          loadRelationIds: { relations: ["books"] },
        });
        return withTitles(
          await Promise.all(
            read.map(async ({ books, ...author }) => ({
              ...author,
              books: await manager.findBy(Book, { id: In(books as unknown as number[]) }),
            })),
          ),
        );
      },
    },
    createAuthorWithBooks: ({ name, titles }) =>
      manager.save(Author, { name, books: titles.map((title) => ({ title })) } as Author),
    connectAuthor: (bookId, authorId) =>
      manager.createQueryBuilder().relation(Book, "author").of(bookId).set(authorId),
    renameAuthorOf: async (bookId, name) => {
      const book = await manager.findOneOrFail(Book, {
        where: { id: bookId },
        relations: { author: true },
      });
      book.author!.name = name;
      await manager.save(Book, book);
    },
    tagBook: async (bookId, labels) => {
      const book = await manager.findOneOrFail(Book, {
        where: { id: bookId },
        relations: { tags: true },
      });
      book.tags.push(...labels.map((label) => manager.create(Tag, { label })));
      await manager.save(Book, book);
    },
    tagsOf: async (bookId) => {
      const book = await manager.findOne(Book, {
        where: { id: bookId },
        relations: { tags: true },
      });
      return (book?.tags ?? []).map(({ label }) => label).toSorted();
    },
    reviewerOf: async (bookId) => {
      const book = await manager.findOne(Book, {
        where: { id: bookId },
        relations: { reviewer: true },
      });
      return book?.reviewer?.name;
    },
    renameReviewerOf: async (bookId, name) => {
      const book = await manager.findOneOrFail(Book, {
        where: { id: bookId },
        relations: { reviewer: true },
      });
      if (book.reviewer) book.reviewer.name = name;
      await manager.save(Book, book);
    },
    createTag: (values) => manager.save(Tag, values as Tag),
    countAuthors: () => manager.count(Author),
    pagesByAuthor: async () =>
      (
        await manager
          .createQueryBuilder(Book, "book")
          .innerJoin("book.author", "author")
          .select("author.name", "name")
          .addSelect("sum(book.pages)", "pages")
          .groupBy("author.name")
          .orderBy("author.name")
          .getRawMany<{ name: string; pages: string }>()
      ).map(({ name, pages }) => ({ name, pages: Number(pages) })),
    ranked: async () =>
      (
        await manager
          .createQueryBuilder(Book, "book")
          .select("book.title", "title")
          .addSelect("rank() over (order by book.pages desc)", "rank")
          .orderBy("rank")
          .getRawMany<{ title: string; rank: string }>()
      ).map(({ title, rank }) => ({ title, rank: Number(rank) })),
    page: (limit, offset) =>
      manager.find(Author, { order: { id: "ASC" }, take: limit, skip: offset }),
    stream: async function* () {
      const rows = await manager.createQueryBuilder(Author, "a").orderBy("a.id").stream();
      for await (const { a_name: name } of rows as AsyncIterable<{ a_name: string }>) {
        yield { name };
      }
    },
    lazyBooks: async (id) => {
      const author = await manager.findOneByOrFail(LazyAuthor, { id });
      return async () =>
        (await author.books).toSorted((a, b) => a.id - b.id).map(({ title }) => title);
    },
    raw: (text, values) => manager.query(text, values && [...values]),
    authorsWhere: (fragment) =>
      manager.createQueryBuilder(Author, "author").where(`(${fragment})`).orderBy("id").getMany(),
    renameAuthorToSql: (id, expression) =>
      manager.update(Author, { id }, { name: () => expression }),
    pending: authors,
    transaction: (fn) => manager.transaction((tx) => fn(sessionOf(tx))),
  };
}

const ENTITIES = [Author, Book, Tag, LazyAuthor, LazyBook];

export const subject: OrmSubject = {
  name: "TypeORM",
  pendingRunsFor: "builder",
  open: async ({ guard, url, max }) => {
    const source = guardTypeorm(
      guard,
      new DataSource({
        type: "postgres",
        driver: guard.driver,
        url,
        poolSize: max,
        entities: ENTITIES,
      }),
    );
    await source.initialize();
    await guard.assertWired((text) => source.query(text));
    return { session: () => sessionOf(source.manager), close: () => source.destroy() };
  },
  bypass: async ({ guard, url }, unguarded) => {
    guardTypeorm(
      guard,
      new DataSource({ type: "postgres", driver: unguarded, url, entities: ENTITIES }),
    );
  },
  migrate: async (url) => {
    class Leftovers1700000000000 {
      up(runner: { query(text: string): Promise<unknown> }) {
        return runner.query("create table leftovers (id int primary key, tenant_id uuid not null)");
      }
      down() {
        return Promise.resolve();
      }
    }
    const source = new DataSource({
      type: "postgres",
      url,
      migrations: [Leftovers1700000000000],
    });
    await source.initialize();
    try {
      await source.runMigrations();
    } finally {
      await source.destroy();
    }
  },
};
