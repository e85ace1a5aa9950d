import {
  defineEntity,
  MikroORM,
  p,
  raw,
  type EntityManager,
  type InferEntity,
  type MigrationObject,
  type Options,
} from "@mikro-orm/postgresql";
import { Migration, Migrator } from "@mikro-orm/migrations";
import { PostgresDialect, type PostgresPool } from "kysely";
import { guardMikroOrm } from "partywall/adapters/mikro-orm";
import type { Author as AuthorRow, OrmSession, OrmSubject } from "partywall/testing";

export const Author = defineEntity({
  name: "Author",
  tableName: "authors",
  properties: {
    id: p.integer().primary(),
    name: p.string(),
    rating: p.integer().nullable(),
    books: () => p.oneToMany(Book).mappedBy("author").orderBy({ id: "asc" }),
  },
});

export const Book = defineEntity({
  name: "Book",
  tableName: "books",
  properties: {
    id: p.integer().primary(),
    title: p.string(),
    pages: p.integer().default(0),
    author: () => p.manyToOne(Author).nullable().fieldName("author_id"),
    reviewer: () => p.manyToOne(Author).nullable().fieldName("reviewer_id"),
    tags: () =>
      p.manyToMany(Tag).pivotTable("book_tags").joinColumn("book_id").inverseJoinColumn("tag_id"),
  },
});

// The one entity with the tenant field.
export const Tag = defineEntity({
  name: "Tag",
  tableName: "tags",
  properties: {
    id: p.integer().primary(),
    label: p.string(),
    tenantId: p.uuid().fieldName("tenant_id").defaultRaw("partywall.tenant_uuid()"),
  },
});

export const entities = [Author, Book, Tag];

const rowOf = ({ id, name, rating }: InferEntity<typeof Author>): AuthorRow => ({
  id,
  name,
  rating: rating ?? null,
});

const BY_ID = { orderBy: { id: "asc" } } as const;

function sessionOf(em: EntityManager): OrmSession {
  const authors = (options: { limit?: number; offset?: number } = {}) =>
    em.find(Author, {}, { ...BY_ID, ...options }).then((rows) => rows.map(rowOf));
  const nested = (strategy: "select-in" | "joined" | "balanced") => async () => {
    const rows = await em.fork().find(Author, {}, { ...BY_ID, populate: ["books"], strategy });
    return rows.map(({ name, books }) => ({
      name,
      books: books.getItems().map(({ title }) => title),
    }));
  };
  const builder = () => em.createQueryBuilder(Author, "a");
  return {
    createAuthor: async (values) => {
      const author = em.create(Author, values);
      await em.flush();
      return rowOf(author);
    },
    findAuthor: async (id) => {
      const author = await em.findOne(Author, id);
      return author === null ? undefined : rowOf(author);
    },
    authors: () => authors(),
    renameAuthor: (id, name) => em.nativeUpdate(Author, { id }, { name }),
    removeAuthor: (id) => em.nativeDelete(Author, { id }),
    createAuthors: (values) => em.insertMany(Author, [...values]),
    rateAuthors: (rating) => em.nativeUpdate(Author, {}, { rating }),
    upsertAuthor: (values) => em.upsert(Author, values),
    createBook: async ({ authorId, reviewerId, ...values }) => {
      const book = em.create(Book, {
        ...values,
        ...(authorId !== undefined && { author: authorId }),
        ...(reviewerId !== undefined && { reviewer: reviewerId }),
      });
      await em.flush();
      return { id: book.id, title: book.title, pages: book.pages, authorId: authorId ?? null };
    },
    joined: async () => {
      const books = await em.find(
        Book,
        { author: { $ne: null } },
        { ...BY_ID, populate: ["author"], strategy: "joined" },
      );
      return books.map(({ title, author }) => ({ title, author: author!.name }));
    },
    nestedReads: {
      selectIn: nested("select-in"),
      joined: nested("joined"),
      balanced: nested("balanced"),
      populate: async () => {
        const fork = em.fork();
        const rows = await fork.find(Author, {}, BY_ID);
        await fork.populate(rows, ["books"]);
        return rows.map(({ name, books }) => ({
          name,
          books: books.getItems().map(({ title }) => title),
        }));
      },
      dataloader: async () => {
        const rows = await em.fork().find(Author, {}, BY_ID);
        return Promise.all(
          rows.map(async ({ name, books }) => ({
            name,
            books: (await books.loadItems({ dataloader: true })).map(({ title }) => title),
          })),
        );
      },
    },
    createAuthorWithBooks: ({ name, titles }) => {
      em.create(Author, { name, books: titles.map((title) => ({ title })) });
      return em.flush();
    },
    connectAuthor: async (bookId, authorId) => {
      const book = await em.findOneOrFail(Book, bookId);
      book.author = em.getReference(Author, authorId);
      await em.flush();
    },
    renameAuthorOf: async (bookId, name) => {
      const book = await em.findOneOrFail(Book, bookId, { populate: ["author"] });
      book.author!.name = name;
      await em.flush();
    },
    tagBook: async (bookId, labels) => {
      const book = await em.findOneOrFail(Book, bookId, { populate: ["tags"] });
      book.tags.add(labels.map((label) => em.create(Tag, { label })));
      await em.flush();
    },
    tagsOf: async (bookId) => {
      const book = await em.fork().findOneOrFail(Book, bookId, { populate: ["tags"] });
      return book.tags
        .getItems()
        .map(({ label }) => label)
        .toSorted();
    },
    reviewerOf: async (bookId) => {
      const book = await em
        .fork()
        .findOneOrFail(Book, bookId, { populate: ["reviewer"], strategy: "joined" });
      return book.reviewer?.name;
    },
    renameReviewerOf: async (bookId, name) => {
      const fork = em.fork();
      const book = await fork.findOneOrFail(Book, bookId, { populate: ["reviewer"] });
      book.reviewer!.name = name;
      await fork.flush();
    },
    createTag: async (values) => {
      const tag = em.create(Tag, values);
      await em.flush();
      return { id: tag.id, label: tag.label, tenantId: tag.tenantId };
    },
    countAuthors: () => em.count(Author),
    pagesByAuthor: async () => {
      const rows = await em
        .createQueryBuilder(Book, "b")
        .select(["a.name", raw("sum(b.pages) as sum")] as never)
        .join("b.author", "a")
        .groupBy("a.name")
        .orderBy({ "a.name": "asc" } as never)
        .execute<{ name: string; sum: string }[]>("all", false);
      return rows.map(({ name, sum }) => ({ name, pages: Number(sum) }));
    },
    ranked: async () => {
      const rows = await em
        .createQueryBuilder(Book, "b")
        .select(["b.title", raw("rank() over (order by b.pages desc) as place")] as never)
        .orderBy({ [raw("place")]: "asc" })
        .execute<{ title: string; place: string }[]>("all", false);
      return rows.map(({ title, place }) => ({ title, rank: Number(place) }));
    },
    page: (limit, offset) => authors({ limit, offset }),
    stream: () => em.stream(Author, BY_ID),
    lazyBooks: async (authorId) => {
      const author = await em.findOneOrFail(Author, authorId);
      return async () => (await author.books.loadItems()).map(({ title }) => title);
    },
    raw: (text, values = []) => em.execute(text.replaceAll(/\$\d+/g, "?"), [...values]),
    authorsWhere: async (fragment) =>
      (
        await builder()
          .where({ [raw(`(${fragment})`)]: [] })
          .orderBy({ id: "asc" })
          .getResult()
      ).map(rowOf),
    renameAuthorToSql: (id, expression) =>
      em.nativeUpdate(Author, { id }, { name: raw<string>(expression) }),
    pending: () => authors(),
    transaction: (fn) => em.transactional((tx) => fn(sessionOf(tx))),
  };
}

export function mikroOrm(options: Partial<Options> = {}): MikroORM {
  return new MikroORM({
    entities,
    ...(options.clientUrl === undefined && { dbName: "unused" }),
    ...options,
  } as Options);
}

class Leftovers extends Migration {
  override up(): void {
    this.addSql("create table leftovers (id int primary key, tenant_id uuid not null)");
  }
}
const migrations: MigrationObject[] = [{ name: "001", class: Leftovers }];

export const subject: OrmSubject = {
  name: "MikroORM",
  pendingRunsFor: "builder",
  open: async ({ guard }) => {
    const orm = mikroOrm(guardMikroOrm(guard, {}));
    await guard.assertWired((text) => orm.em.execute(text));
    return { session: () => sessionOf(orm.em.fork()), close: () => orm.close() };
  },
  bypass: async ({ guard, url }, unguarded) => {
    const pool = new unguarded.Pool({ connectionString: url }) as PostgresPool;
    mikroOrm(guardMikroOrm(guard, { driverOptions: new PostgresDialect({ pool }) }));
  },
  migrate: async (clientUrl) => {
    const orm = mikroOrm({
      clientUrl,
      extensions: [Migrator],
      migrations: { migrationsList: migrations, snapshot: false, silent: true },
    });
    try {
      await orm.migrator.up();
    } finally {
      await orm.close();
    }
  },
};
