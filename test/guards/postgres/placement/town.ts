import { randomUUID } from "node:crypto";
import pg from "pg";
import { createPartywall, type Placement, type Tenant } from "partywall";
import { memoryStore } from "partywall/registry";
import {
  applyWall,
  guardPg,
  wallTenantDatabase,
  wallTenantSchema,
  type GuardPgOptions,
  type SealForm,
} from "partywall/guards/postgres";
import { testDatabase, urlAs, withClient, type TestDatabase } from "../../../support/postgres.js";
import { dropRoles, repeated } from "../../../support/roles.js";
import type { mutant } from "../attacks/mutant.js";
import { SECRET } from "../world.js";

/** The application's tables, the same wherever a tenant lives. */
const TABLES = `
create table customers (
  tenant_id uuid not null, id int not null, email text not null, name text,
  primary key (tenant_id, id), unique (tenant_id, email));
create table orders (
  tenant_id uuid not null, id int not null, customer_id int, note text, amount int not null default 0,
  primary key (tenant_id, id),
  foreign key (tenant_id, customer_id) references customers (tenant_id, id) on delete cascade);
`;

const ROWS = `
insert into customers (tenant_id, id, email, name) select $1, n, 'c' || n || '@example.com', $2 || n from generate_series(1, 3) n`;
const MORE = `
insert into orders (tenant_id, id, customer_id, note, amount) select $1, n, n, $2 || n, n * 10 from generate_series(1, 3) n`;

/** How a resident lives; `own` gives it a login of its own. */
export interface Residence {
  readonly slug: string;
  readonly strategy: "row" | "schema" | "database";
  readonly own?: boolean;
  /** Of the further servers; the default one unless told. */
  readonly server?: string;
}

/** A server with a database of its own, as the guard knows it. */
export interface Borough {
  readonly database: TestDatabase;
  readonly superuser: pg.Client;
}

/** A database, tenants placed in all the ways, and an unguarded eye. Each tenant's notes begin with its slug. */
export type Town = Awaited<ReturnType<typeof buildTown>>;

/** Builds a town of its own. Call `close` in `afterAll`. */
export async function buildTown(
  residences: readonly Residence[],
  options: {
    readonly seal?: SealForm;
    readonly guard?: Partial<GuardPgOptions>;
    readonly max?: number;
    /** More of the application's pool configuration. */
    readonly app?: Readonly<Record<string, unknown>>;
    /** Databases of further servers, by the server's name. */
    readonly servers?: Readonly<Record<string, TestDatabase>>;
    /** The address by which the application's login connects; its own unless told. */
    readonly through?: (url: string) => string;
    /** The code under test, where it is not this repository's own. */
    readonly code?: Awaited<ReturnType<typeof mutant>>["code"];
  } = {},
) {
  const through = options.through ?? ((url: string) => url);
  const code = options.code ?? { createPartywall, guardPg, applyWall };
  const database = await testDatabase();
  const roles = { app: `${database.name}_app`, system: `${database.name}_system` };
  const own = { default: database, ...options.servers };
  const boroughs: Record<string, Borough> = {};
  const databases: TestDatabase[] = [];
  for (const [name, one] of Object.entries(own)) {
    const superuser = new pg.Client({ connectionString: one.url });
    await superuser.connect();
    for (const role of Object.values(roles)) {
      await superuser.query(
        `do $$ begin create role ${role} login password 'secret'; exception when duplicate_object then null; end $$`,
      );
    }
    await superuser.query(TABLES);
    await superuser.query(
      "create schema common; create table common.plans (name text primary key, price int); insert into common.plans values ('free', 0), ('pro', 10); create function common.twice(int) returns int language sql as 'select $1 * 2'",
    );
    await code.applyWall(superuser, {
      roles: { ...roles, owner: `${database.name}_owner` },
      tables: ["customers", "orders"],
      shared: ["common.plans"],
      ...(options.seal && { seal: options.seal }),
    });
    boroughs[name] = { database: one, superuser };
  }
  const login = (one: TestDatabase, role: string) =>
    urlAs(one.url, { user: role, password: "secret" });
  const logins = (one: TestDatabase) => ({
    app: {
      connectionString: through(login(one, roles.app)),
      max: options.max ?? 4,
      ...options.app,
    },
    system: login(one, roles.system),
  });
  const asked: string[] = [];
  const buildGuard = () =>
    code.guardPg(pg, {
      ...logins(database),
      servers: Object.fromEntries(
        Object.entries(options.servers ?? {}).map(([name, one]) => [name, logins(one)]),
      ),
      sharedSchemas: ["common"],
      expelGraceMs: 2000,
      credentials: async (secret) => {
        asked.push(secret);
        return { user: secret, password: "secret" };
      },
      ...options.guard,
    });
  const guard = buildGuard();
  const store = memoryStore();
  const pw = code.createPartywall({ realm: database.name, secret: SECRET, store, postgres: guard });
  const residents: Record<string, Tenant> = {};
  const eyes: Record<string, pg.Client> = {};
  const homes: Record<string, string> = {};
  const opened: pg.Client[] = [];

  /** Builds an empty home for a tenant, on one of the servers, and tells where it is. */
  const buildHome = async (
    id: string,
    { slug, strategy, own: isOwn = false, server }: Residence,
  ): Promise<{ placement: Placement; eye: pg.Client; schema: string }> => {
    const { superuser, database: at } = boroughs[server ?? "default"]!;
    const name = `${database.name}_${slug}`;
    const secret = isOwn ? `${name}_login` : undefined;
    const placement = {
      strategy,
      ...(server && { server }),
      ...(strategy === "row" ? {} : { name }),
      ...(secret && { secret }),
    };
    if (secret !== undefined) {
      await superuser.query(`create role ${secret} login password 'secret'`);
    }
    if (strategy === "schema") {
      await superuser.query(`create schema ${name}; set search_path = ${name}`);
      await superuser.query(`${TABLES}; reset search_path`);
      await repeated(() =>
        wallTenantSchema(superuser, { roles, tenantId: id, schema: name, login: secret }),
      );
      return { placement, eye: superuser, schema: name };
    }
    if (strategy === "row") return { placement, eye: superuser, schema: "public" };
    await superuser.query(`create database ${name} template template0`);
    const tenantDatabase: TestDatabase = {
      name,
      url: urlAs(at.url, { database: name }),
      drop: async () => {
        // By a connection of its own, for a test may have ended the server's other ones.
        await withClient(at.url, (client) =>
          client.query(`drop database if exists ${name} with (force)`),
        );
      },
    };
    databases.push(tenantDatabase);
    const eye = new pg.Client({ connectionString: tenantDatabase.url });
    eye.on("error", () => undefined);
    await eye.connect();
    opened.push(eye);
    await eye.query(TABLES);
    await repeated(() => wallTenantDatabase(eye, { roles, tenantId: id, login: secret }));
    return { placement, eye, schema: "public" };
  };

  const settle = async (residence: Residence) => {
    const { slug } = residence;
    const id = randomUUID();
    const { placement, eye, schema } = await buildHome(id, residence);
    eyes[slug] = eye;
    homes[slug] = schema;
    residents[slug] = await pw.tenants.create({ id, slug, name: slug, placement });
    await eye.query(`set search_path = ${schema}`);
    await eye.query(ROWS, [id, slug]);
    await eye.query(MORE, [id, slug]);
    await eye.query("reset search_path");
  };
  for (const residence of residences) await settle(residence);

  return {
    database,
    roles,
    guard,
    pool: guard.pool,
    pw,
    boroughs,
    residents,
    homes,
    /** The secrets that the guard has asked a login for. */
    asked,
    settle,
    buildHome,
    /** Another instance on the same registry, as another process has it: with a cache of its own. */
    elsewhere: () => {
      const other = buildGuard();
      return code.createPartywall({ realm: database.name, secret: SECRET, store, postgres: other });
    },
    login,
    id: (slug: string) => residents[slug]!.id,
    /** Runs one statement as a tenant, through the guard. */
    as: async (slug: string, text: string, values?: unknown[]) =>
      (await pw.run({ slug }, () => guard.pool.query(text, values))).rows as Record<
        string,
        unknown
      >[],
    /** What is really in a tenant's table, seen past the guard. */
    rows: async (slug: string, table: "orders" | "customers" = "orders") => {
      const { rows } = await eyes[slug]!.query(
        `select * from ${homes[slug]}.${table} where tenant_id = $1 order by id`,
        [residents[slug]!.id],
      );
      return rows as Record<string, unknown>[];
    },
    eye: (slug: string) => eyes[slug]!,
    close: async () => {
      await pw.close();
      const supers = Object.values(boroughs).map(({ superuser }) => superuser);
      for (const eye of opened) await eye.end();
      for (const one of databases) await one.drop();
      for (const superuser of supers) await superuser.end();
      for (const { database: one } of Object.values(boroughs)) await one.drop();
      await repeated(() => dropRoles(database));
    },
  };
}
