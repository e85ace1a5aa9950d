import { randomUUID } from "node:crypto";
import pg from "pg";
import { planAdoption, runAdoption, type AdoptionPlan, type AdoptOptions } from "partywall/adopt";
import { readSchema } from "../../../src/adopt/read-schema.js";
import type { AdoptedDatabase } from "../../../src/adopt/schema-files/adopted.js";
import { testDatabase, urlAs, type TestDatabase } from "../../support/postgres.js";
import { dropRoles, repeated } from "../../support/roles.js";

/** The tenant whom the rows of before belong to. */
export const TENANT = randomUUID();

/** A fresh database with the two logins of an application. */
export interface Site {
  readonly database: TestDatabase;
  readonly roles: { readonly app: string; readonly system: string };
  readonly appUrl: string;
  readonly systemUrl: string;
  readonly client: pg.Client;
  close(): Promise<void>;
}

export async function buildSite(): Promise<Site> {
  const database = await testDatabase();
  const roles = { app: `${database.name}_app`, system: `${database.name}_system` };
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  for (const role of Object.values(roles)) {
    await repeated(() => client.query(`create role ${role} login password 'secret'`));
  }
  const login = (user: string) => urlAs(database.url, { user, password: "secret" });
  return {
    database,
    roles,
    appUrl: login(roles.app),
    systemUrl: login(roles.system),
    client,
    close: async () => {
      await client.end();
      await database.drop();
      await dropRoles(database);
    },
  };
}

/** The plan of a site, which has to be free of obstacles. */
export async function planFor(
  site: Site,
  options: Partial<AdoptOptions> = {},
): Promise<AdoptionPlan> {
  // The other form changes a row of the whole server, where the migrators meet other test files and do not try again.
  const plan = await planAdoption(site.client, {
    roles: site.roles,
    tenant: TENANT,
    seal: "mac",
    ...options,
  });
  if (plan.obstacles.length > 0) throw new Error(JSON.stringify(plan.obstacles, undefined, 1));
  return plan;
}

/** Adopts a site's database. */
export async function runPlan(site: Site, plan: AdoptionPlan): Promise<void> {
  await runAdoption(site.client, plan);
}

/** What the schema files are brought in line with. */
export async function adoptedDatabase(site: Site, plan: AdoptionPlan): Promise<AdoptedDatabase> {
  const schema = await readSchema(site.client, plan.options.schemas ?? ["public"]);
  return { schema, tables: plan.tables };
}
