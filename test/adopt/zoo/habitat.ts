import pg from "pg";
import { createPartywall } from "partywall";
import { guardPg } from "partywall/guards/postgres";
import type { AdoptOptions } from "partywall/adopt";
import { testDatabase, urlAs, withClient, type TestDatabase } from "../../support/postgres.js";
import { dropRoles, repeated } from "../../support/roles.js";
import { FIRST, SECOND, type Entry } from "./entry.js";

const SECRET = "a secret of the zoo, 32 characters or more";

/** One database of a habitat, with an unguarded connection for each way to look at it. */
export interface Enclosure {
  readonly url: string;
  /** The superuser's. */
  readonly keeper: pg.Client;
  /** The former application's: the login that owns the schema. */
  readonly former: pg.Client;
  /** The one that adopts. */
  readonly adopter: pg.Client;
}

/** A guarded client, checked out in a tenant's scope. */
export type TenantAsker = pg.PoolClient;

/** What one entry is tested in: the original, and copies of it, byte for byte, that are adopted. */
export type Habitat = Awaited<ReturnType<typeof buildHabitat>>;

/** Who adopts: a superuser, or the login that owns the tables and may make roles, as managed servers have it. */
export type Adopter = "superuser" | "owner";

/** Builds the original of an entry as its former application had it. Call `close` when done. */
export async function buildHabitat(entry: Entry, adopter: Adopter = "superuser") {
  const database = await testDatabase();
  const role = (kind: string) => `${database.name}_${kind}`;
  const roles = { app: role("app"), system: role("system"), owner: role("wall") };
  const type = entry.tenantType ?? "uuid";
  const first = entry.residents?.[0].id ?? FIRST[type];
  const second = entry.residents?.[1].id ?? SECOND[type];
  const clients: pg.Client[] = [];
  const copies: string[] = [];
  const opened: { close(): Promise<void> }[] = [];
  const named = (sql: string) =>
    sql
      .replaceAll("@former@", role("former"))
      .replaceAll("@other@", role("other"))
      .replaceAll("@app@", roles.app);

  const enclose = async (url: string): Promise<Enclosure> => {
    const connect = async (connectionString: string) => {
      const client = new pg.Client({ connectionString });
      clients.push(client);
      await client.connect();
      return client;
    };
    const owner = urlAs(url, { user: role("former"), password: "secret" });
    return {
      url,
      keeper: await connect(url),
      former: await connect(owner),
      adopter: await connect(adopter === "owner" ? owner : url),
    };
  };

  const close = async () => {
    try {
      for (const one of opened) await one.close();
    } finally {
      await Promise.all(clients.map((client) => client.end().catch(() => {})));
      const server = urlAs(database.url, { database: "postgres" });
      await withClient(server, async (client) => {
        for (const copy of copies) {
          await client.query(`drop database if exists ${copy} with (force)`);
        }
      });
      await database.drop();
      await dropRoles(database);
    }
  };

  try {
    await furnish(database, role, entry, named);
    if (adopter === "owner") {
      await withClient(database.url, (client) =>
        client.query(
          `alter role ${role("former")} createrole; grant ${roles.app}, ${roles.system} to ${role("former")} with admin option`,
        ),
      );
    }
  } catch (error) {
    await close();
    throw error;
  }

  /** A database with everything the original had when it was built. */
  const copy = async (): Promise<Enclosure> => {
    const name = `${database.name}_${copies.length}`;
    copies.push(name);
    await withClient(urlAs(database.url, { database: "postgres" }), (client) =>
      client.query(`create database ${name} template ${database.name} owner ${role("former")}`),
    );
    return enclose(urlAs(database.url, { database: name }));
  };

  return {
    name: database.name,
    roles,
    first,
    second,
    /** Replaces the names that stand for roles in an SQL text. */
    named,
    copy,
    /** Names of roles and of the habitat, taken out of a text. */
    anonymous: (text: string) => text.replaceAll(database.name, "zoo"),
    options: (more: Partial<AdoptOptions> = {}): AdoptOptions => {
      const given = { ...entry.options, ...more };
      return {
        roles,
        tenant: first,
        ...(entry.tenantType && { tenantType: entry.tenantType }),
        ...given,
      };
    },
    /** Opens the application behind the wall, with its two tenants; what it returns runs as one of them. */
    open: async ({ url }: Enclosure) => {
      const login = (user: string) => urlAs(url, { user, password: "secret" });
      const guard = guardPg(pg, {
        app: { connectionString: login(roles.app), max: 2 },
        system: login(roles.system),
        expelGraceMs: 2000,
      });
      const pw = createPartywall({ realm: database.name, secret: SECRET, postgres: guard });
      opened.push(pw);
      await pw.tenants.create({ id: first, slug: "first", name: "First" });
      await pw.tenants.create({ id: second, slug: "second", name: "Second" });
      return async <T>(tenant: string, use: (asker: TenantAsker) => Promise<T>): Promise<T> =>
        pw.run(tenant, async () => {
          const client = await guard.pool.connect();
          try {
            return await use(client);
          } finally {
            client.release();
          }
        });
    },
    close,
  };
}

async function furnish(
  database: TestDatabase,
  role: (kind: string) => string,
  entry: Entry,
  named: (sql: string) => string,
): Promise<void> {
  const keeper = new pg.Client({ connectionString: database.url });
  await keeper.connect();
  const former = new pg.Client({
    connectionString: urlAs(database.url, { user: role("former"), password: "secret" }),
  });
  try {
    for (const kind of ["app", "system", "former", "other"]) {
      await keeper.query(`create role ${role(kind)} login password 'secret'`);
    }
    await repeated(() => keeper.query(`grant ${role("other")} to ${role("former")}`));
    await keeper.query(`alter database ${database.name} owner to ${role("former")}`);
    if (entry.setup) await keeper.query(named(entry.setup));
    await former.connect();
    for (const sql of [entry.ddl, entry.data, entry.after]) {
      if (sql) await former.query(named(sql));
    }
  } finally {
    await Promise.all([keeper.end(), former.end().catch(() => {})]);
  }
}
