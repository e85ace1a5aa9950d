import knex from "knex";
import type { Orm } from "./orm.js";

export const orm: Orm = {
  name: "Knex",
  open: async ({ url, max, adapter }) => {
    const guard = await adapter("knex", "guardKnex");
    const db = guard(knex({ client: "pg", connection: url, pool: { min: 0, max } }));
    return {
      author: async (id, tenant) => {
        const query = db("authors").select("id", "name").where({ id });
        if (tenant !== undefined) void query.where({ tenant_id: tenant });
        const author: { name: string } | undefined = await query.first();
        return author?.name;
      },
      // What Knex has for a relation is a join.
      shelf: async (id, tenant) => {
        const query = db("authors")
          .join("books", "books.author_id", "authors.id")
          .select("authors.name", "books.title")
          .where("authors.id", id);
        if (tenant !== undefined) {
          void query.where({ "authors.tenant_id": tenant, "books.tenant_id": tenant });
        }
        const rows: { name: string; title: string }[] = await query;
        const [first] = rows;
        return first && { name: first.name, titles: rows.map(({ title }) => title) };
      },
      addTag: (label, tenant) =>
        db("tags")
          .insert({ label, ...(tenant !== undefined && { tenant_id: tenant }) })
          .returning("id"),
    };
  },
};
