import { defineEntity, MikroORM, p } from "@mikro-orm/postgresql";
import type { Orm } from "./orm.js";

const tenantId = () => p.uuid().fieldName("tenant_id").defaultRaw("partywall.tenant_uuid()").lazy();

const Author = defineEntity({
  name: "Author",
  tableName: "authors",
  properties: {
    id: p.integer().primary(),
    tenantId: tenantId(),
    name: p.string(),
    books: () => p.oneToMany(Book).mappedBy("author"),
  },
});

const Book = defineEntity({
  name: "Book",
  tableName: "books",
  properties: {
    id: p.integer().primary(),
    tenantId: tenantId(),
    title: p.string(),
    author: () => p.manyToOne(Author).fieldName("author_id"),
  },
});

const Tag = defineEntity({
  name: "Tag",
  tableName: "tags",
  properties: { id: p.integer().primary(), tenantId: tenantId(), label: p.string() },
});

export const orm: Orm = {
  name: "MikroORM",
  open: async ({ url, max, adapter }) => {
    const guard = await adapter("mikro-orm", "guardMikroOrm");
    const mikro = new MikroORM(
      guard({ entities: [Author, Book, Tag], clientUrl: url, pool: { min: 0, max } }),
    );
    const of = (tenant: string | undefined) => (tenant === undefined ? {} : { tenantId: tenant });
    // Each a fork, as one request has it.
    return {
      author: async (id, tenant) =>
        (await mikro.em.fork().findOne(Author, { id, ...of(tenant) }))?.name,
      shelf: async (id, tenant) => {
        const author = await mikro.em.fork().findOne(
          Author,
          { id, ...of(tenant) },
          {
            populate: ["books"],
            ...(tenant !== undefined && { populateWhere: { books: of(tenant) } }),
          },
        );
        return author === null
          ? undefined
          : { name: author.name, titles: author.books.getItems().map(({ title }) => title) };
      },
      addTag: async (label, tenant) => {
        const em = mikro.em.fork();
        em.create(Tag, { label, ...of(tenant) });
        await em.flush();
      },
    };
  },
};
