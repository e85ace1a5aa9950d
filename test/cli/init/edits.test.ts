import { afterEach, describe, expect, test } from "vitest";
import { folderWith, manifest, type Files, type Folder } from "./folder.js";

let folder: Folder | undefined;
afterEach(() => folder?.remove());

const APP =
  'import express from "express";\n\nexport const app = express();\napp.get("/", handler);\n';

/** What `init --apply` makes of a file of an application on Express. */
async function edited(
  path: string,
  text: string,
  packages: readonly string[] = ["drizzle-orm"],
  more: Files = { "src/app.ts": APP },
): Promise<string> {
  folder = await folderWith({
    "package.json": manifest([
      "express@^5",
      ...packages,
      ...(packages.includes("postgres") ? [] : ["pg"]),
    ]),
    ...more,
    [path]: text,
  });
  const { code, stderr } = await folder.init(["--apply"]);
  expect(code, stderr).toBe(0);
  return folder.read(path);
}

const lines = (...all: readonly string[]): string => `${all.join("\n")}\n`;

describe("the guarded pool takes the place of Drizzle's own", () => {
  const DRIZZLE = 'import { drizzle } from "drizzle-orm/node-postgres";';
  const PW = 'import { pw } from "./partywall.js";';
  const GUARD = 'import { guardDrizzle } from "partywall/adapters/drizzle";';

  test.each<[title: string, before: readonly string[], after: readonly string[]]>([
    [
      "an address",
      [DRIZZLE, "export const db = drizzle(process.env.DATABASE_URL!);"],
      [
        DRIZZLE,
        PW,
        GUARD,
        "export const db = guardDrizzle(pw.postgres, drizzle(pw.postgres.pool));",
      ],
    ],
    [
      "an address and options",
      [DRIZZLE, "export const db = drizzle(process.env.DATABASE_URL!, { schema, logger: true });"],
      [
        DRIZZLE,
        PW,
        GUARD,
        "export const db = guardDrizzle(pw.postgres, drizzle(pw.postgres.pool, { schema, logger: true }));",
      ],
    ],
    [
      "an address in a constant, which is then not needed any more",
      [
        DRIZZLE,
        "",
        'const url = process.env["DATABASE_URL"]!;',
        "",
        "export const db = drizzle(url);",
      ],
      [
        DRIZZLE,
        PW,
        GUARD,
        "",
        "export const db = guardDrizzle(pw.postgres, drizzle(pw.postgres.pool));",
      ],
    ],
    [
      "a connection among the options",
      [
        DRIZZLE,
        "export const db = drizzle({",
        "  connection: { connectionString: process.env.DATABASE_URL!, ssl: true },",
        '  casing: "snake_case", // as the tables have it',
        "});",
      ],
      [
        DRIZZLE,
        PW,
        GUARD,
        "export const db = guardDrizzle(pw.postgres, drizzle({",
        "  client: pw.postgres.pool,",
        '  casing: "snake_case", // as the tables have it',
        "}));",
      ],
    ],
    [
      "a pool in a constant",
      [
        DRIZZLE,
        'import { Pool } from "pg";',
        "",
        "/** All connections. */",
        "export const pool = new Pool({ connectionString: process.env.DATABASE_URL });",
        "export const db = drizzle(pool, { schema });",
      ],
      [
        DRIZZLE,
        PW,
        GUARD,
        "",
        "/** All connections. */",
        "export const pool = pw.postgres.pool;",
        "export const db = guardDrizzle(pw.postgres, drizzle(pool, { schema }));",
      ],
    ],
    [
      "a pool in a constant of the option's name",
      [
        'import pg from "pg";',
        DRIZZLE,
        "const client = new pg.Pool();",
        "export const db = drizzle({ client, schema });",
      ],
      [
        DRIZZLE,
        PW,
        GUARD,
        "const client = pw.postgres.pool;",
        "export const db = guardDrizzle(pw.postgres, drizzle({ client, schema }));",
      ],
    ],
    [
      "a pool on the spot",
      [
        DRIZZLE,
        'import * as pg from "pg";',
        "export const db = drizzle({ client: new pg.Pool() });",
      ],
      [
        DRIZZLE,
        PW,
        GUARD,
        "export const db = guardDrizzle(pw.postgres, drizzle({ client: pw.postgres.pool }));",
      ],
    ],
    [
      "a pool whose type is mentioned elsewhere, so that its import stays",
      [
        DRIZZLE,
        'import { Pool } from "pg";',
        "let pool: Pool | undefined;",
        "export const db = () => drizzle((pool ??= new Pool()));",
      ],
      [
        DRIZZLE,
        'import { Pool } from "pg";',
        PW,
        GUARD,
        "let pool: Pool | undefined;",
        "export const db = () => guardDrizzle(pw.postgres, drizzle((pool ??= pw.postgres.pool)));",
      ],
    ],
    [
      "one of several imports of a line",
      [
        DRIZZLE,
        'import { Client, Pool, types } from "pg"; // the driver',
        "types.setTypeParser(20, Number);",
        "export const listener = Client;",
        "export const db = drizzle(new Pool());",
      ],
      [
        DRIZZLE,
        'import { Client, types } from "pg"; // the driver',
        PW,
        GUARD,
        "types.setTypeParser(20, Number);",
        "export const listener = Client;",
        "export const db = guardDrizzle(pw.postgres, drizzle(pw.postgres.pool));",
      ],
    ],
    [
      "a name that is taken",
      [DRIZZLE, "const pw = 1;", "export const db = drizzle(process.env.DATABASE_URL);"],
      [
        DRIZZLE,
        'import { pw as pw2 } from "./partywall.js";',
        GUARD,
        "const pw = 1;",
        "export const db = guardDrizzle(pw2.postgres, drizzle(pw2.postgres.pool));",
      ],
    ],
    [
      "another way of writing",
      [
        "'use strict'",
        "import { drizzle } from 'drizzle-orm/node-postgres'",
        "import { users } from '../users'",
        "",
        "export const db = drizzle(process.env.DATABASE_URL)",
      ],
      [
        "'use strict'",
        "import { drizzle } from 'drizzle-orm/node-postgres'",
        "import { users } from '../users'",
        "import { pw } from './partywall'",
        "import { guardDrizzle } from 'partywall/adapters/drizzle'",
        "",
        "export const db = guardDrizzle(pw.postgres, drizzle(pw.postgres.pool))",
      ],
    ],
    [
      "Windows' ends of lines",
      [DRIZZLE, "export const db = drizzle(process.env.DATABASE_URL);"].map((line) => `${line}\r`),
      [
        DRIZZLE,
        PW,
        GUARD,
        "export const db = guardDrizzle(pw.postgres, drizzle(pw.postgres.pool));",
      ].map((line) => `${line}\r`),
    ],
  ])("%s", async (_title, before, after) => {
    expect(await edited("src/db.ts", lines(...before))).toBe(lines(...after));
  });

  test("a pool that another file exports", async () => {
    const pool = lines(
      'import pg from "pg";',
      "const connections = new pg.Pool({ max: 3 });",
      "export { connections as pool };",
    );
    const db = lines(
      DRIZZLE,
      'import { pool } from "../pool.js";',
      "export const db = drizzle({ client: pool });",
    );
    const after = await edited("src/pool.ts", pool, ["drizzle-orm"], {
      "src/app.ts": APP,
      "src/db/index.ts": db,
    });
    expect(after).toBe(
      lines(PW, "const connections = pw.postgres.pool;", "export { connections as pool };"),
    );
    expect(await folder!.read("src/db/index.ts")).toBe(
      lines(
        DRIZZLE,
        'import { pool } from "../pool.js";',
        'import { pw } from "../partywall.js";',
        GUARD,
        "export const db = guardDrizzle(pw.postgres, drizzle({ client: pool }));",
      ),
    );
    expect(await folder!.read("src/partywall.ts")).toContain("max: 3");
  });
});

describe("what a pool was given goes to the guard's", () => {
  test("options that mean the same elsewhere, secured for each login", async () => {
    await edited(
      "src/db.ts",
      lines(
        'import pg from "pg";',
        "const seconds = 1000;",
        "const config = {",
        "  host: 'db', user: 'shop', password: 'hunter2', database: 'shop', port: 5432,",
        "  max: Number(process.env.POOL_MAX ?? 10),",
        "  idleTimeoutMillis: 30_000,",
        "  ssl: { rejectUnauthorized: true, ca: process.env.CA },",
        "};",
        "export const pool = new pg.Pool(config);",
      ),
      [],
    );
    const entry = await folder!.read("src/partywall.ts");
    expect(entry).toContain("const ssl = { rejectUnauthorized: true, ca: process.env.CA };");
    expect(entry).toContain(
      "app: PARTYWALL_APP_URL && { connectionString: PARTYWALL_APP_URL, max: Number(process.env.POOL_MAX ?? 10), idleTimeoutMillis: 30_000, ssl }",
    );
    expect(entry).toContain(
      "system: PARTYWALL_SYSTEM_URL && { connectionString: PARTYWALL_SYSTEM_URL, ssl }",
    );
    expect(entry).toContain("postgresStore(pg, { connectionString: PARTYWALL_REGISTRY_URL, ssl })");
    expect(entry).not.toContain("hunter2");
  });

  test.each([
    ["a value of the file", "max: limit", "max depends on limit"],
    ["a call", "ssl: { ca: readFileSync('ca.pem') }", "ssl depends on readFileSync"],
    ["a function", "password: () => '', onConnect: () => 1", "onConnect depends on a function"],
    ["another client", "Client: Traced", "Client exchanges a part of the driver"],
    ["a spread", "...base", "put together from others"],
  ])("%s is left to a person, and the pool with it", async (_title, option, why) => {
    const text = lines('import pg from "pg";', `export const pool = new pg.Pool({ ${option} });`);
    folder = await folderWith({
      "package.json": manifest(["express", "pg"]),
      "src/app.ts": APP,
      "src/db.ts": text,
    });
    const { data } = await folder.init(["--apply", "--json"]);
    expect(await folder.read("src/db.ts")).toBe(text);
    expect(data.manual).toContainEqual(
      expect.objectContaining({
        path: "src/db.ts",
        line: 2,
        why: expect.stringContaining(why) as string,
        before: `new pg.Pool({ ${option} })`,
        after: "pw.postgres.pool",
      }),
    );
  });
});

describe("the guarded pool takes the place of Kysely's own", () => {
  test.each<[title: string, before: readonly string[], after: readonly string[]]>([
    [
      "a pool on the spot",
      [
        'import { Kysely, PostgresDialect } from "kysely";',
        'import { Pool } from "pg";',
        "export const db = new Kysely<Database>({",
        "  dialect: new PostgresDialect({ pool: new Pool({ max: 5 }) }),",
        "});",
      ],
      [
        'import { Kysely, PostgresDialect } from "kysely";',
        'import { pw } from "./partywall.js";',
        "export const db = new Kysely<Database>({",
        "  dialect: new PostgresDialect({ pool: pw.postgres.pool }),",
        "});",
      ],
    ],
    [
      "a dialect and a pool in constants",
      [
        'import { Kysely, PostgresDialect } from "kysely";',
        'import pg from "pg";',
        "const pool = new pg.Pool();",
        "const dialect = new PostgresDialect({ pool });",
        "export const db = new Kysely({ dialect });",
      ],
      [
        'import { Kysely, PostgresDialect } from "kysely";',
        'import { pw } from "./partywall.js";',
        "const pool = pw.postgres.pool;",
        "const dialect = new PostgresDialect({ pool });",
        "export const db = new Kysely({ dialect });",
      ],
    ],
    [
      "a pool that is made when it is needed",
      [
        'import { Kysely, PostgresDialect } from "kysely";',
        'import pg from "pg";',
        "export const db = new Kysely({ dialect: new PostgresDialect({ pool: async () => new pg.Pool() }) });",
      ],
      [
        'import { Kysely, PostgresDialect } from "kysely";',
        'import { pw } from "./partywall.js";',
        "export const db = new Kysely({ dialect: new PostgresDialect({ pool: async () => pw.postgres.pool }) });",
      ],
    ],
  ])("%s", async (_title, before, after) => {
    expect(await edited("src/db.ts", lines(...before), ["kysely"])).toBe(lines(...after));
  });
});

describe("what constructs a client of an ORM is handed to its adapter", () => {
  const PW = 'import { pw } from "./partywall.js";';
  const adapter = (name: string, file: string) =>
    `import { ${name} } from "partywall/adapters/${file}";`;
  const KNEX = ['import knex from "knex";', PW, adapter("guardKnex", "knex")];
  const TYPEORM = ['import { DataSource } from "typeorm";', PW, adapter("guardTypeorm", "typeorm")];
  const SEQUELIZE = [
    'import { Sequelize } from "sequelize";',
    PW,
    adapter("guardSequelize", "sequelize"),
  ];
  const PRISMA = [
    'import { PrismaPg } from "@prisma/adapter-pg";',
    'import { PrismaClient } from "./generated/prisma/client.js";',
    PW,
    adapter("guardPrisma", "prisma"),
  ];
  const MIKRO = [
    'import { MikroORM } from "@mikro-orm/postgresql";',
    PW,
    adapter("guardMikroOrm", "mikro-orm"),
  ];
  const POSTGRES_JS = [
    'import postgres from "postgres";',
    PW,
    adapter("guardPostgresJs", "postgres-js"),
  ];
  const URL = 'process.env["PARTYWALL_APP_URL"]!';

  test.each<
    [
      title: string,
      packages: readonly string[],
      before: readonly string[],
      after: readonly string[],
    ]
  >([
    [
      "Knex, whose connection and pool go",
      ["knex"],
      [
        KNEX[0]!,
        "",
        "export const db = knex({",
        '  client: "pg",',
        "  connection: { host: 'db', password: 'x', ssl: false },",
        "  pool: { min: 0, max: 7 },",
        "  useNullAsDefault: true, // as ever",
        "});",
      ],
      [
        ...KNEX,
        "",
        "export const db = guardKnex(pw.postgres, knex({",
        '  client: "pg",',
        "  useNullAsDefault: true, // as ever",
        "}));",
      ],
    ],
    [
      "Knex, whose connection comes first",
      ["knex"],
      [
        KNEX[0]!,
        'export const db = knex({ connection: process.env.DATABASE_URL, client: "postgres" });',
      ],
      [...KNEX, 'export const db = guardKnex(pw.postgres, knex({ client: "postgres" }));'],
    ],
    [
      "Knex of a configuration that serves migrations too",
      ["knex"],
      [
        KNEX[0]!,
        'import config from "../knexfile.js";',
        "export const db = knex(config.production);",
      ],
      [
        KNEX[0]!,
        'import config from "../knexfile.js";',
        ...KNEX.slice(1),
        "export const db = guardKnex(pw.postgres, knex(config.production));",
      ],
    ],
    [
      "Knex of a constant that another file reads",
      ["knex"],
      [
        KNEX[0]!,
        'export const config = { client: "pg", connection: process.env.DATABASE_URL };',
        "export const db = knex(config);",
      ],
      [
        ...KNEX,
        'export const config = { client: "pg", connection: process.env.DATABASE_URL };',
        "export const db = guardKnex(pw.postgres, knex(config));",
      ],
    ],
    [
      "Knex of a constant of its own",
      ["knex"],
      [
        KNEX[0]!,
        'const config = { client: "pg", connection: process.env.DATABASE_URL };',
        "export const db = knex(config);",
      ],
      [
        ...KNEX,
        'const config = { client: "pg" };',
        "export const db = guardKnex(pw.postgres, knex(config));",
      ],
    ],
    [
      "Objection's Knex",
      ["objection", "knex"],
      [
        KNEX[0]!,
        'import { Model } from "objection";',
        'Model.knex(knex({ client: "pg", connection: process.env.DATABASE_URL }));',
      ],
      [
        KNEX[0]!,
        'import { Model } from "objection";',
        ...KNEX.slice(1),
        'Model.knex(guardKnex(pw.postgres, knex({ client: "pg" })));',
      ],
    ],
    [
      "TypeORM by its address",
      ["typeorm"],
      [
        TYPEORM[0]!,
        "export const source = new DataSource({",
        '  type: "postgres",',
        "  url: process.env.DATABASE_URL,",
        "  synchronize: false,",
        "  entities: [Order],",
        "});",
      ],
      [
        ...TYPEORM,
        "export const source = guardTypeorm(pw.postgres, new DataSource({",
        '  type: "postgres",',
        `  url: ${URL},`,
        "  synchronize: false,",
        "  entities: [Order],",
        "  driver: pw.postgres.driver,",
        "}));",
      ],
    ],
    [
      "TypeORM by host, user and password",
      ["typeorm"],
      [
        TYPEORM[0]!,
        'export const source = new DataSource({ type: "postgres", host: "db", port: 5432, username: "shop", password: "x", database: "shop" });',
      ],
      [
        ...TYPEORM,
        `export const source = guardTypeorm(pw.postgres, new DataSource({ type: "postgres", url: ${URL}, driver: pw.postgres.driver }));`,
      ],
    ],
    [
      "Sequelize by its address",
      ["sequelize"],
      [SEQUELIZE[0]!, "export const db = new Sequelize(process.env.DATABASE_URL!);"],
      [
        ...SEQUELIZE,
        `export const db = guardSequelize(pw.postgres, new Sequelize(${URL}, { dialect: "postgres", dialectModule: pw.postgres.driver }));`,
      ],
    ],
    [
      "Sequelize by its address and options",
      ["sequelize"],
      [
        SEQUELIZE[0]!,
        'export const db = new Sequelize(process.env.DATABASE_URL!, { dialect: "postgres", logging: false });',
      ],
      [
        ...SEQUELIZE,
        `export const db = guardSequelize(pw.postgres, new Sequelize(${URL}, { dialect: "postgres", logging: false, dialectModule: pw.postgres.driver }));`,
      ],
    ],
    [
      "Sequelize by database, user and password",
      ["sequelize"],
      [
        SEQUELIZE[0]!,
        'export const db = new Sequelize("shop", "shop", "x", { host: "db", dialect: "postgres" });',
      ],
      [
        ...SEQUELIZE,
        `export const db = guardSequelize(pw.postgres, new Sequelize(${URL}, { dialect: "postgres", dialectModule: pw.postgres.driver }));`,
      ],
    ],
    [
      "Sequelize by options alone",
      ["sequelize"],
      [
        SEQUELIZE[0]!,
        "export const db = new Sequelize({",
        '  dialect: "postgres",',
        '  host: "db",',
        '  database: "shop",',
        "});",
      ],
      [
        ...SEQUELIZE,
        `export const db = guardSequelize(pw.postgres, new Sequelize(${URL}, {`,
        '  dialect: "postgres",',
        "  dialectModule: pw.postgres.driver,",
        "}));",
      ],
    ],
    [
      "Prisma with its adapter on the spot",
      ["@prisma/client", "@prisma/adapter-pg"],
      [
        ...PRISMA.slice(0, 2),
        "export const db = new PrismaClient({ adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL }) });",
      ],
      [
        ...PRISMA,
        "export const db = guardPrisma(pw.postgres, new PrismaClient({ adapter: new PrismaPg(pw.postgres.pool) }));",
      ],
    ],
    [
      "Prisma with its adapter in a constant",
      ["@prisma/client", "@prisma/adapter-pg"],
      [
        ...PRISMA.slice(0, 2),
        "const connectionString = process.env.DATABASE_URL;",
        "const adapter = new PrismaPg({ connectionString });",
        "export const db = new PrismaClient({ adapter });",
      ],
      [
        ...PRISMA,
        "const adapter = new PrismaPg(pw.postgres.pool);",
        "export const db = guardPrisma(pw.postgres, new PrismaClient({ adapter }));",
      ],
    ],
    [
      "postgres.js by its address",
      ["postgres"],
      [
        'import postgres from "postgres";',
        "const url = process.env.DATABASE_URL!;",
        "export const sql = postgres(url);",
      ],
      [...POSTGRES_JS, "export const sql = guardPostgresJs(pw.postgres, postgres);"],
    ],
    [
      "postgres.js by its address and options",
      ["postgres"],
      [
        'import postgres from "postgres";',
        "export const sql = postgres(process.env.DATABASE_URL!, {",
        "  max: 5,",
        "  ssl: true,",
        "  transform: postgres.camel, // as the tables have it",
        "});",
      ],
      [
        ...POSTGRES_JS,
        "export const sql = guardPostgresJs(pw.postgres, postgres, {",
        "  max: 5,",
        "  transform: postgres.camel, // as the tables have it",
        "});",
      ],
    ],
    [
      "postgres.js by options alone",
      ["postgres"],
      [
        'import postgres from "postgres";',
        'export const sql = postgres({ host: "db", user: "shop", max: 5 });',
      ],
      [...POSTGRES_JS, "export const sql = guardPostgresJs(pw.postgres, postgres, { max: 5 });"],
    ],
    [
      "MikroORM of options from elsewhere",
      ["@mikro-orm/core", "@mikro-orm/postgresql"],
      [
        MIKRO[0]!,
        'import config from "./mikro-orm.config.js";',
        "export const orm = await MikroORM.init(config);",
      ],
      [
        MIKRO[0]!,
        'import config from "./mikro-orm.config.js";',
        ...MIKRO.slice(1),
        "export const orm = await MikroORM.init(guardMikroOrm(pw.postgres, config));",
      ],
    ],
    [
      "MikroORM by its constructor",
      ["@mikro-orm/core", "@mikro-orm/postgresql"],
      [MIKRO[0]!, "export const orm = new MikroORM({ entities: [Order] });"],
      [
        ...MIKRO,
        "export const orm = new MikroORM(guardMikroOrm(pw.postgres, { entities: [Order] }));",
      ],
    ],
  ])("%s", async (_title, packages, before, after) => {
    expect(await edited("src/db.ts", lines(...before), packages)).toBe(lines(...after));
  });

  test("what Knex's pool was given goes to the guard's", async () => {
    await edited(
      "src/db.ts",
      lines(
        'import knex from "knex";',
        'export const db = knex({ client: "pg", connection: { host: "db", ssl: true }, pool: { min: 2, max: 7 } });',
      ),
      ["knex"],
    );
    const entry = await folder!.read("src/partywall.ts");
    expect(entry).toContain("const ssl = true;");
    expect(entry).toContain("connectionString: PARTYWALL_APP_URL, max: 7, ssl }");
  });

  test("in CommonJS, with a constant that is then not needed any more", async () => {
    folder = await folderWith({
      "package.json": manifest(["express", "knex", "pg"], {}),
      "app.js": lines(
        "'use strict'",
        "const express = require('express')",
        "const knex = require('knex')",
        "",
        "const connection = process.env.DATABASE_URL",
        "const db = knex({ client: 'postgresql', connection })",
        "const app = express()",
        "app.get('/', (req, res) => res.json(db))",
      ),
    });
    expect((await folder.init(["--apply"])).code).toBe(0);
    expect(await folder.read("app.js")).toBe(
      lines(
        "'use strict'",
        "const express = require('express')",
        "const knex = require('knex')",
        "const { pw } = require('./partywall')",
        "const { guardKnex } = require('partywall/adapters/knex')",
        "const { inTenant } = require('./tenancy')",
        "",
        "const db = guardKnex(pw.postgres, knex({ client: 'postgresql' }))",
        "const app = express()",
        "app.use(inTenant)",
        "app.get('/', (req, res) => res.json(db))",
      ),
    );
    expect(await folder.read("partywall.js")).toContain("const pg = require('pg')\n");
    expect(await folder.read("partywall.config.mjs")).toContain(
      "export default definePartywallConfig({",
    );
  });
});

describe("the tenancy stands in front of the first route", () => {
  const IMPORTS = ['import express from "express";', 'import { inTenant } from "./tenancy.js";'];

  test.each<[title: string, before: readonly string[], after: readonly string[]]>([
    [
      "behind settings and middleware that serves nothing",
      [
        'import express from "express";',
        "const app = express();",
        'app.set("trust proxy", 1);',
        "app.use(express.json(), cors());",
        'app.use("/assets", express.static("assets"));',
        "",
        "// The shop",
        'app.get("/orders", list);',
        "export default app;",
      ],
      [
        ...IMPORTS,
        "const app = express();",
        'app.set("trust proxy", 1);',
        "app.use(express.json(), cors());",
        'app.use("/assets", express.static("assets"));',
        "",
        "app.use(inTenant);",
        "",
        "// The shop",
        'app.get("/orders", list);',
        "export default app;",
      ],
    ],
    [
      "before a router",
      ['import express from "express";', "const app = express();", 'app.use("/api", router);'],
      [...IMPORTS, "const app = express();", "app.use(inTenant);", 'app.use("/api", router);'],
    ],
    [
      "before a function that gets the application",
      [
        'import express from "express";',
        "const app = express();",
        "addRoutes(app);",
        "export { app };",
      ],
      [
        ...IMPORTS,
        "const app = express();",
        "app.use(inTenant);",
        "addRoutes(app);",
        "export { app };",
      ],
    ],
    [
      "in a function that makes the application",
      [
        'import express from "express";',
        "export function build() {",
        "\tconst app = express();",
        "\tapp.use(helmet());",
        "",
        "\tfor (const route of routes) app.use(route);",
        "\treturn app;",
        "}",
      ],
      [
        ...IMPORTS,
        "export function build() {",
        "\tconst app = express();",
        "\tapp.use(helmet());",
        "",
        "\tapp.use(inTenant);",
        "",
        "\tfor (const route of routes) app.use(route);",
        "\treturn app;",
        "}",
      ],
    ],
    [
      "at the end of an application without routes",
      [
        'import express from "express";',
        "const app = express(); // empty yet",
        "app.use(express.json());",
      ],
      [
        ...IMPORTS,
        "const app = express(); // empty yet",
        "app.use(express.json());",
        "app.use(inTenant);",
      ],
    ],
    [
      "on a line of several statements",
      ['import express from "express";', 'const app = express(); app.get("/", handler);'],
      [...IMPORTS, 'const app = express(); app.use(inTenant); app.get("/", handler);'],
    ],
  ])("%s", async (_title, before, after) => {
    expect(await edited("src/app.ts", lines(...before), [], {})).toBe(lines(...after));
  });

  test("what may say who is asking stands behind it, and is told", async () => {
    folder = await folderWith({
      "package.json": manifest(["express", "pg"]),
      "src/app.ts": lines(
        'import express from "express";',
        "const app = express();",
        "app.use(whoAsks);",
      ),
    });
    const { data } = await folder.init(["--json"]);
    expect(data.notices.join()).toContain(
      "src/app.ts:3: app.use(inTenant) stands before app.use(whoAsks);",
    );
  });

  test("routes that machines ask belong to no tenant", async () => {
    await edited(
      "src/app.ts",
      lines(
        'import express from "express";',
        "const app = express();",
        'app.get("/healthz", ok);',
        'app.get("/metrics", metrics);',
        'app.get("/orders", list);',
      ),
      [],
      {},
    );
    expect(await folder!.read("src/tenancy.ts")).toContain(
      'routes: (req: Request) => (["/healthz", "/metrics"].includes(req.path) ? "central" : "tenant"),',
    );
  });

  test("nobody enters until it is said who may, unless everybody shall", async () => {
    folder = await folderWith({ "package.json": manifest(["express", "pg"]), "src/app.ts": APP });
    const closed = await folder.init(["--json"]);
    const open = await folder.init(["--public", "--json"]);
    const tenancy = ({ data }: typeof closed) =>
      data.changes.find(({ path }) => path === "src/tenancy.ts")!.diff;
    expect(tenancy(closed)).toContain("+  authorize: () => false,");
    expect(closed.data.next.at(-1)!.what).toContain("Say in src/tenancy.ts who may enter a tenant");
    expect(tenancy(open)).not.toContain("authorize");
    expect(tenancy(open)).toContain("nothing behind it may be private");
  });

  test.each<[title: string, before: readonly string[], after: readonly string[] | undefined]>([
    [
      "at the top of a module",
      ['import { app } from "./app.js";', "", "// Serve", "app.listen(3000);"],
      [
        'import { app } from "./app.js";',
        'import { pw } from "./partywall.js";',
        "",
        "await pw.ready();",
        "// Serve",
        "app.listen(3000);",
      ],
    ],
    [
      "not within a function",
      ['import { app } from "./app.js";', "start(() => app.listen(3000));"],
      undefined,
    ],
  ])("the wall is proved before the application listens: %s", async (_title, before, after) => {
    const server = await edited("src/server.ts", lines(...before), [], { "src/app.ts": APP });
    expect(server).toBe(lines(...(after ?? before)));
  });
});

describe("what is not safe is left to a person, with its place", () => {
  const ELSEWHERE = lines(
    'import express from "express";',
    'export const app = express().get("/", handler);',
  );

  test.each<
    [
      title: string,
      packages: readonly string[],
      text: readonly string[],
      line: number,
      after: string,
    ]
  >([
    [
      "a pool from elsewhere",
      ["drizzle-orm"],
      [
        'import { drizzle } from "drizzle-orm/node-postgres";',
        'import { pool } from "@acme/pool";',
        "drizzle(pool);",
      ],
      3,
      "pw.postgres.pool",
    ],
    [
      "a single connection",
      ["drizzle-orm"],
      [
        'import { drizzle } from "drizzle-orm/node-postgres";',
        'import { Client } from "pg";',
        "drizzle({ client: new Client() });",
      ],
      3,
      "pw.postgres.pool",
    ],
    [
      "options that are put together",
      ["drizzle-orm"],
      ['import { drizzle } from "drizzle-orm/node-postgres";', "drizzle({ ...options });"],
      2,
      "drizzle({ client: pw.postgres.pool })",
    ],
    [
      "another driver",
      ["drizzle-orm"],
      ['import { drizzle } from "drizzle-orm/neon-http";', "drizzle(process.env.DATABASE_URL);"],
      2,
      "drizzle-orm/node-postgres",
    ],
    [
      "a dialect of somebody else's",
      ["kysely"],
      ['import { Kysely } from "kysely";', "new Kysely({ dialect: new NeonDialect({}) });"],
      2,
      "new PostgresDialect({ pool: pw.postgres.pool })",
    ],
    [
      "another database",
      ["knex"],
      ['import knex from "knex";', 'knex({ client: "mysql2", connection: {} });'],
      2,
      "guardKnex(pw.postgres, knex(",
    ],
    [
      "settings made when Knex connects",
      ["knex"],
      ['import knex from "knex";', 'knex({ client: "pg", pool: { afterCreate: setUp } });'],
      2,
      "guardKnex(pw.postgres, knex(",
    ],
    [
      "a search path of Knex's own",
      ["knex"],
      ['import knex from "knex";', 'knex({ client: "pg", searchPath: ["shop"] });'],
      2,
      "guardKnex(pw.postgres, knex(",
    ],
    [
      "options of TypeORM that are put together",
      ["typeorm"],
      ['import { DataSource } from "typeorm";', "new DataSource({ ...options });"],
      2,
      "guardTypeorm(pw.postgres, new DataSource(",
    ],
    [
      "options of TypeORM that migrations read too",
      ["typeorm"],
      [
        'import { DataSource } from "typeorm";',
        'export const options = { type: "postgres" as const, url: process.env.DATABASE_URL! };',
        "new DataSource(options);",
      ],
      3,
      "guardTypeorm(pw.postgres, new DataSource(",
    ],
    [
      "TypeORM that changes the tables when it starts",
      ["typeorm"],
      [
        'import { DataSource } from "typeorm";',
        'new DataSource({ type: "postgres", url: process.env.DATABASE_URL, synchronize: true });',
      ],
      2,
      "guardTypeorm(pw.postgres, new DataSource(",
    ],
    [
      "Sequelize of options from elsewhere",
      ["sequelize"],
      ['import { Sequelize } from "sequelize";', "new Sequelize(url, options);"],
      2,
      "guardSequelize(pw.postgres, new Sequelize(",
    ],
    [
      "Sequelize that reads from elsewhere",
      ["sequelize"],
      [
        'import { Sequelize } from "sequelize";',
        'new Sequelize({ dialect: "postgres", replication: {} });',
      ],
      2,
      "guardSequelize(pw.postgres, new Sequelize(",
    ],
    [
      "Prisma without an adapter",
      ["@prisma/client"],
      ['import { PrismaClient } from "@prisma/client";', "new PrismaClient();"],
      2,
      "guardPrisma(pw.postgres, new PrismaClient(",
    ],
    [
      "Prisma with another adapter",
      ["@prisma/client", "@prisma/adapter-neon"],
      [
        'import { PrismaClient } from "@prisma/client";',
        "new PrismaClient({ adapter: new PrismaNeon({}) });",
      ],
      2,
      "guardPrisma(pw.postgres, new PrismaClient(",
    ],
    [
      "postgres.js with settings of the session",
      ["postgres"],
      ['import postgres from "postgres";', 'postgres({ connection: { TimeZone: "UTC" } });'],
      2,
      "guardPostgresJs(pw.postgres, postgres)",
    ],
    [
      "postgres.js of an address from elsewhere",
      ["postgres"],
      ['import postgres from "postgres";', "postgres(settings.url);"],
      2,
      "guardPostgresJs(pw.postgres, postgres)",
    ],
    [
      "MikroORM that looks for its options by itself",
      ["@mikro-orm/core"],
      ['import { MikroORM } from "@mikro-orm/core";', "export const orm = MikroORM.init();"],
      2,
      "MikroORM.init(guardMikroOrm(pw.postgres, options))",
    ],
  ])("%s", async (_title, packages, text, line, after) => {
    folder = await folderWith({
      "package.json": manifest(["express", "pg", ...packages]),
      "src/app.ts": ELSEWHERE,
      "src/db.ts": lines(...text),
    });
    const driver = packages.includes("postgres") ? "postgres.js" : "pg";
    const { code, data } = await folder.init(["--apply", "--json", "--driver", driver]);
    expect(code).toBe(0);
    expect(await folder.read("src/db.ts")).toBe(lines(...text));
    expect(await folder.read("src/app.ts")).toBe(ELSEWHERE);
    expect(data.manual).toContainEqual(
      expect.objectContaining({
        path: "src/db.ts",
        line,
        after: expect.stringContaining(after) as string,
      }),
    );
    expect(data.manual).toContainEqual(
      expect.objectContaining({ path: "src/app.ts", line: 2, before: "express()" }),
    );
    expect(data.notices).toContain("inTenant is exported by src/tenancy.ts.");
  });

  test("several clients, until one is named", async () => {
    const client = lines(
      'import { drizzle } from "drizzle-orm/node-postgres";',
      "export const db = drizzle(process.env.DATABASE_URL);",
    );
    folder = await folderWith({
      "package.json": manifest(["express", "drizzle-orm", "pg"]),
      "src/app.ts": APP,
      "src/a.ts": client,
      "src/b.ts": client,
    });
    const several = await folder.init(["--json"]);
    expect(several.data.manual.map(({ path }) => path)).toEqual(
      expect.arrayContaining(["src/a.ts", "src/b.ts"]),
    );
    const wrong = await folder.init(["--client", "src/c.ts"]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain("src/a.ts, src/b.ts would be one");
    const named = await folder.init(["--client", "./src/b.ts", "--json"]);
    expect(named.data.changes.map(({ path }) => path)).toContain("src/b.ts");
    expect(named.data.changes.map(({ path }) => path)).not.toContain("src/a.ts");
    expect(named.data.notices.join()).toContain(
      "src/a.ts:2: drizzle(…) keeps a connection of its own, around the wall.",
    );
  });

  test("an instance that is there already is not given a second one", async () => {
    folder = await folderWith({
      "package.json": manifest(["express", "pg", "partywall"]),
      "src/app.ts": APP,
      "src/tenants.ts":
        'import { createPartywall } from "partywall";\nexport const pw = createPartywall();\n',
    });
    const { code, stderr } = await folder.init(["--apply"]);
    expect(code).toBe(2);
    expect(stderr).toContain("src/tenants.ts creates a Partywall instance already");
    expect(stderr).toContain('{ entry: "./src/tenants.ts" }');
  });

  test.each(["pool", "c"])("names that are handed around in a circle: %s", async (name) => {
    folder = await folderWith({
      "package.json": manifest(["express", "drizzle-orm", "pg"]),
      "src/app.ts": APP,
      "src/a.ts":
        'export { pool } from "./b.js";\nimport { pool as own } from "./b.js";\nexport { own };\n',
      "src/b.ts":
        'import { own } from "./a.js";\nexport { own as pool };\nconst x = y;\nconst y = x;\n',
      "src/db.ts": `import { drizzle } from "drizzle-orm/node-postgres";\nimport { pool } from "./b.js";\nconst c = d, d = c;\nexport const db = [drizzle(${name})];\n`,
    });
    const { code, data } = await folder.init(["--json"]);
    expect(code).toBe(0);
    expect(data.manual).toContainEqual(expect.objectContaining({ path: "src/db.ts", line: 4 }));
  });

  test("sessions that are read before a tenant is known", async () => {
    folder = await folderWith({
      "package.json": manifest(["express", "pg", "connect-pg-simple"]),
      "src/app.ts": APP,
    });
    const { data } = await folder.init(["--json"]);
    expect(data.notices.join()).toContain(
      "connect-pg-simple reads sessions before any tenant is known",
    );
  });

  test("a migration at start, which needs another login", async () => {
    folder = await folderWith({
      "package.json": manifest(["express", "drizzle-orm", "pg"]),
      "src/app.ts": `${APP}import { migrate } from "drizzle-orm/node-postgres/migrator";\n`,
    });
    const { data } = await folder.init(["--json"]);
    expect(data.notices.join()).toContain("src/app.ts migrates the database.");
  });

  test.each([
    [
      ["fastify", "drizzle-orm", "pg"],
      ["Fastify is not supported by this version"],
      "guardDrizzle(pw.postgres, drizzle({ client: pw.postgres.pool })) // of partywall/adapters/drizzle",
    ],
    [
      ["express@^4.21.0", "pg"],
      ["Express 4 is not supported by this version"],
      "pw.postgres.pool.query(…)",
    ],
    [
      ["@adonisjs/core", "@adonisjs/lucid", "pg"],
      ["AdonisJS is not supported by this version", "Lucid makes its connections"],
      "guardLucid(pw.postgres, db) // of partywall/adapters/lucid",
    ],
    [
      ["@nestjs/core", "typeorm", "pg"],
      ["NestJS is not supported by this version"],
      "driver: pw.postgres.driver",
    ],
    [
      ["koa", "sequelize", "pg"],
      ["Koa is not supported by this version"],
      "dialectModule: pw.postgres.driver",
    ],
    [
      ["hono", "@mikro-orm/core", "pg"],
      ["Hono is not supported by this version"],
      "MikroORM.init(guardMikroOrm(pw.postgres, options))",
    ],
    [
      ["next", "@prisma/client", "@prisma/adapter-pg", "pg"],
      ["Next.js is not supported by this version"],
      "guardPrisma(pw.postgres, new PrismaClient({ adapter: new PrismaPg(pw.postgres.pool) }))",
    ],
    [
      ["fastify", "objection", "knex", "pg"],
      ["Fastify is not supported by this version"],
      'Model.knex(guardKnex(pw.postgres, knex({ client: "pg" }))) // of partywall/adapters/knex',
    ],
  ])("%s: the files are made, and the lines are told", async (packages, said, line) => {
    folder = await folderWith({ "package.json": manifest(packages), "src/app.ts": APP });
    const { code, data } = await folder.init(["--apply", "--json"]);
    expect(code).toBe(0);
    for (const text of said) expect(data.notices.join("\n")).toContain(text);
    expect(data.manual.map(({ after }) => after).join("\n")).toContain(line);
    expect(await folder.read("src/app.ts")).toBe(APP);
    expect(await folder.read("src/partywall.ts")).toContain("guardPg(pg, {");
    expect(await folder.all()).not.toHaveProperty("src/tenancy.ts");
  });

  test.each([
    ["typeorm", "guardTypeorm(pw.postgres, new DataSource("],
    ["prisma", "guardPrisma(pw.postgres, new PrismaClient("],
  ])("%s that is constructed nowhere: its line is told", async (orm, line) => {
    folder = await folderWith({
      "package.json": manifest(["express", orm, "pg"]),
      "src/app.ts": APP,
    });
    const { data } = await folder.init(["--json"]);
    expect(data.manual).toContainEqual({
      why: expect.stringMatching(/^no place was found/) as string,
      after: expect.stringContaining(line) as string,
    });
  });
});

describe("the new files fit where they are put", () => {
  test("a name that is taken gives way", async () => {
    folder = await folderWith({
      "package.json": manifest(["express", "pg"]),
      "src/app.ts": APP,
      "src/tenancy.ts": "export {};\n",
      "src/partywall/index.ts": "export {};\n",
    });
    expect((await folder.init(["--apply"])).code).toBe(0);
    expect(Object.keys(await folder.all())).toEqual(
      expect.arrayContaining(["src/pw.ts", "src/partywall-tenancy.ts"]),
    );
    expect(await folder.read("src/tenancy.ts")).toBe("export {};\n");
    expect(await folder.read("src/app.ts")).toContain('from "./partywall-tenancy.js"');
    expect(await folder.read("partywall.config.ts")).toContain('entry: "./src/pw.ts"');
  });

  test("a file is not called as the package where imports would then mean the file", async () => {
    folder = await folderWith({
      "package.json": manifest(["express", "pg"]),
      "tsconfig.base.json": '{ "compilerOptions": { "baseUrl": "src" } }',
      "tsconfig.json": '{ "extends": "./tsconfig.base.json" }',
      "src/app.ts": APP,
    });
    const { data } = await folder.init(["--json"]);
    expect(data.changes.map(({ path }) => path)).toContain("src/pw.ts");
  });

  test("modules are told by their names, in a package of CommonJS", async () => {
    folder = await folderWith({
      "package.json": manifest(["express", "pg"], {}),
      "lib/app.mjs": APP,
    });
    expect((await folder.init(["--apply"])).code).toBe(0);
    expect(await folder.read("lib/app.mjs")).toContain('import { inTenant } from "./tenancy.mjs";');
    expect(await folder.read("lib/tenancy.mjs")).toContain('import { pw } from "./partywall.mjs";');
    expect(await folder.read("partywall.config.js")).toContain('entry: "./lib/partywall.mjs"');
  });

  test("names that no quotes fit stay what they are", async () => {
    folder = await folderWith({
      "package.json": manifest(["express", "pg"]),
      ".env": `DATABASE_URL=postgres://o'neil:x@localhost/the%20"shop"\n`,
      "src/app.ts": APP.replaceAll('"', "'"),
      "src/my schema's.ts": "export {};\n",
    });
    const { data } = await folder.init(["--apply", "--json"]);
    const config = await folder.read("partywall.config.ts");
    expect(config).toContain(String.raw`migrator: 'o\u0027neil'`);
    expect(config).toContain("app: 'the_shop_app'");
    const logins = data.next.find(({ command }) => command?.includes("partywall logins"));
    expect(logins!.command).toContain(`--database 'the "shop"' --apply`);
  });

  test("what dotenv loads is loaded there too", async () => {
    folder = await folderWith({
      "package.json": manifest(["express", "pg", "dotenv"]),
      "src/app.ts": `import "dotenv/config";\n${APP}`,
    });
    const { data } = await folder.init(["--apply", "--json"]);
    expect(await folder.read("src/partywall.ts")).toMatch(/^import "dotenv\/config";\n/);
    expect(await folder.read("partywall.config.ts")).toMatch(/^import "dotenv\/config";\n/);
    expect(data.next.every(({ command }) => !command?.includes("--env"))).toBe(true);
  });

  test("an example of the environment gets what it lacks, and keeps the rest", async () => {
    folder = await folderWith({
      "package.json": manifest(["express", "pg"]),
      "src/app.ts": APP,
      ".env.sample": "DATABASE_URL=postgres://localhost/shop\r\nPARTYWALL_SECRET=yours",
    });
    await folder.init(["--apply"]);
    const sample = await folder.read(".env.sample");
    expect(sample).toMatch(
      /^DATABASE_URL=postgres:\/\/localhost\/shop\r\nPARTYWALL_SECRET=yours\r\n\r\n# Partywall\r\n/,
    );
    expect(sample.match(/PARTYWALL_SECRET/g)).toHaveLength(1);
    expect(sample).toContain("PARTYWALL_APP_URL=\r\n");
    expect(await folder.all()).not.toHaveProperty(".env.example");
  });

  test("TypeScript that could not find the package is told of", async () => {
    folder = await folderWith({
      "package.json": manifest(["express", "pg"], {}),
      "tsconfig.json": '{ "compilerOptions": { "module": "CommonJS", "esModuleInterop": false } }',
      "src/app.ts": APP,
    });
    const { data } = await folder.init(["--apply", "--json"]);
    expect(data.notices.join()).toContain('Set "moduleResolution" to "bundler"');
    expect(await folder.read("src/partywall.ts")).toContain('import pg = require("pg");');
  });
});
