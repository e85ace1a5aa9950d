import { guardSequelize } from "partywall/adapters/sequelize";
import type { OrmSession, OrmSubject } from "partywall/testing";
import {
  col,
  DataTypes,
  fn,
  literal,
  Model,
  Sequelize,
  type CreationOptional,
  type HasManyGetAssociationsMixin,
  type InferAttributes,
  type InferCreationAttributes,
  type NonAttribute,
  type BelongsToManyAddAssociationsMixin,
  type BelongsToSetAssociationMixin,
  type Transaction,
} from "sequelize";
import { SequelizeStorage, Umzug } from "umzug";

class Author extends Model<InferAttributes<Author>, InferCreationAttributes<Author>> {
  declare id: CreationOptional<number>;
  declare name: string;
  declare rating: CreationOptional<number | null>;
  declare books?: NonAttribute<Book[]>;
  declare getBooks: HasManyGetAssociationsMixin<Book>;
}

class Book extends Model<InferAttributes<Book>, InferCreationAttributes<Book>> {
  declare id: CreationOptional<number>;
  declare title: string;
  declare pages: CreationOptional<number>;
  declare authorId: CreationOptional<number | null>;
  declare reviewerId: CreationOptional<number | null>;
  declare author?: NonAttribute<Author | null>;
  declare reviewer?: NonAttribute<Author | null>;
  declare tags?: NonAttribute<Tag[]>;
  declare setAuthor: BelongsToSetAssociationMixin<Author, number>;
  declare addTags: BelongsToManyAddAssociationsMixin<Tag, number>;
}

// The one model with the tenant field.
class Tag extends Model<InferAttributes<Tag>, InferCreationAttributes<Tag>> {
  declare id: CreationOptional<number>;
  declare label: string;
  declare tenantId: CreationOptional<string>;
}

const ID = { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true } as const;

// An instance has models of its own: a model belongs to the instance that it was initialised with last.
function modelsOf(sequelize: Sequelize) {
  class Authors extends Author {}
  class Books extends Book {}
  class Tags extends Tag {}
  const options = { sequelize, timestamps: false };
  Authors.init(
    { id: ID, name: { type: DataTypes.TEXT, allowNull: false }, rating: DataTypes.INTEGER },
    { ...options, tableName: "authors" },
  );
  Books.init(
    {
      id: ID,
      title: { type: DataTypes.TEXT, allowNull: false },
      pages: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
      authorId: { type: DataTypes.INTEGER, field: "author_id" },
      reviewerId: { type: DataTypes.INTEGER, field: "reviewer_id" },
    },
    { ...options, tableName: "books" },
  );
  Tags.init(
    {
      id: ID,
      label: { type: DataTypes.TEXT, allowNull: false },
      tenantId: { type: DataTypes.UUID, field: "tenant_id" },
    },
    { ...options, tableName: "tags" },
  );
  const through = sequelize.define(
    "book_tags",
    { book_id: DataTypes.INTEGER, tag_id: DataTypes.INTEGER },
    { timestamps: false, tableName: "book_tags" },
  );
  Authors.hasMany(Books, { as: "books", foreignKey: "authorId" });
  Books.belongsTo(Authors, { as: "author", foreignKey: "authorId" });
  Books.belongsTo(Authors, { as: "reviewer", foreignKey: "reviewerId", constraints: false });
  Books.belongsToMany(Tags, { as: "tags", through, foreignKey: "book_id", otherKey: "tag_id" });
  return { Authors, Books, Tags };
}

type Models = ReturnType<typeof modelsOf>;

const withTitles = (authors: readonly Author[]) =>
  authors.map(({ name, books = [] }) => ({ name, books: books.map(({ title }) => title) }));

function sessionOf(
  sequelize: Sequelize,
  { Authors, Books, Tags }: Models,
  transaction: Transaction | null = null,
): OrmSession {
  const tx = { transaction };
  const authors = () => Authors.findAll({ order: ["id"], ...tx });
  const nested = (separate: boolean) => async () =>
    withTitles(
      await Authors.findAll({
        include: { association: "books", separate, ...(separate && { order: ["id"] }) },
        order: separate ? ["id"] : ["id", ["books", "id", "ASC"]],
        ...tx,
      }),
    );
  const bookWith = (bookId: number, include: string) =>
    Books.findByPk(bookId, { include, rejectOnEmpty: true, ...tx });
  return {
    createAuthor: (values) => Authors.create(values, tx),
    findAuthor: async (id) => (await Authors.findByPk(id, tx)) ?? undefined,
    authors,
    renameAuthor: async (id, name) => (await Authors.update({ name }, { where: { id }, ...tx }))[0],
    removeAuthor: (id) => Authors.destroy({ where: { id }, ...tx }),
    createAuthors: (values) => Authors.bulkCreate([...values], tx),
    rateAuthors: async (rating) => (await Authors.update({ rating }, { where: {}, ...tx }))[0],
    upsertAuthor: (values) => Authors.upsert(values, tx),
    createBook: (values) => Books.create(values, tx),
    joined: async () =>
      (
        await Books.findAll({
          include: { association: "author", required: true },
          order: ["id"],
          ...tx,
        })
      ).map(({ title, author }) => ({ title, author: author!.name })),
    nestedReads: {
      include: nested(false),
      separate: nested(true),
      getBooks: async () =>
        Promise.all(
          (await authors()).map(async (author) => ({
            name: author.name,
            books: (await author.getBooks({ order: ["id"], ...tx })).map(({ title }) => title),
          })),
        ),
    },
    // In a transaction, or the books are written by several connections, in any order.
    createAuthorWithBooks: ({ name, titles }) =>
      sequelize.transaction({ transaction }, (inner) =>
        Authors.create({ name, books: titles.map((title) => ({ title })) } as never, {
          include: "books",
          transaction: inner,
        }),
      ),
    connectAuthor: async (bookId, authorId) => {
      const book = await Books.findByPk(bookId, { rejectOnEmpty: true, ...tx });
      await book.setAuthor(authorId, tx);
    },
    renameAuthorOf: async (bookId, name) =>
      (await bookWith(bookId, "author")).author!.update({ name }, tx),
    tagBook: async (bookId, labels) => {
      const tags = await Tags.bulkCreate(
        labels.map((label) => ({ label })),
        tx,
      );
      const book = await Books.findByPk(bookId, { rejectOnEmpty: true, ...tx });
      await book.addTags(tags, tx);
    },
    tagsOf: async (bookId) => {
      const book = await Books.findByPk(bookId, { include: "tags", ...tx });
      return (book?.tags ?? []).map(({ label }) => label).toSorted();
    },
    reviewerOf: async (bookId) => (await bookWith(bookId, "reviewer")).reviewer?.name,
    renameReviewerOf: async (bookId, name) =>
      (await bookWith(bookId, "reviewer")).reviewer?.update({ name }, tx),
    createTag: (values) => Tags.create(values, tx),
    countAuthors: () => Authors.count(tx),
    pagesByAuthor: async () => {
      const rows = (await Books.findAll({
        attributes: [
          [col("author.name"), "name"],
          [fn("sum", col("pages")), "pages"],
        ],
        include: { association: "author", attributes: [], required: true },
        group: ["author.name"],
        order: [[col("author.name"), "ASC"]],
        raw: true,
        ...tx,
      })) as unknown as readonly { name: string; pages: string }[];
      return rows.map(({ name, pages }) => ({ name, pages: Number(pages) }));
    },
    ranked: async () => {
      const rows = (await Books.findAll({
        attributes: ["title", [literal("rank() over (order by pages desc)"), "rank"]],
        order: literal("rank"),
        raw: true,
        ...tx,
      })) as unknown as readonly { title: string; rank: string }[];
      return rows.map(({ title, rank }) => ({ title, rank: Number(rank) }));
    },
    page: (limit, offset) => Authors.findAll({ order: ["id"], limit, offset, ...tx }),
    lazyBooks: async (id) => {
      const author = await Authors.findByPk(id, { rejectOnEmpty: true, ...tx });
      return async () => (await author.getBooks({ order: ["id"] })).map(({ title }) => title);
    },
    raw: async (text, values = []) =>
      (
        await sequelize.query(text, { ...(values.length > 0 && { bind: [...values] }), ...tx })
      )[0] as readonly Record<string, unknown>[],
    authorsWhere: (fragment) =>
      Authors.findAll({ where: literal(`(${fragment})`), order: ["id"], ...tx }),
    renameAuthorToSql: (id, expression) =>
      Authors.update({ name: literal(expression) }, { where: { id }, ...tx }),
    pending: authors,
    transaction: (work) =>
      sequelize.transaction({ transaction }, (inner) =>
        work(sessionOf(sequelize, { Authors, Books, Tags }, inner)),
      ),
  };
}

export const subject: OrmSubject = {
  name: "Sequelize",
  pendingRunsFor: "builder",
  missing: { stream: "Sequelize reads all rows of a result before it gives the first" },
  open: async ({ guard, url, max }) => {
    const sequelize = guardSequelize(
      guard,
      new Sequelize(url, {
        dialect: "postgres",
        dialectModule: guard.driver,
        logging: false,
        pool: { max },
      }),
    );
    const models = modelsOf(sequelize);
    await guard.assertWired((text) => sequelize.query(text));
    return { session: () => sessionOf(sequelize, models), close: () => sequelize.close() };
  },
  bypass: async ({ guard, url }, unguarded) => {
    guardSequelize(
      guard,
      new Sequelize(url, { dialect: "postgres", dialectModule: unguarded, logging: false }),
    );
  },
  migrate: async (url) => {
    const sequelize = new Sequelize(url, { dialect: "postgres", logging: false });
    const migrator = new Umzug({
      migrations: [
        {
          name: "001",
          up: ({ context }) =>
            context.createTable("leftovers", {
              id: { type: DataTypes.INTEGER, primaryKey: true },
              tenant_id: { type: DataTypes.UUID, allowNull: false },
            }),
        },
      ],
      context: sequelize.getQueryInterface(),
      storage: new SequelizeStorage({ sequelize }),
      logger: undefined,
    });
    try {
      await migrator.up();
    } finally {
      await sequelize.close();
    }
  },
};
