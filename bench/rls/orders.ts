import pg from "pg";
import { applyWall, type SealForm } from "partywall/guards/postgres";
import { tenantIds, type ShopSize } from "../support/rows.js";

/** The same orders unprotected and behind the wall in each form. */
export interface Orders {
  /** Connection string of an ordinary login to the unprotected ones. */
  readonly raw: string;
  readonly walled: Readonly<Record<SealForm, { readonly app: string; readonly system: string }>>;
  readonly close: () => Promise<void>;
}

const CUSTOMERS = 50;
// A tenant's rows lie scattered, as they do where tenants write side by side.
const DDL = `
create table customers (tenant_id uuid not null, id int not null, name text not null, primary key (tenant_id, id));
create table orders (
  tenant_id uuid not null, id int not null, customer_id int not null, placed_at timestamptz not null, amount int not null);`;
const ROWS = `
insert into customers select t, n, 'customer ' || n from unnest($1::uuid[]) t, generate_series(1, ${CUSTOMERS}) n`;
const ORDERS = `
insert into orders select t, n, 1 + n % ${CUSTOMERS}, timestamptz '2026-01-01' + n * interval '1 year' / $2, n % 997
from generate_series(1, $2::int) n, unnest($1::uuid[]) t`;
const KEYS = `
alter table orders add primary key (tenant_id, id);
create index orders_placed on orders (tenant_id, placed_at);`;

/** Builds the databases and the logins. */
export async function buildOrders(serverUrl: string, size: ShopSize): Promise<Orders> {
  const name = `bench_rls_${process.pid}`;
  const at = (database: string, user?: string) => {
    const url = new URL(serverUrl);
    url.pathname = database;
    if (user !== undefined) [url.username, url.password] = [user, "secret"];
    return url.href;
  };
  const server = new pg.Client({ connectionString: serverUrl });
  await server.connect();
  const databases: string[] = [];
  const roles: string[] = [];
  const login = async (role: string) => {
    await server.query(`create role ${role} login password 'secret'`);
    await server.query(`alter role ${role} set track_activities = off`);
    roles.push(role);
    return role;
  };
  const database = async (
    own: string,
    from: string,
    fn: (client: pg.Client) => Promise<unknown>,
  ) => {
    await server.query(`create database ${own} template ${from}`);
    databases.push(own);
    const client = new pg.Client({ connectionString: at(own) });
    await client.connect();
    try {
      await fn(client);
      await client.query("vacuum analyze orders, customers");
    } finally {
      await client.end();
    }
  };
  const raw = await login(`${name}_raw`);
  await database(`${name}_data`, "template0", async (client) => {
    await client.query(DDL);
    await client.query(ROWS, [tenantIds(size)]);
    await client.query(ORDERS, [tenantIds(size), size.rowsPerTenant]);
    await client.query(KEYS);
    await client.query(`grant select on orders, customers to ${raw}`);
  });
  const walled = async (seal: SealForm) => {
    const own = `${name}_${seal}`;
    const app = await login(`${own}_app`);
    const system = await login(`${own}_system`);
    const owner = `${own}_owner`;
    await database(own, `${name}_data`, (client) =>
      applyWall(client, { roles: { app, system, owner }, tables: ["orders", "customers"], seal }),
    );
    roles.push(owner);
    return { app: at(own, app), system: at(own, system) };
  };
  const parameter = await walled("parameter");
  const mac = await walled("mac");
  return {
    raw: at(`${name}_data`, raw),
    walled: { parameter, mac },
    close: async () => {
      for (const own of databases.toReversed()) {
        await server.query(`drop database ${own} with (force)`);
      }
      await server.query(
        `revoke set on parameter backtrace_functions from ${name}_parameter_owner`,
      );
      for (const role of roles) await server.query(`drop role ${role}`);
      await server.end();
    },
  };
}
