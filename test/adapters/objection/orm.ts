import knex, { type Knex } from "knex";
import { Model, raw, type ModelClass, type QueryBuilder, type Transaction } from "objection";
import { guardKnex } from "partywall/adapters/knex";
import type { OrmSession, OrmSubject } from "partywall/testing";
import { subject as knexSubject } from "../knex/orm.js";

class Author extends Model {
  static override readonly tableName = "authors";
  declare id: number;
  declare name: string;
  declare rating: number | null;
  declare books?: Book[];

  static override get relationMappings() {
    return {
      books: {
        relation: Model.HasManyRelation,
        modelClass: Book,
        modify: (query: QueryBuilder<Book>) => void query.orderBy("books.id"),
        join: { from: "authors.id", to: "books.author_id" },
      },
    };
  }
}

class Book extends Model {
  static override readonly tableName = "books";
  declare id: number;
  declare title: string;
  declare pages: number;
  declare author_id: number | null;
  declare reviewer_id: number | null;
  declare author?: Author;
  declare reviewer?: Author | null;
  declare tags?: Tag[];

  static override get relationMappings() {
    return {
      author: {
        relation: Model.BelongsToOneRelation,
        modelClass: Author,
        join: { from: "books.author_id", to: "authors.id" },
      },
      // No foreign key of the database stands behind this one.
      reviewer: {
        relation: Model.BelongsToOneRelation,
        modelClass: Author,
        join: { from: "books.reviewer_id", to: "authors.id" },
      },
      tags: {
        relation: Model.ManyToManyRelation,
        modelClass: Tag,
        join: {
          from: "books.id",
          through: { from: "book_tags.book_id", to: "book_tags.tag_id" },
          to: "tags.id",
        },
      },
    };
  }
}

/** The one model with the tenant field. */
class Tag extends Model {
  static override readonly tableName = "tags";
  declare id: number;
  declare label: string;
  declare tenant_id: string;
}

/** The models bound to an instance or a transaction. */
interface BoundModels {
  readonly authors: ModelClass<Author>;
  readonly books: ModelClass<Book>;
  readonly tags: ModelClass<Tag>;
}

/** The models on one Knex instance. */
const modelsOn = (db: Knex): BoundModels => ({
  authors: Author.bindKnex(db),
  books: Book.bindKnex(db),
  tags: Tag.bindKnex(db),
});

const nested = (authors: readonly Author[]) =>
  authors.map(({ name, books = [] }) => ({ name, books: books.map(({ title }) => title) }));

function sessionOf(db: Knex): OrmSession {
  const { authors: Authors, books: Books, tags: Tags } = modelsOn(db);
  const authors = () => Authors.query().orderBy("id");
  return {
    createAuthor: async ({ name, rating }) =>
      Authors.query().insertAndFetch({ name, ...(rating !== undefined && { rating }) }),
    findAuthor: async (id) => Authors.query().findById(id),
    authors: async () => authors(),
    renameAuthor: async (id, name) => Authors.query().findById(id).patch({ name }),
    removeAuthor: async (id) => Authors.query().deleteById(id),
    createAuthors: async (values) => Authors.query().insert([...values]),
    rateAuthors: async (rating) => Authors.query().patch({ rating }),
    upsertAuthor: async (values) => Authors.query().insert(values).onConflict("id").merge(["name"]),
    createBook: async ({ title, pages, authorId, reviewerId }) => {
      const book = await Books.query()
        .insert({
          title,
          ...(pages !== undefined && { pages }),
          ...(authorId !== undefined && { author_id: authorId }),
          ...(reviewerId !== undefined && { reviewer_id: reviewerId }),
        })
        .returning("*");
      return { id: book.id, title, pages: book.pages, authorId: book.author_id };
    },
    joined: async () => {
      const books = await Books.query()
        .innerJoinRelated("author")
        .select("books.title", "author.name as author")
        .orderBy("books.id")
        .castTo<{ title: string; author: string }[]>();
      return books.map(({ title, author }) => ({ title, author }));
    },
    nestedReads: {
      withGraphFetched: async () => nested(await authors().withGraphFetched("books")),
      withGraphJoined: async () =>
        nested(
          await Authors.query().withGraphJoined("books").orderBy("authors.id").orderBy("books.id"),
        ),
      fetchGraph: async () => nested(await Authors.fetchGraph(await authors(), "books")),
      $relatedQuery: async () => {
        const found = await authors();
        return Promise.all(
          found.map(async (author) => ({
            name: author.name,
            books: (await author.$relatedQuery<Book>("books").orderBy("id")).map(
              ({ title }) => title,
            ),
          })),
        );
      },
    },
    createAuthorWithBooks: async ({ name, titles }) =>
      Authors.query().insertGraph({ name, books: titles.map((title) => ({ title })) } as object),
    connectAuthor: async (bookId, authorId) =>
      Books.relatedQuery("author").for(bookId).relate(authorId),
    renameAuthorOf: async (bookId, name) => {
      const book = await Books.query().findById(bookId).withGraphFetched("author");
      await Books.query().upsertGraph({
        id: bookId,
        author: { id: book?.author?.id, name },
      } as object);
    },
    tagBook: async (bookId, labels) =>
      Books.query().upsertGraph(
        { id: bookId, tags: labels.map((label) => ({ label })) } as object,
        { relate: true },
      ),
    tagsOf: async (bookId) => {
      const tags = await Books.relatedQuery<Tag>("tags").for(bookId).orderBy("label");
      return tags.map(({ label }) => label);
    },
    reviewerOf: async (bookId) =>
      (await Books.query().findById(bookId).withGraphFetched("reviewer"))?.reviewer?.name,
    renameReviewerOf: async (bookId, name) =>
      Books.relatedQuery<Author>("reviewer").for(bookId).patch({ name }),
    createTag: async ({ label, tenantId }) => {
      const { id, tenant_id } = await Tags.query()
        .insert({ label, ...(tenantId !== undefined && { tenant_id: tenantId }) })
        .returning("*");
      return { id, label, tenantId: tenant_id };
    },
    countAuthors: async () => Authors.query().resultSize(),
    pagesByAuthor: async () => {
      const rows = await Books.query()
        .joinRelated("author")
        .groupBy("author.name")
        .orderBy("author.name")
        .select("author.name")
        .sum("pages as pages")
        .castTo<{ name: string; pages: string }[]>();
      return rows.map(({ name, pages }) => ({ name, pages: Number(pages) }));
    },
    ranked: async () => {
      const rows = await Books.query()
        .select("title", raw("rank() over (order by pages desc)").as("rank"))
        .orderBy("rank")
        .castTo<{ title: string; rank: string }[]>();
      return rows.map(({ title, rank }) => ({ title, rank: Number(rank) }));
    },
    page: async (limit, offset) => (await authors().page(offset / limit, limit)).results,
    // Of plain rows: it is Knex's.
    stream: () => authors().toKnexQuery<{ name: string }>().stream(),
    lazyBooks: async (authorId) => {
      const author = await Authors.query().findById(authorId).throwIfNotFound();
      return async () =>
        (await author.$relatedQuery<Book>("books").orderBy("id")).map(({ title }) => title);
    },
    raw: async (text, values = []) => {
      const { rows } = await Authors.knex().raw(
        text.replaceAll("?", "\\?").replaceAll(/\$(\d+)/g, ":p$1"),
        Object.fromEntries(values.map((value, n) => [`p${n + 1}`, value])) as Knex.ValueDict,
      );
      return rows as Record<string, unknown>[];
    },
    authorsWhere: async (fragment) => authors().whereRaw(`(${fragment})`),
    renameAuthorToSql: async (id, expression) =>
      Authors.query()
        .findById(id)
        .patch({ name: raw(expression) }),
    pending: authors,
    transaction: (fn) => Authors.transaction((trx: Transaction) => fn(sessionOf(trx))),
  };
}

export const subject: OrmSubject = {
  name: "Objection",
  pendingRunsFor: "awaiter",
  open: async ({ guard }) => {
    const db = guardKnex(guard, knex({ client: "pg" }));
    await guard.assertWired((text) => db.raw(text));
    return { session: () => sessionOf(db), close: () => db.destroy() };
  },
  bypass: knexSubject.bypass,
  migrate: knexSubject.migrate!,
};
