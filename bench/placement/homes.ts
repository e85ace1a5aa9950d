import pg from "pg";
import type * as postgres from "partywall/guards/postgres";
import type * as tenantSchema from "../../src/guards/postgres/ddl/tenant-schema.js";

/** The login roles of the benchmark. */
export const ROLES = { app: "bench_app", system: "bench_system" } as const;

const TABLE = "(id int primary key, note text not null)";
const FILL = "select n, 'note ' || n from generate_series(1, 100) n";
const BATCH = 250;

export const schemaOf = (at: number): string => `t_${at}`;
export const idOf = (at: number): string =>
  `00000000-0000-4000-8000-${at.toString(16).padStart(12, "0")}`;

/** The same server's connection string with another login or database. */
export function urlAs(url: string, change: { user?: string; database?: string }): string {
  const changed = new URL(url);
  if (change.user !== undefined) {
    changed.username = change.user;
    changed.password = "secret";
  }
  if (change.database !== undefined) changed.pathname = `/${change.database}`;
  return changed.href;
}

/** The database that tenants with a schema share, behind the wall. */
export async function buildShared(url: string, { applyWall }: typeof postgres): Promise<string> {
  const root = await connect(url);
  for (const role of Object.values(ROLES)) {
    await root.query(`create role ${role} login password 'secret'`);
  }
  await root.query("create database bench");
  await root.end();
  const shared = urlAs(url, { database: "bench" });
  const client = await connect(shared);
  await client.query("create table orders (tenant_id uuid not null, id int, note text)");
  await applyWall(client, { roles: ROLES, tables: ["orders"] });
  await client.end();
  return shared;
}

/**
 * Makes schemas `from` to `to`, each with a table of 100 rows, behind the wall as `wallTenantSchema` puts the first. What it
 * writes for one is written for the others with their own name and id.
 */
export async function buildSchemas(
  url: string,
  { planTenantSchema }: typeof tenantSchema,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<void> {
  const client = await connect(url);
  const model = "t_model";
  await client.query(`create schema ${model}; create table ${model}.orders ${TABLE}`);
  const tenantId = "ffffffff-ffff-4fff-8fff-ffffffffffff";
  const plan = await planTenantSchema(client, { roles: ROLES, tenantId, schema: model });
  await client.query(`drop schema ${model} cascade`);
  const text = [
    `create schema ${model}; create table ${model}.orders ${TABLE}; insert into ${model}.orders ${FILL}`,
    ...plan,
  ].join(";\n");
  for (let at = from; at < to; at += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, to - at) }, (_, n) => at + n);
    await client.query(
      batch
        .map((one) => text.replaceAll(model, schemaOf(one)).replaceAll(tenantId, idOf(one)))
        .join(";\n"),
    );
    progress("schemas", at + batch.length, to);
  }
  await client.end();
}

export const loginOf = (at: number): string => `l_${at}`;

/** Gives the first schemas a login each, which then is the only one of the application's that reaches them. */
export async function buildLogins(
  url: string,
  { planTenantSchema }: typeof tenantSchema,
  count: number,
): Promise<void> {
  const client = await connect(url);
  const [schema, tenantId, login] = [schemaOf(0), idOf(0), loginOf(0)];
  await client.query(`create role ${login} login password 'secret'`);
  const plan = await planTenantSchema(client, { roles: ROLES, tenantId, schema, login });
  const text = plan.join(";\n");
  await client.query(text);
  for (let at = 1; at < count; at += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, count - at) }, (_, n) => at + n);
    await client.query(
      batch
        .map((one) => {
          const own = text
            .replaceAll(`"${schema}"`, `"${schemaOf(one)}"`)
            .replaceAll(`"${login}"`, `"${loginOf(one)}"`)
            .replaceAll(tenantId, idOf(one));
          return `create role ${loginOf(one)} login password 'secret';\n${own}`;
        })
        .join(";\n"),
    );
  }
  await client.end();
}

/** Makes databases, each one tenant's home with a table of 100 rows. */
export async function buildDatabases(
  url: string,
  { wallTenantDatabase }: typeof postgres,
  count: number,
): Promise<void> {
  const root = await connect(url);
  await root.query("create database bench_model template template0");
  const model = await connect(urlAs(url, { database: "bench_model" }));
  await model.query(`create table orders ${TABLE}; insert into orders ${FILL}`);
  await model.end();
  for (let at = 0; at < count; at += 1) {
    await root.query(`create database d_${at} template bench_model strategy file_copy`);
    const home = await connect(urlAs(url, { database: `d_${at}` }));
    await wallTenantDatabase(home, { roles: ROLES, tenantId: idOf(at) });
    await home.end();
    if (at % 20 === 19) progress("databases", at + 1, count);
  }
  await root.end();
}

function progress(what: string, done: number, all: number): void {
  if (done % 1000 === 0 || done === all || what === "databases") {
    process.stderr.write(`${what}: ${done} of ${all}\n`);
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}
