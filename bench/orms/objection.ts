import knex from "knex";
import { Model } from "objection";
import type { Orm } from "./orm.js";

class Tenanted extends Model {
  declare id: number;
  declare tenant_id: string;
}

class Book extends Tenanted {
  static override readonly tableName = "books";
  declare title: string;
}

class Author extends Tenanted {
  static override readonly tableName = "authors";
  static override readonly relationMappings = {
    books: {
      relation: Model.HasManyRelation,
      modelClass: Book,
      join: { from: "authors.id", to: "books.author_id" },
    },
  };
  declare name: string;
  declare books?: Book[];
}

class Tag extends Tenanted {
  static override readonly tableName = "tags";
  declare label: string;
}

export const orm: Orm = {
  name: "Objection",
  open: async ({ url, max, adapter }) => {
    const guard = await adapter("knex", "guardKnex");
    const db = guard(knex({ client: "pg", connection: url, pool: { min: 0, max } }));
    return {
      author: async (id, tenant) => {
        const query = Author.query(db).select("id", "name").findById(id);
        if (tenant !== undefined) void query.where("tenant_id", tenant);
        return (await query)?.name;
      },
      shelf: async (id, tenant) => {
        const query = Author.query(db).select("id", "name").findById(id).withGraphFetched("books");
        void query.modifyGraph("books", (books) => {
          void books.select("id", "author_id", "title");
          if (tenant !== undefined) void books.where("tenant_id", tenant);
        });
        if (tenant !== undefined) void query.where("tenant_id", tenant);
        const author = await query;
        return (
          author && { name: author.name, titles: (author.books ?? []).map((one) => one.title) }
        );
      },
      addTag: (label, tenant) =>
        Tag.query(db).insert({ label, ...(tenant !== undefined && { tenant_id: tenant }) }),
    };
  },
};
