import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { createPartywall } from "partywall";
import { guardDrizzle } from "partywall/adapters/drizzle";
import { guardPg } from "partywall/guards/postgres";
import { postgresStore } from "partywall/registry";
import { urlOf } from "./database/logins.js";
import * as schema from "./database/schema.js";
import type { Secrets } from "./secrets.js";

/** The wiring: Partywall beneath Drizzle. Drizzle is given the guarded pool and knows nothing of tenants. */
export function openShop(secrets: Secrets, port: number) {
  const pw = createPartywall({
    realm: "music-shop",
    secret: secrets.partywall,
    store: postgresStore(pg, { connectionString: urlOf("registry", secrets, port) }),
    postgres: guardPg(pg, {
      app: urlOf("app", secrets, port),
      system: urlOf("system", secrets, port),
    }),
  });
  const db = guardDrizzle(pw.postgres, drizzle({ client: pw.postgres.pool, schema }));
  return { pw, db };
}

export type Shop = ReturnType<typeof openShop>;
