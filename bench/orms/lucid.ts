import type { HasMany } from "@adonisjs/lucid/types/relations";
import type { Orm } from "./orm.js";

// Lucid's modules are none for an older Node.js, so they are loaded where they are wanted.
async function databaseOf(url: string, max: number) {
  const [{ Database }, { AppFactory }, { EmitterFactory }, { LoggerFactory }] = await Promise.all([
    import("@adonisjs/lucid/database"),
    import("@adonisjs/core/factories/app"),
    import("@adonisjs/core/factories/events"),
    import("@adonisjs/core/factories/logger"),
  ]);
  const app = new AppFactory().create(new URL("file:///nowhere/"));
  await app.init();
  const connections = {
    pg: { client: "pg", connection: url, pool: { min: 0, max } },
  } as const;
  const logger = new LoggerFactory().create();
  return new Database({ connection: "pg", connections }, logger, new EmitterFactory().create(app));
}

export const orm: Orm = {
  name: "Lucid",
  node: 24,
  open: async ({ url, max, adapter }) => {
    const guard = await adapter("lucid", "guardLucid");
    const db = guard(await databaseOf(url, max));
    const { BaseModel, column, hasMany } = await import("@adonisjs/lucid/orm");
    class Author extends BaseModel {
      static override table = "authors";
      declare id: number;
      declare tenantId: string;
      declare name: string;
      declare books: HasMany<typeof Book>;
    }
    class Book extends BaseModel {
      static override table = "books";
      declare id: number;
      declare tenantId: string;
      declare title: string;
      declare authorId: number;
    }
    class Tag extends BaseModel {
      static override table = "tags";
      declare id: number;
      declare tenantId: string;
      declare label: string;
    }
    for (const Model of [Author, Book, Tag]) {
      Model.$adapter = db.modelAdapter();
      column({ isPrimary: true })(Model.prototype, "id");
      column()(Model.prototype, "tenantId");
    }
    column()(Author.prototype, "name");
    for (const name of ["title", "authorId"]) column()(Book.prototype, name);
    column()(Tag.prototype, "label");
    hasMany(() => Book)(Author.prototype, "books");
    return {
      author: async (id, tenant) => {
        const query = Author.query().select("id", "name").where("id", id);
        if (tenant !== undefined) void query.where("tenantId", tenant);
        return (await query.first())?.name;
      },
      shelf: async (id, tenant) => {
        const query = Author.query()
          .select("id", "name")
          .where("id", id)
          .preload("books", (books) => {
            void books.select("id", "authorId", "title");
            if (tenant !== undefined) void books.where("tenantId", tenant);
          });
        if (tenant !== undefined) void query.where("tenantId", tenant);
        const author = await query.first();
        return author === null
          ? undefined
          : { name: author.name, titles: author.books.map(({ title }) => title) };
      },
      addTag: (label, tenant) =>
        Tag.create({ label, ...(tenant !== undefined && { tenantId: tenant }) }),
    };
  },
};
