import { DataSource, EntitySchema } from "typeorm";
import type { Orm } from "./orm.js";

interface Tenanted {
  id: number;
  tenantId?: string;
}

interface Author extends Tenanted {
  name: string;
  books: Book[];
}

interface Book extends Tenanted {
  title: string;
  author: Author;
}

interface Tag extends Tenanted {
  label: string;
}

const columns = {
  id: { type: "int", primary: true, generated: "increment" },
  tenantId: { type: "uuid", name: "tenant_id", select: false },
} as const;

const Author = new EntitySchema<Author>({
  name: "Author",
  tableName: "authors",
  columns: { ...columns, name: { type: "text" } },
  relations: { books: { type: "one-to-many", target: "Book", inverseSide: "author" } },
});

const Book = new EntitySchema<Book>({
  name: "Book",
  tableName: "books",
  columns: { ...columns, title: { type: "text" } },
  relations: {
    author: {
      type: "many-to-one",
      target: "Author",
      inverseSide: "books",
      joinColumn: { name: "author_id" },
    },
  },
});

const Tag = new EntitySchema<Tag>({
  name: "Tag",
  tableName: "tags",
  columns: { ...columns, label: { type: "text" } },
});

export const orm: Orm = {
  name: "TypeORM",
  open: async ({ driver, url, max, adapter }) => {
    const guard = await adapter("typeorm", "guardTypeorm");
    const source = guard(
      new DataSource({
        type: "postgres",
        driver,
        url,
        poolSize: max,
        entities: [Author, Book, Tag],
      }),
    );
    await source.initialize();
    const authors = source.getRepository(Author);
    const tags = source.getRepository(Tag);
    const of = (tenantId: string | undefined) => (tenantId === undefined ? {} : { tenantId });
    return {
      author: async (id, tenant) => (await authors.findOneBy({ id, ...of(tenant) }))?.name,
      shelf: async (id, tenant) => {
        const [author] = await authors.find({
          relations: { books: true },
          where: { id, ...of(tenant), ...(tenant !== undefined && { books: of(tenant) }) },
        });
        return author && { name: author.name, titles: author.books.map(({ title }) => title) };
      },
      addTag: (label, tenant) => tags.insert({ label, ...of(tenant) }),
    };
  },
};
