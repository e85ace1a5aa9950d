import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../support/engine.js";
import { testDatabase, urlAs, withClient, type TestDatabase } from "../support/postgres.js";
import { dropRoles, runScript } from "../support/roles.js";
import { createProject, type Project } from "./project.js";

describeEngine("postgres", "partywall policies", () => {
  let database: TestDatabase;
  let project: Project;
  let roles: Record<"app" | "system" | "registry" | "owner" | "admin", string>;
  const password = "a password of the policies";

  beforeAll(async () => {
    database = await testDatabase();
    project = await createProject();
    const { name } = database;
    roles = {
      app: `${name}_app`,
      system: `${name}_system`,
      registry: `${name}_registry`,
      owner: `${name}_owner`,
      admin: `${name}_admin`,
    };
    await withClient(database.url, async (client) => {
      for (const role of [roles.app, roles.system, roles.registry]) {
        await client.query(`create role ${role} login password '${password}'`);
      }
      await client.query(`
        create table orders (tenant_id uuid not null, id int);
        create table notes (org bigint not null, id int);
        create table countries (code text);
        create table later (tenant_id uuid not null);`);
    });
    await project.write(
      "partywall.config.mjs",
      `export default {
        entry: "./nowhere.ts",
        tables: { orders: "tenant", "public.notes": { kind: "tenant", column: "org" }, countries: { kind: "shared", writable: true }, later: "unmanaged" },
        postgres: {
          roles: ${JSON.stringify({ app: roles.app, system: roles.system, registry: roles.registry, owner: roles.owner })},
          url: process.env.BUILD_URL,
        },
      };`,
    );
    project.env["BUILD_URL"] = database.url;
    project.secrets.push(password, new URL(database.url).password);
  });
  afterAll(async () => {
    await database.drop();
    await dropRoles(database);
    await project.remove();
  });
  const policies = (args: readonly string[] = [], env?: Record<string, string>) =>
    project.run(["policies", ...args], env);
  const ask = async (sql: string) =>
    withClient(
      database.url,
      async (client) => (await client.query(sql)).rows as Record<string, unknown>[],
    );
  const walled = async () =>
    (await ask("select distinct tablename as t from pg_policies order by 1")).map(({ t }) => t);

  test("prints the SQL for the tables of the configuration, and changes nothing", async () => {
    const { code, stdout, stderr } = await policies();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`create policy partywall_tenant on "public"."orders"`);
    expect(stdout).toContain(`using ("org" = (select partywall.tenant_bigint()))`);
    expect(stdout).toContain(
      `grant select, insert, update, delete on "public"."countries" to "${roles.app}"`,
    );
    expect(stdout).not.toContain(`"later"`);
    expect(await walled()).toEqual([]);
    expect(JSON.parse((await policies(["--json"])).stdout)).toEqual({
      seal: "parameter",
      sql: stdout,
    });
  });

  test("--out writes it to a new file, which runs as it stands and twice", async () => {
    const { code, stdout } = await policies(["--out", "wall.sql"]);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `Written to ${project.folder}/wall.sql.\n`,
    });
    const again = await policies(["--out", "wall.sql"]);
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining("Name another file") });
    const other = await testDatabase();
    try {
      const client = new pg.Client({ connectionString: other.url });
      await client.connect();
      await client.query(
        "create table orders (tenant_id uuid not null, id int); create table notes (org bigint not null, id int); create table countries (code text)",
      );
      const sql = (await project.read("wall.sql")).replaceAll(database.name, other.name);
      // The roles of the first database serve.
      const script = sql.replaceAll(new RegExp(`${other.name}(_\\w+)`, "g"), `${database.name}$1`);
      for (let round = 0; round < 2; round += 1) await runScript(client, script);
      const { rows } = await client.query(
        `select has_table_privilege('${roles.registry}', 'partywall.tenants', 'insert') as granted,
          (select count(*)::int from pg_policies) as policies`,
      );
      expect(rows).toEqual([{ granted: true, policies: 6 }]);
      await client.end();
    } finally {
      await other.drop();
    }
  });

  test("--apply builds the wall and the registry's table, and --table takes the place of the configuration's", async () => {
    const one = await policies(["--apply", "--table", "later", "--json"]);
    expect(one.code).toBe(0);
    expect(JSON.parse(one.stdout)).toEqual({ seal: "parameter", missing: [] });
    expect(await walled()).toEqual(["later"]);
    const all = await policies(["--apply"]);
    expect(all).toMatchObject({ code: 0, stderr: "" });
    expect(all.stdout).toContain("Every right was taken");
    expect(await walled()).toEqual(["later", "notes", "orders"]);
    expect(
      await ask(
        `select has_table_privilege('${roles.registry}', 'partywall.tenants', 'update') as may`,
      ),
    ).toEqual([{ may: true }]);
  });

  test("rights that could not be taken are reported", async () => {
    const managed = await testDatabase();
    try {
      await withClient(managed.url, async (client) => {
        await client.query(`create role ${roles.admin} login createrole password '${password}'`);
        await client.query(`alter database ${managed.name} owner to ${roles.admin}`);
        for (const role of [roles.app, roles.system]) {
          await client.query(`grant ${role} to ${roles.admin} with admin option`);
        }
        await client.query(`alter schema public owner to ${roles.admin}`);
      });
      const url = urlAs(managed.url, { user: roles.admin, password });
      await withClient(url, (client) =>
        client.query("create table orders (tenant_id uuid not null)"),
      );
      const flags = ["--apply", "--table", "orders", "--owner", `${roles.owner}_2`, "--url", url];
      const people = await policies(flags);
      expect(people).toMatchObject({ code: 0, stderr: "" });
      expect(people.stdout).toContain("with the mac form of the seal");
      expect(people.stdout).toMatch(
        /signal-backends {2}a tenant can cancel .*\(a superuser could take it\)/,
      );
      const { missing } = JSON.parse((await policies([...flags, "--json"])).stdout) as {
        missing: { code: string }[];
      };
      expect(missing.map(({ code }) => code)).toEqual(
        expect.arrayContaining(["languages", "large-objects", "signal-backends"]),
      );
    } finally {
      await managed.drop();
    }
  });

  test("Ctrl-C while a table is locked ends it, with nothing half-built and no connection left", async () => {
    const other = await testDatabase();
    try {
      await withClient(other.url, async (client) => {
        await client.query("create table orders (tenant_id uuid not null)");
        await client.query("begin; lock table orders in access share mode");
        const flags = ["--table", "orders", "--owner", `${roles.owner}_3`, "--url", other.url];
        const run = project.start(["policies", "--apply", ...flags]);
        const waiting = `select pid from pg_stat_activity where datname = '${other.name}' and wait_event_type = 'Lock'`;
        while ((await ask(waiting)).length === 0) await sleep(50);
        run.child.kill("SIGINT");
        expect(await run.ended).toMatchObject({ code: 130, stdout: "" });
        await client.query("rollback");
        const left = `select pid from pg_stat_activity where datname = '${other.name}' and application_name = 'partywall'`;
        while ((await ask(left)).length > 0) await sleep(50);
        const { rows } = await client.query(
          "select to_regnamespace('partywall') is null as nothing, relrowsecurity from pg_class where relname = 'orders'",
        );
        expect(rows).toEqual([{ nothing: true, relrowsecurity: false }]);
      });
    } finally {
      await other.drop();
    }
  });

  test("what is missing or cannot be is named with its remedy", async () => {
    for (const [args, code, message] of [
      [["--apply", "--out", "x.sql"], 2, "--apply and --out exclude each other"],
      [["--table", "a.b.c"], 2, "--table takes <table>, <schema.table> or <table:column>"],
      [["--table", "orders:"], 2, "--table takes"],
      [["--table", "nowhere"], 1, "There is no table public.nowhere"],
      [["--table", "orders", "--app", "nobody_here"], 1, 'There is no role "nobody_here"'],
      [["--url", "mysql://a:secretly@b/c"], 2, "--url is no address of a PostgreSQL database"],
      [["--seal", "wax"], 2, "--seal takes parameter, mac"],
    ] as const) {
      const outcome = await policies(args);
      expect(outcome.stderr).toContain(message);
      expect(outcome.code).toBe(code);
    }
    const none = await project.run(["policies", "--cwd", "node_modules"]);
    expect(none.stderr).toContain("Add --app <role> and --system <role>");
    expect(none.code).toBe(2);
  });
});
