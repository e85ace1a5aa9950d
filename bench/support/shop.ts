import pg from "pg";
import { applyWall, type SealForm } from "partywall/guards/postgres";
import type { ContenderSpec } from "./contenders.js";
import { tenantIds, type ShopSize } from "./rows.js";

/** The same rows several times: unprotected, behind the wall in each form, and behind a policy on a plain setting. */
export interface Shop {
  /** Who reads them, each with a login of ordinary rights; the first is what the others are compared with. */
  readonly contenders: readonly ContenderSpec[];
  readonly close: () => Promise<void>;
}

const SEALS: readonly SealForm[] = ["parameter", "mac"];

const ITEMS = `create table items (
  tenant_id uuid not null, id int not null, name text not null, price int not null, stock int not null,
  primary key (tenant_id, id))`;
const ROWS = `insert into items (tenant_id, id, name, price, stock)
select t, n, 'item ' || n, n * 10, n from unnest($1::uuid[]) t, generate_series(1, $2) n`;

/** Builds the databases and the logins. */
export async function buildShop(serverUrl: string, size: ShopSize): Promise<Shop> {
  const name = `bench_${process.pid}`;
  const at = (database: string, user?: string) => {
    const url = new URL(serverUrl);
    url.pathname = database;
    if (user !== undefined) [url.username, url.password] = [user, "secret"];
    return url.href;
  };
  const databases: string[] = [];
  const roles: string[] = [];
  const server = new pg.Client({ connectionString: serverUrl });
  await server.connect();

  const login = async (role: string) => {
    await server.query(`create role ${role} login password 'secret'`);
    // The wall takes this from its login, and it costs; nobody is to win or lose by it.
    await server.query(`alter role ${role} set track_activities = off`);
    roles.push(role);
    return role;
  };
  const database = async (kind: string, protect: (client: pg.Client) => Promise<unknown>) => {
    const own = `${name}_${kind}`;
    await server.query(`create database ${own} template template0`);
    databases.push(own);
    const client = new pg.Client({ connectionString: at(own) });
    await client.connect();
    try {
      await client.query(ITEMS);
      await client.query(ROWS, [tenantIds(size), size.rowsPerTenant]);
      await protect(client);
      await client.query("vacuum analyze items");
    } finally {
      await client.end();
    }
    return own;
  };

  const rawLogin = await login(`${name}_raw`);
  const raw = await database("raw", (client) =>
    client.query(`grant select on items to ${rawLogin}`),
  );
  const settingLogin = await login(`${name}_setting`);
  const setting = await database("setting", (client) =>
    client.query(`alter table items enable row level security;
create policy tenant on items to ${settingLogin} using (tenant_id = (select current_setting('bench.tenant')::uuid));
grant select on items to ${settingLogin}`),
  );
  const guarded: ContenderSpec[] = [];
  for (const seal of SEALS) {
    const app = await login(`${name}_${seal}_app`);
    const system = await login(`${name}_${seal}_system`);
    const owner = `${name}_${seal}_owner`;
    const own = await database(seal, (client) =>
      applyWall(client, { roles: { app, system, owner }, tables: ["items"], seal }),
    );
    roles.push(owner);
    guarded.push({
      name: `guarded, ${seal} seal`,
      way: "guard",
      url: at(own, app),
      systemUrl: at(own, system),
    });
  }
  const where = { name: "pg, manual WHERE", way: "where", url: at(raw, rawLogin) } as const;
  // Statements that stay prepared: by names the developer gives, or by the guard's own.
  const prepared = [where, ...guarded].map((spec) => ({
    ...spec,
    name: `${spec.name}, prepared`,
    prepared: true,
  }));
  return {
    contenders: [
      where,
      ...guarded,
      { name: "BEGIN, set_config, COMMIT", way: "setting", url: at(setting, settingLogin) },
      ...prepared,
    ],
    close: async () => {
      for (const own of databases) await server.query(`drop database ${own} with (force)`);
      await server.query(
        `revoke set on parameter backtrace_functions from ${name}_parameter_owner`,
      );
      for (const role of roles) await server.query(`drop role ${role}`);
      await server.end();
    },
  };
}
