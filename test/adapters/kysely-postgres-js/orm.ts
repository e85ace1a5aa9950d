import { Kysely, sql } from "kysely";
import { PostgresJSDialect } from "kysely-postgres-js";
import { guardPostgresJs } from "partywall/adapters/postgres-js";
import type { OrmSubject } from "partywall/testing";
import postgres from "postgres";
import { sessionOf, subject as overPg, type Database } from "../kysely/orm.js";

const kyselyOver = (client: ReturnType<typeof postgres>) =>
  new Kysely<Database>({ dialect: new PostgresJSDialect({ postgres: client }) });

export const subject: OrmSubject = {
  ...overPg,
  name: "Kysely on postgres.js",
  open: async ({ guard, max }) => {
    const db = kyselyOver(guardPostgresJs(guard, postgres, { max }));
    await guard.assertWired((text) => sql.raw(text).execute(db));
    return { session: () => sessionOf(db), close: () => db.destroy() };
  },
  bypass: async ({ guard, url }) => {
    const db = kyselyOver(postgres(url, { max: 1 }));
    try {
      await guard.assertWired((text) => sql.raw(text).execute(db));
    } finally {
      await db.destroy();
    }
  },
};
