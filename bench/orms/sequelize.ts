import { DataTypes, Sequelize, type Model } from "sequelize";
import type { Orm } from "./orm.js";

interface Author extends Model {
  readonly name: string;
  readonly books: readonly { readonly title: string }[];
}

const ID = { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true } as const;
const TENANT = { type: DataTypes.UUID, field: "tenant_id" } as const;

export const orm: Orm = {
  name: "Sequelize",
  open: async ({ driver, url, max, adapter }) => {
    const guard = await adapter("sequelize", "guardSequelize");
    const sequelize = guard(
      new Sequelize(url, {
        dialect: "postgres",
        dialectModule: driver,
        logging: false,
        pool: { max },
      }),
    );
    const define = (table: string, more: object) =>
      sequelize.define(
        table,
        { id: ID, tenantId: TENANT, ...more },
        { tableName: table, timestamps: false },
      );
    const authors = define("authors", { name: DataTypes.TEXT });
    const books = define("books", {
      title: DataTypes.TEXT,
      authorId: { type: DataTypes.INTEGER, field: "author_id" },
    });
    const tags = define("tags", { label: DataTypes.TEXT });
    authors.hasMany(books, { as: "books", foreignKey: "authorId" });
    const of = (tenantId: string | undefined) => (tenantId === undefined ? {} : { tenantId });
    return {
      author: async (id, tenant) => {
        const where = { id, ...of(tenant) };
        const found = await authors.findOne({ attributes: ["id", "name"], where });
        return (found as Author | null)?.name;
      },
      shelf: async (id, tenant) => {
        const found = (await authors.findOne({
          attributes: ["id", "name"],
          where: { id, ...of(tenant) },
          include: {
            association: "books",
            attributes: ["id", "title"],
            ...(tenant !== undefined && { where: of(tenant), required: false }),
          },
        })) as Author | null;
        return found === null
          ? undefined
          : { name: found.name, titles: found.books.map(({ title }) => title) };
      },
      addTag: (label, tenant) => tags.create({ label, ...of(tenant) }),
    };
  },
};
