import { randomBytes } from "node:crypto";
import pg from "pg";
import { applyWall } from "partywall/guards/postgres";
import { testDatabase, urlAs } from "../support/postgres.js";
import { dropRoles } from "../support/roles.js";
import { createProject } from "./project.js";

const CONFIG = `
import { definePartywallConfig } from "partywall/cli";

enum Folder { migrations = "./migrations" } // what Node.js alone cannot read

export default definePartywallConfig({
  entry: "./src/tenancy.ts",
  migrations: Folder.migrations,
  tables: { orders: "tenant", countries: "shared" },
  postgres: { roles: { app: process.env["APP_ROLE"]!, system: process.env["SYSTEM_ROLE"]! } },
});
`;

const TENANCY = `
import { createPartywall } from "partywall";
import { guardPg } from "partywall/guards/postgres";
import { postgresStore } from "partywall/registry";
import pg from "pg";

const { APP_URL, SYSTEM_URL, REGISTRY_URL, PARTYWALL_SECRET } = process.env;
console.log("the entry says hello");
export const pw = createPartywall({
  secret: PARTYWALL_SECRET,
  store: postgresStore(pg, { connectionString: REGISTRY_URL }),
  postgres: guardPg(pg, { app: APP_URL, system: SYSTEM_URL, expelGraceMs: 500 }),
});
export const pool = pw.postgres.pool;
`;

/** An application in TypeScript with its database behind the wall. */
export type Shop = Awaited<ReturnType<typeof buildShop>>;

/** Builds a shop of its own. Call `close` in `afterAll`. */
export async function buildShop() {
  const database = await testDatabase();
  const project = await createProject();
  const roles = { app: `${database.name}_app`, system: `${database.name}_system` };
  const owner = `${database.name}_owner`;
  const password = `pass/${randomBytes(9).toString("hex")}@#`;
  const superuser = new pg.Client({ connectionString: database.url });
  await superuser.connect();
  for (const role of Object.values(roles)) {
    await superuser.query(`create role ${role} login password '${password}'`);
  }
  await superuser.query(`
    create table countries (code text primary key);
    create table orders (tenant_id uuid not null, id int not null, note text, primary key (tenant_id, id))`);
  await applyWall(superuser, {
    roles: { ...roles, owner },
    tables: ["orders"],
    shared: ["countries"],
  });
  const login = (user: string): string => urlAs(database.url, { user, password });
  await project.write("partywall.config.ts", CONFIG);
  await project.write("src/tenancy.ts", TENANCY);
  Object.assign(project.env, {
    APP_ROLE: roles.app,
    SYSTEM_ROLE: roles.system,
    APP_URL: login(roles.app),
    SYSTEM_URL: login(roles.system),
    REGISTRY_URL: database.url,
    PARTYWALL_SECRET: randomBytes(24).toString("hex"),
  });
  project.secrets.push(
    password,
    encodeURIComponent(password),
    new URL(database.url).password,
    project.env["PARTYWALL_SECRET"]!,
  );
  return {
    database,
    project,
    roles,
    owner,
    superuser,
    login,
    /** Rows as an independent, unguarded connection sees them. */
    rows: async (sql: string, values?: unknown[]) =>
      (await superuser.query(sql, values)).rows as Record<string, unknown>[],
    close: async () => {
      await superuser.end();
      await project.remove();
      await database.drop();
      await dropRoles(database);
    },
  };
}
