import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import { guardDrizzle } from "partywall/adapters/drizzle";
import { guardPostgresJs } from "partywall/adapters/postgres-js";
import type { OrmSubject } from "partywall/testing";
import postgres from "postgres";
import { schema, sessionOf, subject as overPg, type Db } from "../drizzle/orm.js";

export const subject: OrmSubject = {
  ...overPg,
  name: "Drizzle on postgres.js",
  missing: {
    ...overPg.missing,
    stream: "drizzle-orm/postgres-js has no iterator: it reads a result whole",
  },
  open: async ({ guard, max }) => {
    const client = guardPostgresJs(guard, postgres, { max });
    const db = guardDrizzle(guard, drizzle({ client, schema }));
    await guard.assertWired((query) => db.execute(sql.raw(query)));
    return { session: () => sessionOf(db as unknown as Db), close: () => client.end() };
  },
  bypass: async ({ guard, url }) => {
    const client = postgres(url, { max: 1 });
    try {
      guardDrizzle(guard, drizzle({ client, schema }));
    } finally {
      await client.end();
    }
  },
};
