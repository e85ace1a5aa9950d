import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ROOT, runNode } from "../../house/run.js";
import { endLeftOver, serve } from "../../newcomer/served.js";
import { describeEngine } from "../../support/engine.js";
import { testDatabase, urlAs, type TestDatabase } from "../../support/postgres.js";
import { dropRoles } from "../../support/roles.js";
import { createProject, type Project } from "../project.js";
import type { Files } from "./folder.js";

const PACKAGES = [
  "@mikro-orm/core",
  "@mikro-orm/postgresql",
  "@prisma/adapter-pg",
  "@prisma/driver-adapter-utils",
  "@types/express",
  "@types/node",
  "@types/pg",
  "drizzle-orm",
  "express",
  "knex",
  "kysely",
  "objection",
  "postgres",
  "sequelize",
  "tsx",
  "typeorm",
];
const MINUTE = 60_000;

const manifest = (packages: readonly string[], more: object): string =>
  JSON.stringify({
    name: "shop",
    ...more,
    dependencies: Object.fromEntries(
      ["express", "partywall", "pg", ...packages].map((name) => [name, "*"]),
    ),
  });
const TYPESCRIPT = {
  type: "module",
  scripts: { start: "node --env-file=.env --import tsx src/server.ts" },
};
const COMMONJS = { scripts: { start: "node --env-file=.env app.js" } };
const TSCONFIG = `{ "compilerOptions": {
  "target": "es2022", "module": "nodenext", "strict": true, "exactOptionalPropertyTypes": true, "noUnusedLocals": true,
  "noPropertyAccessFromIndexSignature": true, "verbatimModuleSyntax": true, "skipLibCheck": true, "noEmit": true,
  "types": ["node"] }, "include": ["src", "partywall.config.ts"] }`;

/** An application on Express in TypeScript, whose `src/db.ts` gives `list` and `add`. */
const inTypeScript = (packages: readonly string[], db: string): Files => ({
  "package.json": manifest(packages, TYPESCRIPT),
  "tsconfig.json": TSCONFIG,
  "src/db.ts": db,
  "src/server.ts": `import express from "express";
import { add, list } from "./db.js";

const app = express();
app.use(express.json());

app.get("/orders", async (_req, res) => void res.json(await list()));
app.post("/orders", async (req, res) => {
  await add((req.body as { note: string }).note);
  res.status(201).json({});
});

app.listen(Number(process.env["PORT"]), "127.0.0.1", () => console.log("listening"));
`,
});

/** The same in one file of CommonJS. */
const inCommonJs = (packages: readonly string[], db: readonly string[]): Files => ({
  "package.json": manifest(packages, COMMONJS),
  "app.js": `'use strict'
const express = require('express')
${db[0]!}

${db[1]!}

const app = express()
app.use(express.json())

app.get('/orders', async (req, res) => res.json(await list()))
app.post('/orders', async (req, res) => {
  await add(req.body.note)
  res.status(201).json({})
})

app.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'))
`,
});

const APPLICATIONS: Readonly<Record<string, Files>> = {
  "drizzle in TypeScript": inTypeScript(
    ["drizzle-orm"],
    `import { drizzle } from "drizzle-orm/node-postgres";
import { pgTable, text } from "drizzle-orm/pg-core";

const orders = pgTable("orders", { note: text().notNull() });
const db = drizzle(process.env["DATABASE_URL"]!);

export const list = () => db.select().from(orders).orderBy(orders.note);
export const add = (note: string) => db.transaction((tx) => tx.insert(orders).values({ note }));
`,
  ),
  "kysely in TypeScript": inTypeScript(
    ["kysely"],
    `import { Kysely, PostgresDialect } from "kysely";
import { Pool } from "pg";

interface Database {
  orders: { note: string };
}

const db = new Kysely<Database>({
  dialect: new PostgresDialect({
    pool: async () => new Pool({ connectionString: process.env["DATABASE_URL"], max: 2 }),
  }),
});

export const list = () => db.selectFrom("orders").select("note").orderBy("note").execute();
export const add = (note: string) =>
  db.transaction().execute((trx) => trx.insertInto("orders").values({ note }).execute());
`,
  ),
  "knex in TypeScript": inTypeScript(
    ["knex"],
    `import knex from "knex";

const db = knex({
  client: "pg",
  connection: process.env["DATABASE_URL"]!,
  pool: { min: 0, max: 2 },
});

export const list = () => db("orders").select("note").orderBy("note");
export const add = (note: string) => db.transaction((trx) => trx("orders").insert({ note }));
`,
  ),
  "knex of a configuration of its own": {
    ...inTypeScript(
      ["knex"],
      `import knex from "knex";
import config from "./knexfile.js";

const db = knex(config);

export const list = () => db("orders").select("note").orderBy("note");
export const add = (note: string) => db("orders").insert({ note });
`,
    ),
    "src/knexfile.ts": `import type { Knex } from "knex";

const config: Knex.Config = { client: "pg", connection: process.env["DATABASE_URL"]!, pool: { max: 2 } };
export default config;
`,
  },
  "objection in TypeScript": inTypeScript(
    ["objection", "knex"],
    `import knex from "knex";
import { Model } from "objection";

class Order extends Model {
  static override readonly tableName = "orders";
  declare note: string;
}
Model.knex(knex({ client: "pg", connection: process.env["DATABASE_URL"]! }));

export const list = () => Order.query().select("note").orderBy("note");
export const add = (note: string) => Order.transaction((trx) => Order.query(trx).insert({ note }).then(() => {}));
`,
  ),
  "typeorm in TypeScript": inTypeScript(
    ["typeorm"],
    `import { DataSource, EntitySchema } from "typeorm";

const Order = new EntitySchema<{ id: number; note: string }>({
  name: "Order",
  tableName: "orders",
  columns: { id: { type: Number, primary: true, generated: true }, note: { type: String } },
});
const source = new DataSource({
  type: "postgres",
  url: process.env["DATABASE_URL"]!,
  entities: [Order],
});
await source.initialize();

export const list = () => source.getRepository(Order).find({ order: { note: "asc" } });
export const add = (note: string) =>
  source.transaction((manager) => manager.save(Order, { note }));
`,
  ),
  "sequelize in TypeScript": inTypeScript(
    ["sequelize"],
    `import { DataTypes, Sequelize } from "sequelize";

const db = new Sequelize(process.env["DATABASE_URL"]!, { dialect: "postgres", logging: false });
const Order = db.define(
  "order",
  { id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true }, note: DataTypes.TEXT },
  { timestamps: false },
);

export const list = () => Order.findAll({ order: ["note"] });
export const add = (note: string) =>
  db.transaction((transaction) => Order.create({ note }, { transaction }));
`,
  ),
  "mikro-orm in TypeScript": inTypeScript(
    ["@mikro-orm/core", "@mikro-orm/postgresql"],
    `import { defineEntity, MikroORM, p } from "@mikro-orm/postgresql";

const Order = defineEntity({
  name: "Order",
  tableName: "orders",
  properties: { id: p.integer().primary().autoincrement(), note: p.string() },
});
const orm = await MikroORM.init({ entities: [Order], clientUrl: process.env["DATABASE_URL"]! });

export const list = () => orm.em.fork().find(Order, {}, { orderBy: { note: "asc" } });
export const add = async (note: string) => {
  const em = orm.em.fork();
  em.create(Order, { note });
  await em.flush();
};
`,
  ),
  "postgres.js in TypeScript": inTypeScript(
    ["postgres"],
    `import postgres from "postgres";

const sql = postgres(process.env["DATABASE_URL"]!, { max: 2, ssl: false });

export const list = () => sql\`select note from orders order by note\`;
export const add = (note: string) =>
  sql.begin((tx) => tx\`insert into orders (note) values (\${note})\`);
`,
  ),
  "knex in CommonJS": inCommonJs(
    ["knex"],
    [
      "const knex = require('knex')",
      `const db = knex({ client: 'pg', connection: { connectionString: process.env.DATABASE_URL, ssl: false } })
const list = () => db('orders').select('note').orderBy('note')
const add = (note) => db('orders').insert({ note })`,
    ],
  ),
  "pg in CommonJS": inCommonJs(
    [],
    [
      "const { Pool } = require('pg')",
      `const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 2, ssl: false })
const list = async () => (await pool.query('select note from orders order by note')).rows
const add = (note) => pool.query('insert into orders (note) values ($1)', [note])`,
    ],
  ),
};

// Its own generator is not run here; test/adapters/prisma runs what it makes.
const PRISMA: Files = {
  ...inTypeScript(
    ["@prisma/client", "@prisma/adapter-pg"],
    `import { PrismaPg } from "@prisma/adapter-pg";
import { PrismaClient } from "./generated/prisma/client.js";

const adapter = new PrismaPg({ connectionString: process.env["DATABASE_URL"]!, max: 2 });
const prisma = new PrismaClient({ adapter });

export const list = () => prisma.order.findMany();
export const add = (note: string) => prisma.order.create({ data: { note } });
`,
  ),
  "src/generated/prisma/client.ts": `import type { SqlDriverAdapterFactory } from "@prisma/driver-adapter-utils";

export declare class PrismaClient {
  constructor(options: { adapter: SqlDriverAdapterFactory });
  readonly order: {
    findMany(): Promise<{ note: string }[]>;
    create(options: { data: { note: string } }): Promise<unknown>;
  };
}
`,
};

describeEngine("postgres", "what init wires keeps tenants apart", () => {
  let project: Project;
  let database: TestDatabase;
  let unguarded: pg.Client;
  const folderOf = (name: string): string => join(project.folder, name.replaceAll(" ", "-"));

  /** Runs the command in an application's folder; it must end well. */
  const partywall = async (name: string, words: string): Promise<void> => {
    const bin = join(project.folder, "node_modules", "partywall", "dist", "cli", "bin.js");
    const env = { PARTYWALL_DATABASE_URL: database.url };
    const { code, output } = await runNode([bin, ...words.split(" ")], env, folderOf(name));
    expect(code, `partywall ${words}\n${output}`).toBe(0);
  };

  /** Type-checks an application; it must be sound. */
  const compile = async (name: string): Promise<void> => {
    const compiler = `${ROOT}node_modules/typescript/bin/tsc`;
    const { code, output } = await runNode([compiler, "-p", folderOf(name)], {}, folderOf(name));
    expect(code, output).toBe(0);
  };

  beforeAll(async () => {
    database = await testDatabase();
    unguarded = new pg.Client({ connectionString: database.url });
    await unguarded.connect();
    const owner = `${database.name}_shop`;
    const password = randomBytes(12).toString("hex");
    await unguarded.query(`create role ${owner} login password '${password}'`);
    await unguarded.query(
      "create table orders (tenant_id uuid not null, id int generated always as identity, note text, primary key (tenant_id, id))",
    );
    const address = urlAs(database.url, { user: owner, password });

    project = await createProject();
    await writeFile(join(project.folder, ".gitignore"), "node_modules\n.env\n");
    for (const name of PACKAGES) {
      await mkdir(dirname(join(project.folder, "node_modules", name)), { recursive: true });
      await symlink(`${ROOT}node_modules/${name}`, join(project.folder, "node_modules", name));
    }
    execFileSync("git", ["init", "--quiet"], { cwd: project.folder });
    let env = `DATABASE_URL=${address}\n`;
    const [first = "", ...others] = Object.keys(APPLICATIONS);
    for (const name of [first, ...others]) {
      for (const [path, text] of Object.entries(APPLICATIONS[name]!)) {
        await mkdir(dirname(join(folderOf(name), path)), { recursive: true });
        await writeFile(join(folderOf(name), path), text);
      }
      await writeFile(join(folderOf(name), ".env"), env);
      await partywall(name, "init --public --apply --force");
      env = await readFile(join(folderOf(name), ".env"), "utf8");
    }
    await partywall(
      first,
      `logins --env .env --database ${database.name} --own-database-only --apply`,
    );
    await partywall(first, "policies --table orders --apply");
    for (const slug of ["one", "two"]) {
      await partywall(first, `tenant create --env .env --slug ${slug} --name ${slug}`);
    }
  }, 3 * MINUTE);

  afterAll(async () => {
    await endLeftOver();
    await unguarded?.end();
    await database?.drop();
    if (database) await dropRoles(database);
    await project?.remove();
  });

  test.each(Object.keys(APPLICATIONS))(
    "%s",
    async (name) => {
      if ("tsconfig.json" in APPLICATIONS[name]!) await compile(name);
      await unguarded.query("delete from orders");
      const server = await serve(folderOf(name));
      const slugs = Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? "one" : "two"));
      const answers = await Promise.all(
        slugs.map((slug, at) =>
          server.ask("/orders", slug, { method: "POST", body: { note: `${slug} ${at}` } }),
        ),
      );
      expect(answers.map(({ status, text }) => `${status} ${text}`)).toEqual(
        slugs.map(() => "201 {}"),
      );
      for (const slug of ["one", "two"]) {
        const { json } = await server.ask("/orders", slug);
        expect(json).toHaveLength(10);
        expect((json as { note: string }[]).every(({ note }) => note.startsWith(slug))).toBe(true);
      }
      expect((await server.ask("/orders")).status).toBe(404);
      await server.stop();
      const { rows } = await unguarded.query(
        `select t.slug, count(*)::int from orders o join partywall.tenants t on t.id = o.tenant_id::text
         where o.note like t.slug || ' %' group by t.slug order by t.slug`,
      );
      expect(rows).toEqual([
        { slug: "one", count: 10 },
        { slug: "two", count: 10 },
      ]);
    },
    MINUTE,
  );

  test(
    "Prisma, whose client is generated, type-checks",
    async () => {
      const name = "prisma";
      for (const [path, text] of Object.entries(PRISMA)) {
        await mkdir(dirname(join(folderOf(name), path)), { recursive: true });
        await writeFile(join(folderOf(name), path), text);
      }
      await partywall(name, "init --public --apply --force");
      expect(await readFile(join(folderOf(name), "src", "db.ts"), "utf8")).toContain(
        "guardPrisma(pw.postgres, new PrismaClient({ adapter }))",
      );
      await compile(name);
    },
    MINUTE,
  );

  test(
    "without --public nobody enters until the generated file says who",
    async () => {
      const name = "closed";
      const files = APPLICATIONS["pg in CommonJS"]!;
      await mkdir(folderOf(name));
      for (const [path, text] of Object.entries(files))
        await writeFile(join(folderOf(name), path), text);
      const env = await readFile(join(folderOf("pg in CommonJS"), ".env"), "utf8");
      await writeFile(join(folderOf(name), ".env"), env);
      await partywall(name, "init --apply --force");
      const closed = await serve(folderOf(name));
      for (const slug of ["one", "two", "three"]) {
        expect(await closed.ask("/orders", slug)).toMatchObject({
          status: 404,
          json: { code: "PW_TENANT_UNKNOWN" },
        });
      }
      await closed.stop();
      const file = join(folderOf(name), "tenancy.js");
      const text = await readFile(file, "utf8");
      await writeFile(file, text.replace("() => false", "({ tenant }) => tenant.slug === 'one'"));
      const open = await serve(folderOf(name));
      expect((await open.ask("/orders", "one")).status).toBe(200);
      expect((await open.ask("/orders", "two")).status).toBe(404);
      await open.stop();
    },
    MINUTE,
  );
});
