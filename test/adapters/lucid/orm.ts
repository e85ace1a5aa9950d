import type { Database } from "@adonisjs/lucid/database";
import type { ConnectionConfig, TransactionClientContract } from "@adonisjs/lucid/types/database";
import type { HasMany, ManyToMany, BelongsTo } from "@adonisjs/lucid/types/relations";
import { guardLucid } from "partywall/adapters/lucid";
import type { Author as AuthorRow, OrmSession, OrmSubject } from "partywall/testing";

type Client = TransactionClientContract;

/** Lucid's modules are none for an older Node.js, so they are loaded where they are wanted. */
export async function lucidDatabase(connections: Record<string, ConnectionConfig>) {
  const [{ Database }, { AppFactory }, { EmitterFactory }, { LoggerFactory }] = await Promise.all([
    import("@adonisjs/lucid/database"),
    import("@adonisjs/core/factories/app"),
    import("@adonisjs/core/factories/events"),
    import("@adonisjs/core/factories/logger"),
  ]);
  const app = new AppFactory().create(new URL("file:///nowhere/"));
  await app.init();
  const config = { connection: Object.keys(connections)[0]!, connections };
  const db = new Database(config, new LoggerFactory().create(), new EmitterFactory().create(app));
  return { app, db };
}

/** The models of a database. */
export async function modelsOf(db: Database) {
  const { BaseModel, belongsTo, column, hasMany, manyToMany } = await import("@adonisjs/lucid/orm");

  class Author extends BaseModel {
    static override table = "authors";
    declare id: number;
    declare name: string;
    declare rating: number | null;
    declare books: HasMany<typeof Book>;
  }
  class Book extends BaseModel {
    static override table = "books";
    declare id: number;
    declare title: string;
    declare pages: number;
    declare authorId: number | null;
    declare reviewerId: number | null;
    declare author: BelongsTo<typeof Author>;
    declare reviewer: BelongsTo<typeof Author>;
    declare tags: ManyToMany<typeof Tag>;
  }
  // The one model with the tenant field.
  class Tag extends BaseModel {
    static override table = "tags";
    declare id: number;
    declare label: string;
    declare tenantId: string;
  }
  for (const Model of [Author, Book, Tag]) {
    Model.$adapter = db.modelAdapter();
    column({ isPrimary: true })(Model.prototype, "id");
  }
  for (const name of ["name", "rating"]) column()(Author.prototype, name);
  for (const name of ["title", "pages", "authorId", "reviewerId"]) column()(Book.prototype, name);
  for (const name of ["label", "tenantId"]) column()(Tag.prototype, name);
  hasMany(() => Book)(Author.prototype, "books");
  belongsTo(() => Author, { foreignKey: "authorId" })(Book.prototype, "author");
  belongsTo(() => Author, { foreignKey: "reviewerId" })(Book.prototype, "reviewer");
  manyToMany(() => Tag, { pivotTable: "book_tags" })(Book.prototype, "tags");
  return { Author, Book, Tag };
}

type Models = Awaited<ReturnType<typeof modelsOf>>;

const rowOf = ({ id, name, rating }: InstanceType<Models["Author"]>): AuthorRow => ({
  id,
  name,
  rating: rating ?? null,
});

function sessionOf(db: Database, models: Models, trx?: Client): OrmSession {
  const { Author, Book, Tag } = models;
  const options = trx === undefined ? {} : { client: trx };
  const from = (table: string) => (trx ?? db).from(table);
  const authors = () => Author.query(options).orderBy("id");
  const book = (id: number) => Book.query(options).where("id", id).firstOrFail();
  return {
    createAuthor: async (values) => rowOf(await Author.create(values, options)),
    findAuthor: async (id) => {
      const author = await Author.find(id, options);
      return author === null ? undefined : rowOf(author);
    },
    authors: async () => (await authors()).map(rowOf),
    renameAuthor: async (id, name) =>
      Number((await Author.query(options).where("id", id).update({ name }))[0]),
    removeAuthor: async (id) => Number((await Author.query(options).where("id", id).delete())[0]),
    createAuthors: (values) => Author.createMany([...values], options),
    rateAuthors: async (rating) => Number((await Author.query(options).update({ rating }))[0]),
    upsertAuthor: ({ id, name }) => Author.updateOrCreate({ id }, { name }, options),
    createBook: async ({ title, pages = 0, authorId = null, reviewerId = null }) => {
      const { id } = await Book.create({ title, pages, authorId, reviewerId }, options);
      return { id, title, pages, authorId };
    },
    joined: () =>
      from("books")
        .innerJoin("authors", "authors.id", "books.author_id")
        .select("books.title", "authors.name as author")
        .orderBy("books.id"),
    nestedReads: {
      preload: async () =>
        (await authors().preload("books", (books) => void books.orderBy("id"))).map(
          ({ name, books }) => ({ name, books: books.map(({ title }) => title) }),
        ),
      load: async () => {
        const all = await authors();
        for (const author of all) {
          await author.load("books", (books) => void books.orderBy("id"));
        }
        return all.map(({ name, books }) => ({ name, books: books.map(({ title }) => title) }));
      },
      related: async () =>
        Promise.all(
          (await authors()).map(async (author) => ({
            name: author.name,
            books: (await author.related("books").query().orderBy("id")).map(({ title }) => title),
          })),
        ),
    },
    createAuthorWithBooks: async ({ name, titles }) => {
      const author = await Author.create({ name }, options);
      await author.related("books").createMany(titles.map((title) => ({ title, pages: 0 })));
    },
    connectAuthor: async (bookId, authorId) => {
      const found = await book(bookId);
      const author = new Author().merge({ id: authorId });
      author.$isPersisted = true;
      await found.related("author").associate(author);
    },
    renameAuthorOf: async (bookId, name) => {
      const found = await book(bookId);
      await found.load("author");
      await found.author.merge({ name }).save();
    },
    tagBook: async (bookId, labels) => {
      const found = await book(bookId);
      await found.related("tags").createMany(labels.map((label) => ({ label })));
    },
    tagsOf: async (bookId) => {
      const found = await book(bookId);
      await found.load("tags");
      return found.tags.map(({ label }) => label).toSorted();
    },
    reviewerOf: async (bookId) => {
      const found = await book(bookId);
      await found.load("reviewer");
      return found.reviewer?.name;
    },
    renameReviewerOf: async (bookId, name) => {
      const found = await book(bookId);
      await found.load("reviewer");
      await found.reviewer.merge({ name }).save();
    },
    createTag: async (values) => {
      const tag = await Tag.create(values, options);
      // What the database gave is read back as Lucid does it.
      await tag.refresh();
      return { id: tag.id, label: tag.label, tenantId: tag.tenantId };
    },
    countAuthors: async () => {
      const [{ total }] = (await from("authors").count("* as total")) as [{ total: string }];
      return Number(total);
    },
    pagesByAuthor: async () => {
      const rows = (await from("books")
        .innerJoin("authors", "authors.id", "books.author_id")
        .select("authors.name")
        .sum("books.pages as pages")
        .groupBy("authors.name")
        .orderBy("authors.name")) as { name: string; pages: string }[];
      return rows.map(({ name, pages }) => ({ name, pages: Number(pages) }));
    },
    ranked: async () => {
      const rows = (await from("books")
        .select("title", db.raw("rank() over (order by pages desc) as rank"))
        .orderBy("rank")) as { title: string; rank: string }[];
      return rows.map(({ title, rank }) => ({ title, rank: Number(rank) }));
    },
    page: async (limit, offset) => (await authors().limit(limit).offset(offset)).map(rowOf),
    stream: () =>
      (trx ?? db.connection()).knexQuery().from("authors").select("name").orderBy("id").stream(),
    lazyBooks: async (authorId) => {
      const author = await Author.findOrFail(authorId, options);
      return async () =>
        (await author.related("books").query().orderBy("id")).map(({ title }) => title);
    },
    raw: async (text, values = []) => {
      const { rows } = (await (trx ?? db).rawQuery(text.replaceAll(/\$\d+/g, "?"), [
        ...values,
      ] as never)) as { rows?: Record<string, unknown>[] };
      return rows ?? [];
    },
    authorsWhere: async (fragment) => (await authors().whereRaw(`(${fragment})`)).map(rowOf),
    renameAuthorToSql: (id, expression) =>
      Author.query(options)
        .where("id", id)
        .update({ name: db.raw(expression) as never }),
    pending: () => {
      const query = authors();
      return {
        // Lazy as Lucid's own query is.
        then: (done, failed) => query.then((rows) => rows.map(rowOf)).then(done, failed),
      };
    },
    transaction: (fn) => (trx ?? db).transaction((inner) => fn(sessionOf(db, models, inner))),
  };
}

const pgConfig = (url: string): ConnectionConfig => ({
  client: "pg",
  connection: url,
  pool: { min: 0, max: 2 },
});

export const subject: OrmSubject = {
  name: "Lucid",
  pendingRunsFor: "awaiter",
  open: async ({ guard, url }) => {
    const { db } = await lucidDatabase({ pg: pgConfig(url) });
    guardLucid(guard, db);
    await guard.assertWired((text) => db.rawQuery(text));
    const models = await modelsOf(db);
    return { session: () => sessionOf(db, models), close: () => db.manager.closeAll() };
  },
  bypass: async ({ guard, url }) => {
    const { db } = await lucidDatabase({ pg: pgConfig(url) });
    try {
      await db.rawQuery("select 1");
      guardLucid(guard, db);
    } finally {
      await db.manager.closeAll();
    }
  },
  migrate: async (url) => {
    const [{ MigrationRunner }, { BaseSchema }] = await Promise.all([
      import("@adonisjs/lucid/migration"),
      import("@adonisjs/lucid/schema"),
    ]);
    const { app, db } = await lucidDatabase({ pg: pgConfig(url) });
    class Leftovers extends BaseSchema {
      override async up() {
        this.schema.createTable("leftovers", (table) => {
          table.integer("id").primary();
          table.uuid("tenant_id").notNullable();
        });
      }
    }
    const runner = new MigrationRunner(db, app, { direction: "up", connectionName: "pg" });
    Object.assign(runner, {
      migrationSource: {
        getMigrations: async () => [
          { absPath: "001", name: "001", getSource: async () => Leftovers },
        ],
      },
    });
    try {
      await runner.run();
      if (runner.error !== null) throw runner.error;
    } finally {
      await runner.close();
      await db.manager.closeAll();
    }
  },
};
