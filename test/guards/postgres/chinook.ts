import { readFileSync } from "node:fs";
import pg from "pg";
import { createPartywall, type Tenant } from "partywall";
import { applyWall, guardPg, type SealForm } from "partywall/guards/postgres";
import { dataPath } from "../../support/data.js";
import { testDatabase, urlAs, type TestDatabase } from "../../support/postgres.js";
import { dropRoles } from "../../support/roles.js";
import { SECRET } from "./world.js";

export const TABLES = [
  "artist",
  "album",
  "genre",
  "media_type",
  "track",
  "playlist",
  "playlist_track",
  "employee",
  "customer",
  "invoice",
  "invoice_line",
] as const;

// The one step between the published script and a load: its first lines make a database and connect to it,
// which is done here, and `\c` is psql's.
export function script(): { readonly schema: string; readonly whole: string } {
  const whole = readFileSync(dataPath("chinook"), "utf8").replaceAll(
    /^(?:DROP DATABASE|CREATE DATABASE|\\c) .*$/gm,
    "",
  );
  return { schema: whole.slice(0, whole.indexOf("INSERT INTO")), whole };
}

// What makes a tenant's rows its own: the ids stay and collide, names and amounts do not.
const NAMED = `
update artist set name = name || ' $k'; update genre set name = name || ' $k'; update track set name = name || ' $k';
update playlist set name = name || ' $k'; update employee set last_name = last_name || ' $k';
update customer set last_name = last_name || ' $k'; update invoice set total = total + $k;
update invoice_line set unit_price = unit_price + $k;`;
/** What is done to each shop's rows; of the first, nothing. `$k` stands for its number. */
export const VARIATIONS: readonly string[] = [
  "",
  `${NAMED} update track set unit_price = unit_price * 3;`,
  `${NAMED} delete from invoice_line where invoice_id in (select invoice_id from invoice where customer_id % 2 = 0);
   delete from invoice where customer_id % 2 = 0; delete from customer where customer_id % 2 = 0;`,
  `${NAMED} update invoice set invoice_date = invoice_date - interval '7 months';
   update employee set reports_to = 1 where employee_id > 1; update customer set support_rep_id = 8 - support_rep_id % 3;`,
  `${NAMED} delete from playlist_track where track_id > 500; delete from invoice_line where track_id > 500;
   delete from track where track_id > 500; delete from album where album_id not in (select album_id from track);
   delete from artist where artist_id not in (select artist_id from album);
   delete from invoice where invoice_id not in (select invoice_id from invoice_line);`,
];

// Every key of the single-tenant schema, made to hold within a tenant.
const MULTI_TENANT = `do $$
declare c record;
begin
  create temp table keys as select conrelid::regclass::text as tab, conname::text as name, contype as type,
    pg_get_constraintdef(oid) as def from pg_constraint where connamespace = 'public'::regnamespace and contype in ('p', 'f');
  for c in select * from keys order by type loop
    execute format('alter table %s drop constraint %I', c.tab, c.name);
  end loop;
  for c in select relname as tab from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' loop
    execute format('alter table %I add column tenant_id bigint not null', c.tab);
  end loop;
  for c in select * from keys order by type desc loop
    execute format('alter table %s add constraint %I %s', c.tab, c.name,
      regexp_replace(regexp_replace(c.def, 'KEY \\(', 'KEY (tenant_id, '), '(REFERENCES \\w+)\\(', '\\1(tenant_id, '));
  end loop;
  drop table keys;
end $$`;

export type Chinook = Awaited<ReturnType<typeof buildChinook>>;

/** One music shop: its own single-tenant database, and its rows behind the wall in the shared one. */
export interface Shop {
  readonly tenant: Tenant;
  /** Unguarded, on the database that holds only this shop's rows. */
  readonly alone: pg.Client;
}

/** Loads the real data: a single-tenant database for each of five shops, and one that holds all five. */
export async function buildChinook() {
  const sql = script();
  const databases: TestDatabase[] = [];
  const clients: pg.Client[] = [];
  const connected = async () => {
    const database = await testDatabase();
    const client = new pg.Client({ connectionString: database.url });
    databases.push(database);
    await client.connect();
    clients.push(client);
    return { database, client };
  };
  const { database, client: unguarded } = await connected();
  await unguarded.query(sql.schema);
  await unguarded.query(MULTI_TENANT);
  const roles = {
    app: `${database.name}_app`,
    system: `${database.name}_system`,
    owner: `${database.name}_owner`,
  };
  for (const role of [roles.app, roles.system]) {
    await unguarded.query(`create role ${role} login password 'secret'`);
  }
  const wall = (seal: SealForm) => applyWall(unguarded, { roles, tables: TABLES, seal });
  await wall("mac");
  const login = (user: string) => urlAs(database.url, { user, password: "secret" });
  const guard = guardPg(pg, {
    app: { connectionString: login(roles.app), max: 4 },
    system: login(roles.system),
  });
  const pw = createPartywall({ realm: database.name, secret: SECRET, postgres: guard });
  const shops: Shop[] = [];
  for (const [index, variation] of VARIATIONS.entries()) {
    const number = index + 1;
    const { client: alone } = await connected();
    await alone.query(sql.whole);
    await alone.query(variation.replaceAll("$k", String(number)));
    const tenant = await pw.tenants.create({
      id: String(number),
      slug: `shop-${number}`,
      name: `Shop ${number}`,
    });
    for (const table of TABLES) {
      const { rows } = await alone.query(`select json_agg(t) as rows from ${table} t`);
      await unguarded.query(
        `insert into ${table} select * from json_populate_recordset(null::${table},
           (select json_agg(r::jsonb || jsonb_build_object('tenant_id', $2::bigint)) from json_array_elements($1::json) r))`,
        [JSON.stringify(rows[0].rows), tenant.id],
      );
    }
    shops.push({ tenant, alone });
  }
  await unguarded.query("analyze");
  return {
    pw,
    shops,
    wall,
    guard,
    appUrl: login(roles.app),
    pool: guard.pool,
    unguarded,
    /** Of every row these shops have in every table, as it really is. */
    checksums: async (of: readonly Shop[]) => {
      const sums: Record<string, string> = {};
      for (const table of TABLES) {
        const { rows } = await unguarded.query(
          `select tenant_id, count(*) || ':' || md5(string_agg(t::text, '|' order by t::text)) as sum
           from ${table} t where tenant_id = any($1) group by 1`,
          [of.map(({ tenant }) => tenant.id)],
        );
        for (const row of rows) sums[`${row.tenant_id}.${table}`] = String(row.sum);
      }
      return sums;
    },
    close: async () => {
      await pw.close();
      for (const client of clients) await client.end();
      for (const each of databases) await each.drop();
      await dropRoles(database);
    },
  };
}
