import { randomBytes } from "node:crypto";
import pg from "pg";
import { createPartywall } from "partywall";
import { applyWall, guardPg } from "partywall/guards/postgres";
import { startEmbeddedPostgres } from "../test/support/embedded-postgres.js";

const ROLES = { app: "goals_app", system: "goals_system" } as const;

/** Two tenants, and who may enter them as what. A real application keeps this in its registry and its memberships. */
const MEMBERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  acme: { ada: "owner", bob: "member" },
  globex: { grace: "owner" },
};

/**
 * A PostgreSQL of its own, with goals of two tenants behind the wall; all of it is gone when it is stopped. The examples
 * that begin with an empty database share it.
 */
export async function openGoals() {
  const server = await startEmbeddedPostgres({ settings: { fsync: "off" } });
  try {
    const passwords = { app: secret(), system: secret() };
    const login = (role: keyof typeof ROLES) => {
      const url = new URL(server.url);
      url.username = ROLES[role];
      url.password = passwords[role];
      return url.href;
    };
    const logins = { app: login("app"), system: login("system") };
    const signing = secret();
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    try {
      for (const role of ["app", "system"] as const)
        await client.query(
          `create role ${ROLES[role]} login password ${client.escapeLiteral(passwords[role])}`,
        );
      await client.query(
        "create table goals (tenant_id text not null, id integer primary key generated always as identity, title text not null, author text not null)",
      );
      await applyWall(client, { roles: ROLES, tables: ["goals"] });
    } finally {
      await client.end();
    }
    const pw = createPartywall({
      realm: "goals",
      secret: signing,
      postgres: guardPg(pg, logins),
    });
    for (const slug of Object.keys(MEMBERS)) {
      await pw.tenants.create({ id: `tenant-${slug}`, slug, name: `${slug} Ltd` });
      await pw.run({ slug }, () =>
        pw.postgres.pool.query("insert into goals (title, author) values ($1, $2)", [
          `the first goal of ${slug}`,
          "the example",
        ]),
      );
    }
    return {
      pw,
      /** What an instance in another process, or an ORM that opens pools of its own, needs. */
      secret: signing,
      logins,
      /** Where the database is, while it runs. */
      folder: server.dataDir,
      stop: async () => {
        await pw.close();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

export type Goals = Awaited<ReturnType<typeof openGoals>>["pw"];

/** What somebody is in a tenant, if anything. */
export function roleOf(slug: string, name: string): string | undefined {
  const members = MEMBERS[slug] ?? {};
  return Object.hasOwn(members, name) ? members[name] : undefined;
}

function secret(): string {
  return randomBytes(32).toString("hex");
}
