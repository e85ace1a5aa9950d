import pg from "pg";
import { applyWall } from "partywall/guards/postgres";
import { postgresStore } from "partywall/registry";
import type { Secrets } from "../secrets.js";
import { TENANTS } from "../tenants.js";
import { openShop, type Shop } from "../shop.js";
import { catalogueOf } from "./catalogue.js";
import { DATABASE, ROLES, urlOf } from "./logins.js";
import * as schema from "./schema.js";
import { GENRES_SQL, TABLES_SQL, TENANT_TABLES } from "./tables.js";

/** What the first start needs. */
export interface FirstStart {
  /** Connection string of the server's superuser, used here and never again. */
  readonly superuserUrl: string;
  readonly port: number;
  readonly secrets: Secrets;
  readonly say: (line: string) => void;
}

/** Logins, tables, wall, tenants and their rows. Each step may be repeated, so an interrupted start can be completed. */
export async function firstStart(start: FirstStart): Promise<void> {
  const { superuserUrl, port, secrets, say } = start;
  say("logins: one each for the application, the system scope, the registry and migrations");
  await connected(superuserUrl, (client) => createLogins(client, secrets));
  say("tables: artists, albums, tracks, customers, orders; genres are shared");
  await connected(urlOf("migrator", secrets, port), async (client) => {
    await client.query(TABLES_SQL);
    await client.query(GENRES_SQL);
  });
  const walled = new URL(superuserUrl);
  walled.pathname = `/${DATABASE}`;
  await connected(walled.href, async (client) => {
    const report = await applyWall(client, {
      roles: { app: ROLES.app, system: ROLES.system, migrator: ROLES.migrator },
      tables: TENANT_TABLES,
      shared: ["genres"],
    });
    say(
      `wall: row security forced on ${TENANT_TABLES.length} tables, ${report.seal} form of the seal`,
    );
    for (const right of report.missing) say(`  not taken: ${right.code}, so ${right.otherwise}`);
    await createRegistry(client, walled.href);
  });
  const shop = openShop(secrets, port);
  try {
    await createTenants(shop, say);
  } finally {
    await shop.pw.close();
  }
}

async function createLogins(client: pg.Client, secrets: Secrets): Promise<void> {
  for (const [login, role] of Object.entries(ROLES)) {
    const { rows } = await client.query("select from pg_roles where rolname = $1", [role]);
    if (rows.length === 0) await client.query(`create role ${role} login`);
    const password = client.escapeLiteral(secrets.logins[login as keyof typeof ROLES]);
    await client.query(`alter role ${role} password ${password}`);
  }
  const { rows } = await client.query("select from pg_database where datname = $1", [DATABASE]);
  if (rows.length === 0) {
    await client.query(`create database ${DATABASE} owner ${ROLES.migrator} template template0`);
  }
  for (const database of [DATABASE, "postgres", "template1"]) {
    await client.query(`revoke connect, temporary on database ${database} from public`);
  }
  await client.query(`grant connect on database ${DATABASE} to ${Object.values(ROLES).join(", ")}`);
}

/** The registry's table, made here so that its login need not be able to make one. */
async function createRegistry(client: pg.Client, connectionString: string): Promise<void> {
  const store = postgresStore(pg, { connectionString });
  await store.init?.();
  await store.close?.();
  await client.query(`grant usage on schema partywall to ${ROLES.registry}`);
  await client.query(`grant select, insert, update on partywall.tenants to ${ROLES.registry}`);
  await client.query(
    `grant select, insert, delete on partywall.tenants_domains to ${ROLES.registry}`,
  );
}

async function createTenants({ pw, db }: Shop, say: FirstStart["say"]): Promise<void> {
  await pw.ready();
  for (const { id, slug, name, ...rest } of TENANTS) {
    const known = await pw.tenants.find(id);
    // With its id given, creating a tenant that was left provisioning goes on where it stopped.
    if (known === undefined || known.status === "provisioning") {
      await pw.tenants.create({ id, slug, name });
    }
    // Suspended is the last step of its making, so there is nothing left to do.
    if (known?.status === "suspended") continue;
    await pw.run(id, () => fill(db, slug));
    if ("suspended" in rest) await pw.tenants.suspend(id);
    say(`tenant: ${name} (${slug})${"suspended" in rest ? ", suspended" : ""}`);
  }
}

async function fill(db: Shop["db"], slug: string): Promise<void> {
  const { artists, albums, tracks, customers, orders, orderLines } = catalogueOf(slug);
  // One transaction: a shop has all its rows or none.
  await db.transaction(async (tx) => {
    const [there] = await tx.select().from(schema.orderNumbers);
    if (there !== undefined) return;
    await tx.insert(schema.artists).values([...artists]);
    await tx.insert(schema.albums).values([...albums]);
    await tx.insert(schema.tracks).values([...tracks]);
    await tx.insert(schema.customers).values([...customers]);
    await tx.insert(schema.orders).values([...orders]);
    await tx.insert(schema.orderLines).values([...orderLines]);
    await tx.insert(schema.orderNumbers).values({ last: orders.length });
  });
}

async function connected(url: string, use: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}
