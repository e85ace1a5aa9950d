import { randomUUID } from "node:crypto";
import { PGlite } from "@electric-sql/pglite";
import { createPartywall } from "partywall";
import { pgliteLogins } from "partywall/adapters/pglite";
import { applyWall, guardPg } from "partywall/guards/postgres";
import { postgresStore } from "partywall/registry";
import pg from "pg";

export const ADA = randomUUID();
export const BOB = randomUUID();

const TABLES = `
create role shop_app login;
create role shop_system login;
create table authors (tenant_id uuid not null, id int generated always as identity primary key, name text not null);
create table books (tenant_id uuid not null, id int generated always as identity primary key, author_id int not null, title text not null);
create table countries (code text primary key);
insert into countries values ('gb');`;

/** A PGlite database behind the wall, two tenants in it, and a view past the guard. */
export async function buildSite({ waitMs = 5000 } = {}) {
  const database = await PGlite.create();
  const login = pgliteLogins(database, { development: true, waitMs });
  const superuser = new pg.Client(login("postgres"));
  await superuser.connect();
  await superuser.query(TABLES);
  const report = await applyWall(superuser, {
    roles: { app: "shop_app", system: "shop_system" },
    tables: ["authors", "books"],
    shared: ["countries"],
  });
  const guard = guardPg(pg, { app: login("shop_app"), system: login("shop_system") });
  const pw = createPartywall({
    realm: "pglite",
    secret: "a secret of the tests, 32 characters or more",
    store: postgresStore(pg, login("postgres")),
    postgres: guard,
  });
  await pw.tenants.create({ id: ADA, slug: "ada", name: "Ada" });
  await pw.tenants.create({ id: BOB, slug: "bob", name: "Bob" });
  for (const [id, name] of [
    [ADA, "Ada's author"],
    [BOB, "Bob's author"],
  ]) {
    await superuser.query("insert into authors (tenant_id, name) values ($1, $2)", [id, name]);
  }
  const query = async (text: string, values?: unknown[]) =>
    (await guard.pool.query(text, values)).rows as Record<string, unknown>[];
  return {
    database,
    login,
    guard,
    pw,
    report,
    /** Runs one statement in the current scope. */
    query,
    /** Runs one statement as a tenant. */
    as: (id: string, text: string, values?: unknown[]) => pw.run(id, () => query(text, values)),
    /** Runs one statement as the superuser, past the guard. */
    eye: async (text: string, values?: unknown[]) =>
      (await superuser.query(text, values)).rows as Record<string, unknown>[],
    close: async () => {
      await pw.close();
      await superuser.end();
      await database.close();
    },
  };
}

/** What {@link buildSite} gives. */
export type Site = Awaited<ReturnType<typeof buildSite>>;
