import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from "vitest";
import { createTable } from "../../src/registry/postgres-table.js";
import { describeEngine } from "../support/engine.js";
import { testDatabase, urlAs, withClient, type TestDatabase } from "../support/postgres.js";
import { dropRoles } from "../support/roles.js";
import { createProject, type Project } from "./project.js";

const TENANT = "7f0c3c1e-5d0e-4a52-9f0e-0d3c5f1b2a34";
const TABLES = `
create table countries (code text primary key, name text not null);
create table customers (id int generated always as identity primary key, email text not null unique, country text references countries);
create table orders (id int generated always as identity primary key, customer_id int not null references customers, note text);
insert into countries values ('gb', 'Britain');
insert into customers (email, country) values ('a@example.com', 'gb');
insert into orders (customer_id, note) select 1, 'order ' || n from generate_series(1, 100) n;`;

describeEngine("postgres", "partywall adopt", () => {
  let project: Project;
  let database: TestDatabase;
  beforeAll(async () => {
    project = await createProject();
  });
  afterAll(() => project.remove());
  beforeEach(async () => {
    database = await testDatabase();
    const { name, url } = database;
    const roles = { app: `${name}_app`, system: `${name}_system`, owner: `${name}_owner` };
    await withClient(url, async (client) => {
      for (const role of [roles.app, roles.system]) await client.query(`create role ${role}`);
      await client.query(TABLES);
    });
    await project.write(
      "partywall.config.ts",
      `export default {
        entry: "./nowhere.ts",
        tables: { countries: "shared" },
        adopt: { tenant: "${TENANT}" },
        postgres: { roles: ${JSON.stringify(roles)} },
      } as const;`,
    );
    project.env["PARTYWALL_DATABASE_URL"] = url;
    project.secrets.push(new URL(url).password);
  });
  afterEach(async () => {
    await database.drop();
    await dropRoles(database);
  });

  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await project.run([...args, "--json"]);
    return { code, stderr, data: JSON.parse(stdout || "null") as never };
  };
  const columns = () =>
    withClient(database.url, async (client) => {
      const { rows } = await client.query<{ table: string }>(
        "select table_name as table from information_schema.columns where table_schema = 'public' and column_name = 'tenant_id' order by 1",
      );
      return rows.map((row) => row.table);
    });

  test("plan shows every table and step, and changes nothing", async () => {
    const { code, stdout, stderr } = await project.run(["adopt", "plan"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const said of ["public.orders", "everybody's", "expand", "access exclusive", "about"]) {
      expect(stdout).toContain(said);
    }
    expect(stdout).toContain("ON CONFLICT");
    expect(await columns()).toEqual([]);
    const plan = (await json("adopt", "plan")).data as { steps: unknown[]; obstacles: unknown[] };
    expect(plan.steps.length).toBeGreaterThan(10);
    expect(plan.obstacles).toEqual([]);
  });

  test("plan --sql is a script, of one phase where that is asked for", async () => {
    const { stdout } = await project.run(["adopt", "plan", "--sql", "--phase", "expand"]);
    expect(stdout).toContain(`add column "tenant_id" uuid not null default '${TENANT}'`);
    expect(stdout).toContain("concurrently");
    expect(stdout).not.toContain("row level security");
  });

  test("an obstacle ends the plan with 1, and the run before anything is changed", async () => {
    await withClient(database.url, (client) =>
      client.query(
        `create materialized view totals as select count(*) from orders; create function own() returns int language sql security definer as 'select 1'`,
      ),
    );
    for (const command of ["plan", "run"]) {
      const { code, stdout, stderr } = await project.run(["adopt", command]);
      expect(code, command).toBe(1);
      const said = stdout + stderr;
      expect(said).toContain('--acknowledge "totals"');
      expect(said).toContain('--acknowledge "public.own()"');
    }
    expect(await columns()).toEqual([]);
    const answered = ["--acknowledge", "totals", "--acknowledge", "public.own()"];
    expect((await project.run(["adopt", "plan", ...answered])).code).toBe(0);
  });

  test("phases run one after the other, status tells between them, and the wall stands at the end", async () => {
    expect((await project.run(["adopt", "status"])).stdout).toContain("There never was");
    const first = await json("adopt", "run", "--phase", "expand", "--phase", "backfill");
    expect(first.code).toBe(0);
    expect(first.data).toMatchObject({ outcome: "phases-done" });
    expect(await columns()).toEqual(["customers", "orders"]);
    expect((await json("adopt", "status")).data).toMatchObject({
      state: "unfinished",
      phase: "enforce",
    });
    const last = await project.run(["adopt", "run"]);
    expect(last).toMatchObject({ code: 0 });
    expect(last.stdout).toContain("Every step is done.");
    expect((await json("adopt", "status")).data).toMatchObject({ state: "finished", left: 0 });
    await withClient(database.url, async (client) => {
      const { rows } = await client.query(
        "select count(*)::int as n from pg_class where relforcerowsecurity and relname in ('customers', 'orders')",
      );
      expect(rows).toEqual([{ n: 2 }]);
    });
    const undone = await project.run(["adopt", "undo", "--yes"]);
    expect(undone.code).toBe(1);
    expect(undone.stderr).toContain("cannot be taken back");
  });

  test("undo asks, and takes everything back", async () => {
    await project.run(["adopt", "run", "--phase", "expand", "--phase", "backfill"]);
    const unasked = await project.run(["adopt", "undo"]);
    expect(unasked.code).toBe(2);
    expect(unasked.stderr).toContain("--yes");
    expect(await columns()).toEqual(["customers", "orders"]);
    expect(await project.run(["adopt", "undo", "--yes"])).toMatchObject({
      code: 0,
      stdout: "Taken back.\n",
    });
    expect(await columns()).toEqual([]);
    expect((await project.run(["adopt", "undo", "--yes"])).stdout).toContain("no adoption");
  });

  describe("with a login for the registry", () => {
    const registry = () => `${database.name}_registry`;
    const options = () => ["--registry", registry()];
    const ask = (sql: string) =>
      withClient(database.url, async (client) => (await client.query(sql)).rows as unknown[]);
    const records = () => ask("select id, slug, status from partywall.tenants order by id");
    const insert = `insert into partywall.tenants (id, slug, name, status, placement, fields, version, created_at, updated_at) values ('t', 'slug', 'Name', 'active', '{}', '{}', 1, now(), now())`;
    const present = "select to_regclass('partywall.tenants') is not null as present";
    beforeEach(() => ask(`create role ${registry()} login password 'secret'`));

    test("a plan without that login says so", async () => {
      const { code, stderr } = await project.run(["adopt", "plan", "--registry", "nobody_here"]);
      expect(code).not.toBe(0);
      expect(stderr).toContain('no role "nobody_here"');
    });

    test("the list of tenants is a step of the plan, of its SQL and of the migrations", async () => {
      expect((await project.run(["adopt", "plan"])).stdout).not.toContain("list of tenants");
      const { stdout } = await project.run(["adopt", "plan", ...options()]);
      expect(stdout).toMatch(/Create the list of tenants, partywall\.tenants.* none /);
      const sql = await project.run(["adopt", "plan", "--sql", "--phase", "expand", ...options()]);
      expect(sql.stdout).toContain("create table if not exists partywall.tenants");
      const written = await json("adopt", "write", "--format", "sql", "--out", "sql", ...options());
      const texts = await Promise.all(
        (written.data as { files: string[] }).files.map((file) => project.read(file)),
      );
      expect(texts.join()).toContain("create table if not exists partywall.tenants");
    });

    test("expand creates it, once and for its login, and undo drops it while it is empty", async () => {
      const expand = ["adopt", "run", "--phase", "expand", ...options()];
      expect(await project.run(expand)).toMatchObject({ code: 0 });
      expect(await project.run(expand)).toMatchObject({ code: 0 });
      expect(await records()).toEqual([]);
      const url = urlAs(database.url, { user: registry(), password: "secret" });
      await withClient(url, (client) => client.query(insert));
      await ask("delete from partywall.tenants");
      expect(await project.run(["adopt", "undo", "--yes"])).toMatchObject({ code: 0 });
      expect(await ask(present)).toEqual([{ present: false }]);
    });

    test("undo leaves it where somebody is in it", async () => {
      await project.run(["adopt", "run", "--phase", "expand", ...options()]);
      await ask(insert);
      expect(await project.run(["adopt", "undo", "--yes"])).toMatchObject({ code: 0 });
      expect(await records()).toHaveLength(1);
    });

    test("undo leaves one that was there before, and one that the application made meanwhile", async () => {
      const table = createTable({ schema: "partywall", table: "tenants" });
      await ask(table);
      const expand = ["adopt", "run", "--phase", "expand", ...options()];
      expect(await project.run(expand)).toMatchObject({ code: 0 });
      expect(await project.run(["adopt", "undo", "--yes"])).toMatchObject({ code: 0 });
      expect(await ask(present)).toEqual([{ present: true }]);

      await ask("drop table partywall.tenants_domains, partywall.tenants");
      expect(await project.run(expand)).toMatchObject({ code: 0 });
      await ask(`alter table partywall.tenants owner to ${registry()}`);
      expect(await project.run(["adopt", "undo", "--yes"])).toMatchObject({ code: 0 });
      expect(await ask(present)).toEqual([{ present: true }]);
    });
  });

  test("a slug without a name, or without an application to register it with, changes nothing", async () => {
    const half = await project.run(["adopt", "run", "--slug", "first"]);
    expect(half).toMatchObject({ code: 2 });
    expect(half.stderr).toContain("--slug and --name go together");
    const nowhere = await project.run(["adopt", "run", "--slug", "first", "--name", "First"]);
    expect(nowhere.code).toBe(2);
    expect(nowhere.stderr).toContain("entry names");
    expect(await columns()).toEqual([]);
  });

  test("write gives the plan to the application's own migrator, in new files", async () => {
    const unnamed = await project.run(["adopt", "write"]);
    expect(unnamed.code).toBe(2);
    expect(unnamed.stderr).toContain("--format <format>");
    const written = await json("adopt", "write", "--format", "knex", "--out", "db/migrations");
    expect(written).toMatchObject({ code: 0, data: { format: "knex" } });
    const { files } = written.data as { files: string[] };
    expect(files.length).toBeGreaterThan(2);
    for (const file of files) {
      expect(file).toMatch(/^db\/migrations\/\d{14}_/);
      expect(await project.read(file)).toContain("export");
    }
    expect(await columns()).toEqual([]);
    const outside = await project.run([
      "adopt",
      "write",
      "--format",
      "sql",
      "--out",
      "../elsewhere",
    ]);
    expect(outside.code).toBe(2);
  });

  test("schema shows the edits of the ORM's files, and makes them when told", async () => {
    const before = `import { integer, pgTable, text } from "drizzle-orm/pg-core";

// What a customer asked for.
export const orders = pgTable("orders", {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  customerId: integer("customer_id").notNull(),
  note: text(),
});
`;
    await project.write("schema.ts", before);
    const schema = ["adopt", "schema", "--orm", "drizzle", "--file", "schema.ts"];
    expect((await project.run(schema)).code).toBe(2);
    await project.run(["adopt", "run"]);
    const shown = await project.run(schema);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toMatch(/^\+.*tenant_id/m);
    expect(await project.read("schema.ts")).toBe(before);
    expect((await project.run([...schema, "--apply"])).code).toBe(0);
    const after = await project.read("schema.ts");
    expect(after).toContain("tenant_id");
    expect(after).toContain("// What a customer asked for.");
    const again = await project.run([...schema, "--apply"]);
    expect(again.stderr).toContain("No schema file needs an edit.");
    const files = {
      sequelize:
        'import { DataTypes, Sequelize } from "sequelize";\nconst db = new Sequelize("");\nexport const Order = db.define("order", { note: DataTypes.TEXT });\n',
      kysely: "export interface DB { orders: Orders }\ninterface Orders { id: number }\n",
      knex: 'declare module "knex/types/tables" { interface Tables { orders: { id: number } } }\n',
      lucid:
        'import { BaseModel, column } from "@adonisjs/lucid/orm";\nexport class Order extends BaseModel {\n  @column()\n  declare id: number;\n}\n',
    };
    for (const [orm, content] of Object.entries(files)) {
      await project.write("orm.ts", content);
      const edit = ["adopt", "schema", "--orm", orm];
      expect((await project.run(edit)).code, orm).toBe(orm === "knex" ? 0 : 2);
      expect((await project.run([...edit, "--file", "orm.ts", "--apply"])).code, orm).toBe(0);
      expect(await project.read("orm.ts"), orm).toMatch(/tenant_?[iI]d/);
    }
    expect((await project.run([...schema, "--file", "nowhere.ts"])).code).toBe(2);
  });

  test.each([
    [
      "typeorm",
      `import { Entity, PrimaryGeneratedColumn } from "typeorm";\n\n@Entity("orders")\nexport class Order {\n  @PrimaryGeneratedColumn("identity") id!: number;\n}\n`,
      ["orders.ts"],
    ],
    [
      "mikro-orm",
      `import { Entity, PrimaryKey } from "@mikro-orm/decorators/legacy";\n\n@Entity({ tableName: "orders" })\nexport class Order {\n  @PrimaryKey({ type: "integer" }) id!: number;\n}\n`,
      ["orders.ts", "partywall-schema.ts"],
    ],
  ])("schema edits entities of %s once", async (orm, before, files) => {
    await project.write("src/orders.ts", before);
    await project.run(["adopt", "run"]);
    const schema = ["adopt", "schema", "--orm", orm, "--file", "src/orders.ts", "--apply"];
    expect(await project.run(schema)).toMatchObject({ code: 0 });
    for (const file of files) expect(await project.read(`src/${file}`)).toContain("tenant_id");
    expect((await project.run(schema)).stderr).toContain("No schema file needs an edit.");
    expect((await project.run(["adopt", "schema", "--orm", orm])).code).toBe(2);
  });

  test("what nobody said is asked for by flag and path", async () => {
    await project.write("partywall.config.ts", 'export default { entry: "./nowhere.ts" };');
    const { code, stderr } = await project.run(["adopt", "plan"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--app <role>");
    const wrong = [
      ["--tenant", "X", "--tenant-type", "uuid"],
      ["--tenant", TENANT, "--shared", "nowhere"],
      ["--tenant", TENANT, "--schema", "nowhere"],
    ];
    const { name } = database;
    for (const flags of wrong) {
      const logins = ["--app", `${name}_app`, "--system", `${name}_system`];
      const outcome = await project.run(["adopt", "plan", ...logins, ...flags]);
      expect(outcome.code, flags.join(" ")).toBe(1);
      expect(outcome.stderr).toMatch(/tenant|nowhere/);
    }
    expect((await project.run(["adopt", "plan", "--keys", "both"])).code).toBe(2);
  });

  test("a database that does not answer is named without its password", async () => {
    const url = urlAs(database.url, { user: "nobody_here", password: "not to be told" });
    project.secrets.push("not to be told", "not%20to%20be%20told");
    const { code, stderr } = await project.run(["adopt", "plan", "--url", url]);
    expect(code).toBe(1);
    expect(stderr).toContain("could not be reached");
  });
});
