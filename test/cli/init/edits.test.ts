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
    "package.json": manifest(["express@^5", "pg", ...packages]),
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

  test.each<[title: string, before: readonly string[], after: readonly string[]]>([
    [
      "an address",
      [DRIZZLE, "export const db = drizzle(process.env.DATABASE_URL!);"],
      [DRIZZLE, PW, "export const db = drizzle(pw.postgres.pool);"],
    ],
    [
      "an address and options",
      [DRIZZLE, "export const db = drizzle(process.env.DATABASE_URL!, { schema, logger: true });"],
      [DRIZZLE, PW, "export const db = drizzle(pw.postgres.pool, { schema, logger: true });"],
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
      [DRIZZLE, PW, "", "export const db = drizzle(pw.postgres.pool);"],
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
        "export const db = drizzle({",
        "  client: pw.postgres.pool,",
        '  casing: "snake_case", // as the tables have it',
        "});",
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
        "",
        "/** All connections. */",
        "export const pool = pw.postgres.pool;",
        "export const db = drizzle(pool, { schema });",
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
        "const client = pw.postgres.pool;",
        "export const db = drizzle({ client, schema });",
      ],
    ],
    [
      "a pool on the spot",
      [
        DRIZZLE,
        'import * as pg from "pg";',
        "export const db = drizzle({ client: new pg.Pool() });",
      ],
      [DRIZZLE, PW, "export const db = drizzle({ client: pw.postgres.pool });"],
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
        "let pool: Pool | undefined;",
        "export const db = () => drizzle((pool ??= pw.postgres.pool));",
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
        "types.setTypeParser(20, Number);",
        "export const listener = Client;",
        "export const db = drizzle(pw.postgres.pool);",
      ],
    ],
    [
      "a name that is taken",
      [DRIZZLE, "const pw = 1;", "export const db = drizzle(process.env.DATABASE_URL);"],
      [
        DRIZZLE,
        'import { pw as pw2 } from "./partywall.js";',
        "const pw = 1;",
        "export const db = drizzle(pw2.postgres.pool);",
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
        "",
        "export const db = drizzle(pw.postgres.pool)",
      ],
    ],
    [
      "Windows' ends of lines",
      [DRIZZLE, "export const db = drizzle(process.env.DATABASE_URL);"].map((line) => `${line}\r`),
      [DRIZZLE, PW, "export const db = drizzle(pw.postgres.pool);"].map((line) => `${line}\r`),
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
    expect(await folder!.read("src/db/index.ts")).toBe(db);
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

describe("Knex gets a client on the guarded driver", () => {
  test("in TypeScript", async () => {
    const after = await edited(
      "src/db.ts",
      lines(
        'import knex from "knex";',
        "",
        "export const db = knex({",
        '  client: "pg",',
        "  connection: { host: 'db', password: 'x', ssl: false },",
        "  pool: { min: 0, max: 7 },",
        "});",
      ),
      ["knex"],
    );
    expect(after).toBe(
      lines(
        'import knex from "knex";',
        'import { GuardedPostgres } from "./guarded-knex.js";',
        "",
        "export const db = knex({",
        "  client: GuardedPostgres,",
        '  connection: { connectionString: process.env["PARTYWALL_APP_URL"]!, ssl: false },',
        "  pool: { min: 0, max: 7 },",
        "});",
      ),
    );
    expect(await folder!.read("src/guarded-knex.ts")).toContain("return pw.postgres.driver;");
  });

  test("in CommonJS", async () => {
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
        "const { GuardedPostgres } = require('./guarded-knex')",
        "const { inTenant } = require('./tenancy')",
        "",
        "const db = knex({ client: GuardedPostgres, connection: { connectionString: process.env['PARTYWALL_APP_URL'] } })",
        "const app = express()",
        "app.use(inTenant)",
        "app.get('/', (req, res) => res.json(db))",
      ),
    );
    expect(await folder.read("guarded-knex.js")).toContain(
      "exports.GuardedPostgres = GuardedPostgres\n",
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
      "a configuration that serves migrations too",
      ["knex"],
      [
        'import knex from "knex";',
        'import config from "../knexfile.js";',
        "knex(config.production);",
      ],
      3,
      "client: GuardedPostgres",
    ],
    [
      "another database",
      ["knex"],
      ['import knex from "knex";', 'knex({ client: "mysql2", connection: {} });'],
      2,
      "client: GuardedPostgres",
    ],
  ])("%s", async (_title, packages, text, line, after) => {
    folder = await folderWith({
      "package.json": manifest(["express", "pg", ...packages]),
      "src/app.ts": ELSEWHERE,
      "src/db.ts": lines(...text),
    });
    const { code, data } = await folder.init(["--apply", "--json", "--driver", "pg"]);
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
      "drizzle({ client: pw.postgres.pool })",
    ],
    [
      ["express@^4.21.0", "pg"],
      ["Express 4 is not supported by this version"],
      "pw.postgres.pool.query(…)",
    ],
    [
      ["express", "typeorm", "pg"],
      ["TypeORM is not supported by this version", "result cache"],
      "driver: pw.postgres.driver",
    ],
    [
      ["express", "sequelize", "pg"],
      ["Sequelize is not supported by this version"],
      "dialectModule: pw.postgres.driver",
    ],
    [
      ["express", "@mikro-orm/core", "pg"],
      ["MikroORM is not supported by this version"],
      "Client: pw.postgres.Client",
    ],
    [
      ["express", "objection", "knex", "pg"],
      ["Objection is not supported by this version"],
      "client: GuardedPostgres",
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

  test("Prisma is told of, and never handed the shared pool", async () => {
    folder = await folderWith({
      "package.json": manifest(["express", "@prisma/client", "@prisma/adapter-pg", "pg"]),
      "src/app.ts": APP,
    });
    const { data } = await folder.init(["--json"]);
    expect(data.notices.join()).toContain("Prisma is not supported by this version");
    expect(JSON.stringify(data.manual)).not.toContain("PrismaPg");
    expect(JSON.stringify(data.manual)).not.toContain("pw.postgres.pool");
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
