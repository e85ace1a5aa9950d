import { randomUUID } from "node:crypto";
import pg from "pg";
import { createPartywall, type Tenant } from "partywall";
import {
  applyWall,
  guardPg,
  type GuardPgOptions,
  type SealForm,
  type WallReport,
} from "partywall/guards/postgres";
import { testDatabase, urlAs, type TestDatabase } from "../../support/postgres.js";
import { dropRoles } from "../../support/roles.js";

export const SECRET = "a secret of the tests, 32 characters or more";

const tables = (tenant: TenantType) => `
create table plans (name text primary key, price int not null);
insert into plans values ('free', 0), ('pro', 10);
create table customers (
  tenant_id ${tenant} not null, id int not null, email text not null, name text,
  primary key (tenant_id, id), unique (tenant_id, email));
create table orders (
  tenant_id ${tenant} not null, id int not null, customer_id int, note text, amount int not null default 0,
  primary key (tenant_id, id),
  foreign key (tenant_id, customer_id) references customers (tenant_id, id) on delete cascade);
`;

/** Types a tenant column may have. */
export type TenantType = "uuid" | "bigint" | "text";

const IDS: Record<TenantType, () => readonly [string, string]> = {
  uuid: () => [randomUUID(), randomUUID()],
  bigint: () => ["41", "9007199254740993"],
  text: () => ["tenant-a", "tenant-b' or true --"],
};

/** What the tests of the guard share: a database behind the wall, two tenants with colliding ids, an unguarded eye. */
export type World = Awaited<ReturnType<typeof buildWorld>>;

/** Builds a world of its own: a fresh database with its own logins. Call `close` in `afterAll`. */
export async function buildWorld(
  options: {
    readonly seal?: SealForm;
    readonly guard?: Partial<GuardPgOptions>;
    readonly max?: number;
    /** More DDL, run by the superuser before the wall is built. */
    readonly ddl?: string;
    readonly tables?: readonly string[];
    /** Type of the tenant columns, and with it of the two tenants' ids; default `uuid`. */
    readonly tenantType?: TenantType;
    /** A database elsewhere than on the server shared by the run. */
    readonly database?: TestDatabase;
    /** Whether its logins are dropped with it; default `true`. Not needed on a server that ends with the world. */
    readonly dropsRoles?: boolean;
    /** Another copy of the code under test. */
    readonly code?: {
      readonly applyWall: typeof applyWall;
      readonly guardPg: typeof guardPg;
      readonly createPartywall: typeof createPartywall;
    };
  } = {},
) {
  const database = options.database ?? (await testDatabase());
  const code = options.code ?? { applyWall, guardPg, createPartywall };
  const roles = { app: `${database.name}_app`, system: `${database.name}_system` };
  const owner = `${database.name}_owner`;
  const unguarded = new pg.Client({ connectionString: database.url });
  await unguarded.connect();
  for (const role of Object.values(roles)) {
    await unguarded.query(`create role ${role} login password 'secret'`);
  }
  await unguarded.query(tables(options.tenantType ?? "uuid") + (options.ddl ?? ""));
  const wall: WallReport = await code.applyWall(unguarded, {
    roles: { ...roles, owner },
    tables: ["customers", "orders", ...(options.tables ?? [])],
    shared: ["plans"],
    ...(options.seal && { seal: options.seal }),
  });
  const login = (role: string) => urlAs(database.url, { user: role, password: "secret" });
  const guard = code.guardPg(pg, {
    app: { connectionString: login(roles.app), max: options.max ?? 4 },
    system: login(roles.system),
    expelGraceMs: 2000,
    ...options.guard,
  });
  const pw = code.createPartywall({ realm: database.name, secret: SECRET, postgres: guard });
  const tenants: Tenant[] = [];
  const [idOfA, idOfB] = IDS[options.tenantType ?? "uuid"]();
  for (const [slug, id] of [
    ["a", idOfA],
    ["b", idOfB],
  ] as const) {
    tenants.push(await pw.tenants.create({ id, slug, name: slug.toUpperCase() }));
  }
  const [a, b] = tenants as [Tenant, Tenant];
  for (const { id } of tenants) {
    await unguarded.query(
      `insert into customers (tenant_id, id, email, name)
       select $1, n, 'c' || n || '@example.com', $2 || n from generate_series(1, 3) n`,
      [id, id === a.id ? "a" : "b"],
    );
    await unguarded.query(
      `insert into orders (tenant_id, id, customer_id, note, amount)
       select $1, n, n, $2 || n, n * $3 from generate_series(1, 3) n`,
      [id, id === a.id ? "a" : "b", id === a.id ? 10 : 1000],
    );
  }
  return {
    database,
    roles,
    owner,
    wall,
    unguarded,
    guard,
    pool: guard.pool,
    pw,
    a,
    b,
    appUrl: login(roles.app),
    systemUrl: login(roles.system),
    /** Every row of a tenant as it really is. */
    rows: async (table: string, tenant: Tenant) => {
      const { rows } = await unguarded.query(
        `select * from ${table} where tenant_id = $1 order by id`,
        [tenant.id],
      );
      return rows as Record<string, unknown>[];
    },
    close: async () => {
      await pw.close();
      await unguarded.end();
      await database.drop();
      if (options.dropsRoles !== false) await dropRoles(database);
    },
  };
}
