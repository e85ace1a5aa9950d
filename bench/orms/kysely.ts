import { Kysely, PostgresDialect, type Generated } from "kysely";
import { jsonArrayFrom } from "kysely/helpers/postgres";
import type { Orm } from "./orm.js";

interface Tables {
  authors: { id: Generated<number>; tenant_id: Generated<string>; name: string };
  books: { id: Generated<number>; tenant_id: Generated<string>; title: string; author_id: number };
  tags: { id: Generated<number>; tenant_id: Generated<string>; label: string };
}

export const orm: Orm = {
  name: "Kysely",
  open: async ({ pool }) => {
    const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
    return {
      author: async (id, tenant) => {
        let query = db.selectFrom("authors").select(["id", "name"]).where("id", "=", id);
        if (tenant !== undefined) query = query.where("tenant_id", "=", tenant);
        return (await query.executeTakeFirst())?.name;
      },
      shelf: async (id, tenant) => {
        let query = db
          .selectFrom("authors")
          .select((eb) => {
            let books = eb
              .selectFrom("books")
              .select(["books.id", "title"])
              .whereRef("author_id", "=", "authors.id");
            if (tenant !== undefined) books = books.where("books.tenant_id", "=", tenant);
            return ["id", "name", jsonArrayFrom(books).as("books")];
          })
          .where("id", "=", id);
        if (tenant !== undefined) query = query.where("tenant_id", "=", tenant);
        const author = await query.executeTakeFirst();
        return author && { name: author.name, titles: author.books.map(({ title }) => title) };
      },
      addTag: (label, tenant) =>
        db
          .insertInto("tags")
          .values({ label, ...(tenant !== undefined && { tenant_id: tenant }) })
          .returning("id")
          .executeTakeFirst(),
    };
  },
};
