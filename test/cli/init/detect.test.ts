import { afterEach, describe, expect, test } from "vitest";
import { folderWith, manifest, type Files, type Folder, type InitData } from "./folder.js";

let folder: Folder | undefined;
afterEach(() => folder?.remove());

async function detect(files: Files, args: readonly string[] = []): Promise<InitData> {
  folder = await folderWith(files);
  const { code, data, stderr } = await folder.init([...args, "--json"]);
  expect([0, 1], stderr).toContain(code);
  return data;
}

/** The usage error that a project ends with. */
async function refused(files: Files, args: readonly string[] = []): Promise<string> {
  folder = await folderWith(files);
  const { code, stderr } = await folder.init(args);
  expect(code).toBe(2);
  return stderr;
}

const EXPRESS = 'import express from "express";\nexport const app = express();\n';

describe("what a project is made of", () => {
  test.each<
    [
      title: string,
      files: Files,
      found: readonly [framework: string, orm: string, driver: string | undefined],
      written: readonly [typescript: boolean, modules: string, packageManager: string],
    ]
  >([
    [
      "Express, Drizzle and pg in TypeScript",
      {
        "package.json": manifest(["express@^5", "drizzle-orm", "pg"]),
        "package-lock.json": "{}",
        "src/app.ts": EXPRESS,
        "src/db.ts":
          'import { drizzle } from "drizzle-orm/node-postgres";\nexport const db = drizzle(process.env.DATABASE_URL!);\n',
      },
      ["express", "drizzle", "pg"],
      [true, "esm", "npm"],
    ],
    [
      "Express and pg without an ORM, in CommonJS",
      {
        "package.json": manifest(["express", "pg"], {}),
        "yarn.lock": "",
        "app.js":
          'const express = require("express");\nconst { Pool } = require("pg");\nconst app = express();\nconst pool = new Pool();\n',
      },
      ["express", "none", "pg"],
      [false, "commonjs", "yarn"],
    ],
    [
      "Fastify and Kysely",
      {
        "package.json": manifest(["fastify", "kysely", "pg"]),
        "pnpm-lock.yaml": "",
        "src/db.ts":
          'import { Kysely, PostgresDialect } from "kysely";\nimport { Pool } from "pg";\nexport const db = new Kysely({ dialect: new PostgresDialect({ pool: new Pool() }) });\n',
      },
      ["fastify", "kysely", "pg"],
      [true, "esm", "pnpm"],
    ],
    [
      "Koa and Objection, whose Knex is only its means",
      {
        "package.json": manifest(["koa", "objection", "knex", "pg"], {
          packageManager: "pnpm@9.1.0",
        }),
        "index.js":
          'const Koa = require("koa");\nconst knex = require("knex")({ client: "pg" });\n',
      },
      ["koa", "objection", "pg"],
      [false, "commonjs", "pnpm"],
    ],
    [
      "Hono and postgres.js under Drizzle",
      {
        "package.json": manifest(["hono", "drizzle-orm", "postgres"]),
        "bun.lock": "",
        "src/db.ts":
          'import { drizzle } from "drizzle-orm/postgres-js";\nexport const db = drizzle(process.env.DATABASE_URL!);\n',
      },
      ["hono", "drizzle", "postgres.js"],
      [true, "esm", "bun"],
    ],
    [
      "Next.js and Prisma",
      {
        "package.json": manifest(
          ["next", "@prisma/client", "@prisma/adapter-pg", "typescript"],
          {},
        ),
        "app/page.tsx": "export default function Page() {\n  return <p>hello</p>;\n}\n",
      },
      ["next", "prisma", "pg"],
      [true, "commonjs", "npm"],
    ],
    [
      "NestJS on Express, with TypeORM",
      {
        "package.json": manifest(
          ["@nestjs/core", "@nestjs/platform-express", "express", "typeorm", "pg"],
          {},
        ),
        "src/main.ts":
          'import { NestFactory } from "@nestjs/core";\n@Module({})\nexport class AppModule { constructor(@Inject("x") private x: string) {} }\n',
        "src/source.ts":
          'import { DataSource } from "typeorm";\nexport const source = new DataSource({ type: "postgres" });\n',
      },
      ["nest", "typeorm", "pg"],
      [true, "commonjs", "npm"],
    ],
    [
      "AdonisJS and Lucid",
      {
        "package.json": manifest(["@adonisjs/core", "@adonisjs/lucid", "knex", "pg", "typescript"]),
      },
      ["adonis", "lucid", "pg"],
      [true, "esm", "npm"],
    ],
    [
      "plain Node.js and Sequelize",
      {
        "package.json": manifest(["sequelize", "pg"]),
        "index.js":
          'import { Sequelize } from "sequelize";\nexport const db = new Sequelize(process.env.DATABASE_URL);\n',
      },
      ["node", "sequelize", "pg"],
      [false, "esm", "npm"],
    ],
    [
      "MikroORM",
      {
        "package.json": manifest(["express", "@mikro-orm/core", "@mikro-orm/postgresql"]),
        "src/app.ts": EXPRESS,
      },
      ["express", "mikro-orm", "pg"],
      [true, "esm", "npm"],
    ],
    [
      "Knex beside an Express 5",
      {
        "package.json": manifest(["express", "knex", "pg"]),
        "app.mjs": `${EXPRESS}import knex from "knex";\nexport const db = knex({ client: "pg", connection: {} });\n`,
      },
      ["express", "knex", "pg"],
      [false, "esm", "npm"],
    ],
    [
      "an ORM that only migrates, told by a flag",
      {
        "package.json": manifest(["express", "drizzle-orm", "knex", "pg"]),
        "src/app.ts": EXPRESS,
        "src/db.ts":
          'import { drizzle } from "drizzle-orm/node-postgres";\nexport const db = drizzle(process.env.DATABASE_URL!);\n',
        "scripts/migrate.ts":
          'import knex from "knex";\nawait knex({ client: "pg" }).migrate.latest();\n',
      },
      ["express", "drizzle", "pg"],
      [true, "esm", "npm"],
    ],
    [
      "a driver among several, told by what is constructed",
      {
        "package.json": manifest(["express", "pg", "mysql2"]),
        "src/app.ts": `${EXPRESS}import pg from "pg";\nexport const pool = new pg.Pool();\n`,
      },
      ["express", "none", "pg"],
      [true, "esm", "npm"],
    ],
    [
      "MySQL",
      {
        "package.json": manifest(["express", "mysql2"]),
        "src/app.ts": `${EXPRESS}import { createPool } from "mysql2/promise";\nexport const pool = createPool({});\n`,
      },
      ["express", "none", "mysql2"],
      [true, "esm", "npm"],
    ],
    [
      "Mongoose",
      { "package.json": manifest(["express", "mongoose"]), "src/app.ts": EXPRESS },
      ["express", "mongoose", "mongodb"],
      [true, "esm", "npm"],
    ],
  ])(
    "%s",
    async (_title, files, [framework, orm, driver], [typescript, modules, packageManager]) => {
      const { detection } = await detect(files);
      expect(detection.framework.value).toBe(framework);
      expect(detection.orm.value).toBe(orm);
      expect(detection.driver.value).toBe(driver);
      expect(detection).toMatchObject({ typescript, modules, packageManager });
    },
  );

  test("finds where clients are constructed, by what the names mean in their file", async () => {
    const { detection } = await detect({
      "package.json": manifest(["express", "drizzle-orm", "pg"]),
      "src/app.ts": EXPRESS,
      "src/db.ts": [
        'import * as pg from "pg";',
        'import { drizzle as connect } from "drizzle-orm/node-postgres";',
        "// new Pool() in a comment, and in a text:",
        'const text = "new Pool()";',
        "class Pool {}",
        "new Pool();",
        "const { Pool: Connections } = pg;",
        "export const db = connect({ client: new Connections({}) });",
      ].join("\n"),
      "scripts/seed.ts": 'import { Client } from "pg";\nnew Client();\n',
      "test/db.test.ts": 'import { Pool } from "pg";\nnew Pool();\n',
      "node_modules/other/index.js": 'new (require("pg").Pool)();\n',
      "dist/db.js": 'import { Pool } from "pg";\nnew Pool();\n',
    });
    expect(
      detection.clients.map(({ path, line, purpose }) => `${path}:${line} ${purpose}`),
    ).toEqual([
      "scripts/seed.ts:2 tool",
      "src/app.ts:2 application",
      "src/db.ts:8 application",
      "src/db.ts:8 application",
      "test/db.test.ts:2 test",
    ]);
    expect(detection.clients.map(({ text }) => text)).toContain("new Connections(");
  });

  test("a name that is declared twice in a file is nobody's", async () => {
    const { detection } = await detect({
      "package.json": manifest(["express", "pg"]),
      "src/app.ts": `${EXPRESS}import { Pool } from "pg";\nexport function make(Pool: any) { return new Pool(); }\n`,
    });
    expect(detection.clients.map(({ text }) => text)).toEqual(["express("]);
  });

  test.each([
    ["drizzle.config.ts", 'export default { out: "./db/sql" };', "db/sql"],
    ["drizzle.config.ts", "export default {};", "drizzle"],
    ["database/migrations/1.sql", "", "database/migrations"],
  ])("finds the migrations by %s", async (path, text, migrations) => {
    const { detection } = await detect({
      "package.json": manifest(["express", "pg"]),
      "src/app.ts": EXPRESS,
      [path]: text,
    });
    expect(detection.migrations).toBe(migrations);
  });

  test("runs none of the project's code", async () => {
    const bomb = 'throw new Error("it was run");\n';
    const { detection } = await detect({
      "package.json": manifest(["express", "pg"], {
        type: "module",
        scripts: { prepare: "exit 1" },
      }),
      "src/app.ts": EXPRESS + bomb,
      "drizzle.config.ts": bomb,
      "knexfile.js": bomb,
      "tsconfig.json": '{ /* with a comment */ "compilerOptions": { "baseUrl": "./lib", }, }',
    });
    expect(detection.framework.value).toBe("express");
  });

  test("a file that cannot be read is named, and the rest is found", async () => {
    const { detection, notices } = await detect({
      "package.json": manifest(["express", "pg"]),
      "src/app.ts": EXPRESS,
      "src/broken.ts": 'import pg from "pg"; const = new pg.Pool(',
    });
    expect(detection.unread).toEqual(["src/broken.ts"]);
    expect(notices.join()).toContain("src/broken.ts could not be read");
  });
});

describe("what is not plain is asked for, not guessed", () => {
  test("two web frameworks", async () => {
    const files = {
      "package.json": manifest(["express", "fastify", "pg"]),
      "src/app.ts": EXPRESS,
    };
    expect(await refused(files)).toContain(
      "which web framework the application uses: Express or Fastify. Add --framework express or --framework fastify.",
    );
    const { data } = await folder!.init(["--framework", "express", "--json"]);
    expect(data.detection.framework.value).toBe("express");
  });

  test("two ORMs", async () => {
    const files = {
      "package.json": manifest(["express", "drizzle-orm", "kysely", "pg"]),
      "src/app.ts": EXPRESS,
      "src/a.ts": 'import { drizzle } from "drizzle-orm/node-postgres";\ndrizzle("");\n',
      "src/b.ts": 'import { Kysely } from "kysely";\nnew Kysely({});\n',
    };
    expect(await refused(files)).toContain("Add --orm drizzle or --orm kysely.");
    const { data } = await folder!.init(["--orm", "kysely", "--json"]);
    expect(data.detection.orm.value).toBe("kysely");
  });

  test("an ORM that constructs nothing beside a pool of pg", async () => {
    const files = {
      "package.json": manifest(["express", "knex", "pg"]),
      "src/app.ts": `${EXPRESS}import pg from "pg";\nexport const pool = new pg.Pool();\n`,
    };
    expect(await refused(files)).toContain("Add --orm knex or --orm none.");
  });

  test("two drivers", async () => {
    const files = {
      "package.json": manifest(["express", "pg", "mysql2"]),
      "src/app.ts": EXPRESS,
    };
    expect(await refused(files)).toContain("Add --driver pg or --driver mysql2.");
  });

  test("the root of several packages names those that are applications", async () => {
    const files = {
      "package.json": manifest([], { private: true, workspaces: ["packages/*", "apps/web"] }),
      "packages/api/package.json": manifest(["express", "drizzle-orm", "pg"]),
      "packages/api/src/app.ts": EXPRESS,
      "packages/shared/package.json": manifest([]),
      "apps/web/package.json": manifest(["next"]),
    };
    const said = await refused(files);
    expect(said).toContain("--cwd apps/web (Next.js), --cwd packages/api (Express, Drizzle)");
    const { code, data } = await folder!.init(["--cwd", "packages/api", "--json"]);
    expect(code).toBe(0);
    expect(data.detection.clients.map(({ path }) => path)).toEqual(["src/app.ts"]);
  });

  test("likewise with pnpm's own list", async () => {
    const said = await refused({
      "package.json": manifest([]),
      "pnpm-workspace.yaml":
        "packages:\n  # all of them\n  - 'services/**'\n  - \"!services/old\"\ncatalog: {}\n",
      "services/deep/api/package.json": manifest(["fastify"]),
    });
    expect(said).toContain("--cwd services/deep/api (Fastify)");
  });

  test.each([
    ["without a package.json", { "index.js": "" }, "There is no package.json in"],
    ["whose package.json is no JSON", { "package.json": "{" }, "is no JSON"],
  ])("a folder %s", async (_title, files, said) => {
    expect(await refused(files)).toContain(said);
  });

  test("a value that no flag takes", async () => {
    expect(await refused({ "package.json": manifest([]) }, ["--orm", "drizle"])).toContain(
      "Did you mean drizzle?",
    );
  });
});

describe("what this version cannot guard is said, and nothing is written", () => {
  test.each([
    ["mysql2", "MySQL and MariaDB are not supported"],
    ["mongodb", "MongoDB is not supported"],
    ["@vercel/postgres", "Neon's serverless driver cannot be guarded"],
    ["better-sqlite3", "SQLite is not supported"],
    ["@neondatabase/serverless", "Neon's serverless driver cannot be guarded"],
  ])("%s", async (driver, said) => {
    folder = await folderWith({
      "package.json": manifest(["express", driver]),
      "src/app.ts": EXPRESS,
    });
    const before = await folder.all();
    const { code, stdout } = await folder.init(["--apply"]);
    expect(code).toBe(1);
    expect(stdout).toContain(said);
    expect(await folder.all()).toEqual(before);
  });

  test("postgres.js beneath Drizzle", async () => {
    folder = await folderWith({
      "package.json": manifest(["express", "drizzle-orm", "postgres"]),
      "src/app.ts": EXPRESS,
      "src/db.ts":
        'import { drizzle } from "drizzle-orm/postgres-js";\nexport const db = drizzle(url);\n',
    });
    const { code, stdout } = await folder.init(["--apply"]);
    expect(code).toBe(1);
    expect(stdout).toContain(
      "guardDrizzle(pw.postgres, drizzle({ client: guardPostgresJs(pw.postgres, postgres) }))",
    );
  });
});
