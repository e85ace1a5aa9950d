import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Migrator as MikroMigrator } from "@mikro-orm/migrations";
import { MikroORM } from "@mikro-orm/postgresql";
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import { createJiti } from "jiti";
import knex from "knex";
import { FileMigrationProvider, Kysely, Migrator, PostgresDialect } from "kysely";
import * as nodeFs from "node:fs";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import pg from "pg";
import { runAdoption } from "partywall/adopt";
import { type QueryInterface, Sequelize } from "sequelize";
import { DataSource } from "typeorm";
import { SequelizeStorage, Umzug } from "umzug";
import { beforeAll, expect, test } from "vitest";
import type { FormatContext, GeneratedFile } from "../../../src/adopt/formats/format.js";
import { MIGRATION_FORMATS } from "../../../src/adopt/formats/formats.js";
import { readSchema } from "../../../src/adopt/read-schema.js";
import { describeEngine } from "../../support/engine.js";
import { describeNode } from "../../support/node-version.js";
import { buildSite, planFor, TENANT, type Site } from "./adoption.js";
import { lucidRuns } from "./lucid-runner.js";
import { prismaDeploy } from "./prisma-engine.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));

// Names, strings and operators in which a language, a template or a migrator might read something of its own.
const AWKWARD = "we`ird ${name} \\ \"q\" 'x' ?:y $1 ünï%";
const ident = (name: string) => `"${name.replaceAll('"', '""')}"`;
const DDL = `
create table countries (code text primary key);
create table customers (
  id int primary key, email text not null unique, country text references countries,
  traits jsonb not null default '{}', check (traits ? 'x' or email ~ '^.+\\?*'));
create unique index customers_marked on customers (email) where traits ? 'k\\?$1\${x}\`%s' or email ~ '^a\\?:b';
create table orders (id bigint generated always as identity primary key, customer_id int references customers on delete set null, note text);
create table ${ident(AWKWARD)} (id serial primary key, ${ident(`c ${AWKWARD}`.slice(0, 30))} text unique, order_id bigint references orders);
insert into countries values ('at');
insert into customers select n, 'c' || n || '@example.com', 'at', '{"x": 1}' from generate_series(1, 300) n;
insert into orders (customer_id, note) select n, repeat('long ', 200) from generate_series(1, 300) n, generate_series(1, 10);
create table events (id uuid default gen_random_uuid(), happened date not null, primary key (id, happened)) partition by range (happened);
create table events_1 partition of events for values from ('2025-01-01') to ('2025-02-01');
create table events_2 partition of events for values from ('2025-02-01') to ('2025-03-01');
insert into events (happened) select '2025-01-01'::date + n % 50 from generate_series(1, 500) n;
`;

const TABLES = {
  countries: "shared",
  // An expression of its own, so that rows are filled a batch at a time.
  orders: {
    kind: "tenant",
    assign: `coalesce((select '${TENANT}'::uuid from public.customers c where c.id = customer_id and c.email like '%@%'), '${TENANT}')`,
  },
  events: { kind: "tenant", assign: `'${TENANT}'::uuid` },
} as const;

const DATE = new Date("2025-12-31T23:59:30Z");

/** All that the catalogue says of a site, and whose the rows are. */
async function standing({ client, database }: Site) {
  const { tables, views, routines } = await readSchema(client, ["public", "partywall"]);
  const { rows: functions } = await client.query(
    "select p.oid::regprocedure::text as name, prosrc from pg_proc p join pg_namespace n on n.oid = pronamespace where nspname in ('public', 'partywall') order by 1",
  );
  const { rows: grants } = await client.query(
    "select c.oid::regclass::text as name, relacl::text as acl from pg_class c join pg_namespace n on n.oid = relnamespace where nspname = 'public' and relkind in ('r', 'p', 'v', 'S') and relname !~ '^(adoption|adonis|mikro_orm|knex|kysely|migrations|Sequelize|_prisma)' order by 1",
  );
  const { rows: owners } = await client.query(
    `select 'orders' as name, tenant_id, count(*) from orders group by 2 union all select 'events', tenant_id, count(*) from events group by 2 union all select 'customers', tenant_id, count(*) from customers group by 2 order by 1`,
  );
  const own = tables
    .filter(
      ({ name }) =>
        !/^(adoption|adonis|mikro_orm|knex|kysely|migrations|Sequelize|_prisma)/.test(name),
    )
    .map(({ estimatedRows: _, bytes: __, ...table }) => table);
  const text = JSON.stringify({ own, views, routines, functions, grants, owners });
  return JSON.parse(text.replaceAll(database.name, "site")) as object;
}

async function before({ client, database }: Site) {
  const { tables } = await readSchema(client, ["public"]);
  const own = tables
    .filter(({ name }) => !/^(adoption|adonis|mikro_orm|knex)/.test(name))
    .map(({ estimatedRows: _, bytes: __, ...table }) => table);
  return JSON.parse(JSON.stringify(own).replaceAll(database.name, "site")) as object;
}

async function withSite<T>(use: (site: Site, folder: string) => Promise<T>): Promise<T> {
  const site = await buildSite();
  // Where the migrators' packages are found from, and where no package.json says what a file is.
  const cache = join(root, "node_modules/.cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "partywall-migrator-"));
  try {
    await site.client.query(DDL);
    return await use(site, folder);
  } finally {
    await rm(folder, { recursive: true });
    await site.close();
  }
}

async function generate(
  site: Site,
  name: string,
  folder: string,
  more: Partial<FormatContext> = {},
): Promise<readonly GeneratedFile[]> {
  const { rows } = await site.client.query(
    "select to_regclass('events') is not null as has_events",
  );
  const { events, ...others } = TABLES;
  const plan = await planFor(site, { tables: rows[0].has_events ? { ...others, events } : others });
  const format = MIGRATION_FORMATS.find((one) => one.name === name)!;
  const files = format.write(plan, { folder, timestamp: DATE, name: "tenancy", ...more });
  expect(new Set(files.map((file) => file.path)).size).toBe(files.length);
  for (const file of files) {
    await mkdir(dirname(file.path), { recursive: true });
    await writeFile(file.path, file.content);
  }
  return files;
}

// MikroORM 7 declares Node.js 22.17. All else of it runs on 20, but its migrator needs `globSync` to be there.
const hasGlob = "globSync" in nodeFs;

/** An application of MikroORM with nothing but migrations. */
function mikroOrm(site: Site, folder: string, allOrNothing: boolean): Promise<MikroORM> {
  return MikroORM.init({
    clientUrl: site.database.url,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    extensions: [MikroMigrator],
    migrations: { path: join(folder, "migrations"), snapshot: false, allOrNothing },
    logger: () => {},
  });
}

describeEngine(
  "postgres",
  "an adoption plan, run by the application's own migrator, leaves what runAdoption does",
  () => {
    let expected: object;

    beforeAll(async () => {
      expected = await withSite(async (site) => {
        await runAdoption(site.client, await planFor(site, { tables: TABLES }));
        return standing(site);
      });
    }, 60_000);

    test("plain SQL", () =>
      withSite(async (site, folder) => {
        const files = await generate(site, "sql", folder);
        for (const file of files.filter((one) => !one.path.endsWith(".down.sql"))) {
          // As psql does: a statement at a time, but for transactions that the file itself opens.
          const isWhole = /^begin;$/m.test(file.content) || /^do \$/m.test(file.content);
          for (const sql of isWhole ? [file.content] : file.content.split(/;\n/)) {
            if (sql.trim() !== "") await site.client.query(sql);
          }
        }
        expect(await standing(site)).toEqual(expected);
      }));

    test("Prisma Migrate", () =>
      withSite(async (site, folder) => {
        const files = await generate(site, "prisma", folder);
        const applied = await prismaDeploy(site.database.url, folder, files);
        expect(applied.length).toBe(files.length);
        expect(await standing(site)).toEqual(expected);
      }));

    test("Drizzle, in one transaction", () =>
      withSite(async (site, folder) => {
        await generate(site, "drizzle", folder);
        await migrate(drizzle(site.client), { migrationsFolder: folder });
        expect(await standing(site)).toEqual(expected);
      }));

    test("Drizzle takes the migrations for applied in a database that was adopted without it", () =>
      withSite(async (site, folder) => {
        await generate(site, "drizzle", folder);
        await runAdoption(site.client, await planFor(site, { tables: TABLES }));
        await site.client.query(await readFile(join(folder, "partywall_adopted.sql"), "utf8"));
        await migrate(drizzle(site.client), { migrationsFolder: folder });
        expect(await standing(site)).toEqual(expected);
      }));

    test("Knex", () =>
      withSite(async (site, folder) => {
        await generate(site, "knex", folder, { module: "cjs" });
        const db = knex({ client: "pg", connection: site.database.url });
        try {
          await db.migrate.latest({ directory: folder });
          expect(await standing(site)).toEqual(expected);
        } finally {
          await db.destroy();
        }
      }));

    test("Knex, on after a batch that failed, with the rows of the batches before it filled for good", () =>
      withSite(async (site, folder) => {
        await generate(site, "knex", folder, { module: "cjs" });
        const db = knex({ client: "pg", connection: site.database.url });
        try {
          const names = (await readdir(folder)).filter((name) => name.includes("_expand_"));
          for (const _ of names) await db.migrate.up({ directory: folder });
          await site.client
            .query(`create function refuse() returns trigger language plpgsql as 'begin raise exception ''not yet''; end';
          create trigger refuse before update on orders for each row when (old.id = 2999) execute function refuse()`);
          const left = async () =>
            Number(
              (await site.client.query("select count(*) from orders where tenant_id is null"))
                .rows[0].count,
            );
          expect(await left()).toBe(3000);
          await expect(db.migrate.latest({ directory: folder })).rejects.toThrow("not yet");
          expect(await left()).toBeGreaterThan(0);
          expect(await left()).toBeLessThan(3000);
          await site.client.query("drop function refuse cascade");
          await db.migrate.latest({ directory: folder });
          expect(await standing(site)).toEqual(expected);
        } finally {
          await db.destroy();
        }
      }));

    test("Knex, and back as far as the plan promises", () =>
      withSite(async (site, folder) => {
        // An index of a partition that is attached to the parent's goes with that one alone.
        await site.client.query("drop table events");
        const was = await before(site);
        await generate(site, "knex", folder, { module: "cjs" });
        const db = knex({ client: "pg", connection: site.database.url });
        const options = { directory: folder };
        try {
          const names = (await readdir(folder)).filter((name) => !name.includes("_enforce_"));
          for (const _ of names) await db.migrate.up(options);
          expect(await before(site)).not.toEqual(was);
          for (const _ of names) await db.migrate.down(options);
          expect(await before(site)).toEqual(was);
        } finally {
          await db.destroy();
        }
      }));

    test("Kysely", () =>
      withSite(async (site, folder) => {
        await generate(site, "kysely", join(folder, "migrations"), { module: "esm" });
        await writeFile(join(folder, "package.json"), '{ "type": "module" }');
        const db = new Kysely({
          dialect: new PostgresDialect({
            pool: new pg.Pool({ connectionString: site.database.url }),
          }),
        });
        try {
          const provider = new FileMigrationProvider({
            fs,
            path,
            migrationFolder: join(folder, "migrations"),
          });
          const inOne = await new Migrator({ db, provider }).migrateToLatest();
          expect(inOne.error).toMatchObject({
            message: expect.stringContaining("disableTransactions: true"),
          });
          const { error } = await new Migrator({
            db,
            provider,
            disableTransactions: true,
          }).migrateToLatest();
          expect(error).toBeUndefined();
          expect(await standing(site)).toEqual(expected);
        } finally {
          await db.destroy();
        }
      }));

    test("TypeORM", () =>
      withSite(async (site, folder) => {
        const files = await generate(site, "typeorm", folder);
        const jiti = createJiti(import.meta.url, { fsCache: false });
        const modules = await Promise.all(
          files.map((file) => jiti.import<Record<string, never>>(file.path)),
        );
        const db = new DataSource({
          type: "postgres",
          url: site.database.url,
          migrations: modules.flatMap((module) => Object.values(module)),
        });
        await db.initialize();
        try {
          await expect(db.runMigrations()).rejects.toThrow("override the transaction mode");
          await db.runMigrations({ transaction: "each" });
          expect(await standing(site)).toEqual(expected);
        } finally {
          await db.destroy();
        }
      }));

    test.runIf(hasGlob)("MikroORM (which lists its files by node:fs of Node.js 22)", () =>
      withSite(async (site, folder) => {
        await generate(site, "mikro-orm", join(folder, "migrations"), { module: "esm" });
        await writeFile(join(folder, "package.json"), '{ "type": "module" }');
        const inOne = await mikroOrm(site, folder, true);
        try {
          await expect(inOne.migrator.up()).rejects.toThrow("allOrNothing: false");
        } finally {
          await inOne.close();
        }
        const orm = await mikroOrm(site, folder, false);
        try {
          await orm.migrator.up();
          expect(await standing(site)).toEqual(expected);
          expect(await orm.migrator.getPending()).toEqual([]);
        } finally {
          await orm.close();
        }
      }),
    );

    test.runIf(hasGlob)("MikroORM (of Node.js 22), and back as far as the plan promises", () =>
      withSite(async (site, folder) => {
        // An index of a partition that is attached to the parent's goes with that one alone.
        await site.client.query("drop table events");
        const was = await before(site);
        await generate(site, "mikro-orm", join(folder, "migrations"), { module: "esm" });
        await writeFile(join(folder, "package.json"), '{ "type": "module" }');
        const orm = await mikroOrm(site, folder, false);
        try {
          const migrations = (await orm.migrator.getPending())
            .map(({ name }) => name)
            .filter((name) => !name.includes("_enforce_"));
          await orm.migrator.up({ migrations });
          expect(await before(site)).not.toEqual(was);
          for (const _ of migrations) await orm.migrator.down();
          expect(await before(site)).toEqual(was);
        } finally {
          await orm.close();
        }
      }),
    );

    test("Sequelize with Umzug", () =>
      withSite(async (site, folder) => {
        await generate(site, "sequelize", folder);
        const jiti = createJiti(import.meta.url, { fsCache: false });
        const db = new Sequelize(site.database.url, { logging: false });
        interface Module {
          up(given: { context: QueryInterface }): Promise<void>;
        }
        const umzug = new Umzug({
          migrations: {
            glob: `${folder}/*.ts`,
            resolve: ({ name, path: file, context }) => ({
              name,
              up: async () => (await jiti.import<Module>(file!)).up({ context }),
            }),
          },
          context: db.getQueryInterface(),
          storage: new SequelizeStorage({ sequelize: db }),
          logger: undefined,
        });
        try {
          await umzug.up();
          expect(await standing(site)).toEqual(expected);
        } finally {
          await db.close();
        }
      }));

    // The runner of its own, with the transactions and the advisory lock that it takes.
    describeNode(24, "Lucid", () => {
      test("up", () =>
        withSite(async (site, folder) => {
          const files = await generate(site, "lucid", join(folder, "database/migrations"), {
            module: "esm",
          });
          await writeFile(join(folder, "package.json"), '{ "type": "module" }');
          const { migrated, error } = await lucidRuns(site.database.url, folder, "up");
          expect(error).toBeNull();
          expect(migrated).toBe(files.length);
          expect(await standing(site)).toEqual(expected);
        }));

      test("in TypeScript", () =>
        withSite(async (site, folder) => {
          const files = await generate(site, "lucid", join(folder, "database/migrations"));
          await writeFile(join(folder, "package.json"), '{ "type": "module" }');
          // Node.js strips no types below node_modules, where the application stands for its packages' sake.
          const { stripTypeScriptTypes } = (await import("node:module")) as unknown as {
            stripTypeScriptTypes(code: string): string;
          };
          for (const file of files) {
            await rm(file.path);
            await writeFile(file.path.replace(/ts$/, "js"), stripTypeScriptTypes(file.content));
          }
          const { migrated, error } = await lucidRuns(site.database.url, folder, "up");
          expect(error).toBeNull();
          expect(migrated).toBe(files.length);
          expect(await standing(site)).toEqual(expected);
        }));

      test("and back as far as the plan promises", () =>
        withSite(async (site, folder) => {
          await site.client.query("drop table events");
          const was = await before(site);
          const migrations = join(folder, "database/migrations");
          const files = await generate(site, "lucid", migrations, { module: "esm" });
          await writeFile(join(folder, "package.json"), '{ "type": "module" }');
          for (const { path: file } of files) if (file.includes("_enforce_")) await rm(file);
          const up = await lucidRuns(site.database.url, folder, "up");
          expect(up.error).toBeNull();
          expect(await before(site)).not.toEqual(was);
          const down = await lucidRuns(site.database.url, folder, "down");
          expect(down.error).toBeNull();
          expect(down.migrated).toBe(up.migrated);
          expect(await before(site)).toEqual(was);
        }));

      test("and no further back", () =>
        withSite(async (site, folder) => {
          await generate(site, "lucid", join(folder, "database/migrations"), { module: "esm" });
          await writeFile(join(folder, "package.json"), '{ "type": "module" }');
          await lucidRuns(site.database.url, folder, "up");
          const { error } = await lucidRuns(site.database.url, folder, "down");
          expect(error).toMatchObject({ message: expect.stringContaining("not taken back") });
          expect(await standing(site)).toEqual(expected);
        }));
    });
  },
);
