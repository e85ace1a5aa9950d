import { stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { LoginsReport } from "../../src/cli/actions/logins.js";
import { describeEngine } from "../support/engine.js";
import { testDatabase, urlAs, withClient, type TestDatabase } from "../support/postgres.js";
import { dropRoles } from "../support/roles.js";
import { createProject, type Project } from "./project.js";

const TYPED = "typed by hand, 1/2";

describeEngine("postgres", "partywall logins", () => {
  let server: TestDatabase;
  let project: Project;
  let name: string;
  const made: string[] = [];

  beforeAll(async () => {
    server = await testDatabase();
    project = await createProject();
    project.secrets.push(TYPED, new URL(server.url).password);
    name = `${server.name}_shop`;
    made.push(name);
  });
  afterAll(async () => {
    await withClient(server.url, async (client) => {
      for (const database of made)
        await client.query(`drop database if exists ${database} with (force)`);
    });
    await server.drop();
    await dropRoles(server);
    await project.remove();
  });
  const logins = (args: readonly string[], env?: Record<string, string>) =>
    project.run(["logins", ...args], env);
  const ask = async (sql: string): Promise<Record<string, unknown>[]> =>
    withClient(
      server.url,
      async (client) => (await client.query(sql)).rows as Record<string, unknown>[],
    );
  const roles = async () =>
    (await ask(`select rolname from pg_roles where rolname like '${name}%' order by 1`)).map(
      ({ rolname }) => rolname,
    );
  const passwordsIn = async (file: string): Promise<Record<string, string>> => {
    const lines = (await project.read(file)).trim().split("\n");
    return Object.fromEntries(lines.map((line) => line.split("=") as [string, string]));
  };

  test("prints the SQL of the guide, without passwords unless somebody shall know them", async () => {
    const { code, stdout, stderr } = await logins(["--name", name]);
    expect(code).toBe(0);
    expect(stdout.split("\n").slice(1, -1)).toEqual([
      `create role "${name}_migrator" login;`,
      `create role "${name}_app" login;`,
      `create role "${name}_system" login;`,
      `create role "${name}_registry" login;`,
      `create database "${name}" owner "${name}_migrator" template template0;`,
      `revoke connect, temporary on database "${name}", postgres, template1 from public;`,
      `grant connect on database "${name}" to "${name}_app", "${name}_system", "${name}_registry";`,
    ]);
    expect(stderr).toContain("Add --passwords <file>");
    expect(await roles()).toEqual([]);
  });

  test("made-up passwords go to a new file that only its owner may read; the SQL holds verifiers", async () => {
    const { code, stdout } = await logins(["--name", name, "--passwords", "printed.env"]);
    expect(code).toBe(0);
    const passwords = await passwordsIn("printed.env");
    expect(Object.keys(passwords)).toEqual([
      "PARTYWALL_MIGRATOR_PASSWORD",
      "PARTYWALL_APP_PASSWORD",
      "PARTYWALL_SYSTEM_PASSWORD",
      "PARTYWALL_REGISTRY_PASSWORD",
    ]);
    expect((await stat(join(project.folder, "printed.env"))).mode & 0o777).toBe(0o600);
    for (const password of Object.values(passwords)) {
      expect(password).toHaveLength(32);
      expect(stdout).not.toContain(password);
    }
    expect(stdout.match(/password 'SCRAM-SHA-256\$4096:/g)).toHaveLength(4);
    const again = await logins(["--name", name, "--passwords", "printed.env"]);
    expect(again).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("use its passwords with --env"),
    });
    expect(await passwordsIn("printed.env")).toEqual(passwords);
  });

  test("--apply creates them, and each logs in with its own password and no other", async () => {
    const { code, stdout, stderr } = await logins(
      ["--name", name, "--own-database-only", "--passwords", "applied.env", "--apply", "--json"],
      { PARTYWALL_DATABASE_URL: server.url, PARTYWALL_APP_PASSWORD: TYPED },
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const report = JSON.parse(stdout) as LoginsReport;
    expect(report.created).toEqual([
      ...["migrator", "app", "system", "registry"].map((purpose) => `${name}_${purpose}`),
      name,
    ]);
    expect(report.logins.map(({ purpose, origin }) => `${purpose} ${origin}`)).toEqual([
      "migrator generated",
      "app environment",
      "system generated",
      "registry generated",
    ]);
    const passwords = await passwordsIn("applied.env");
    expect(Object.keys(passwords)).not.toContain("PARTYWALL_APP_PASSWORD");
    const login = (purpose: string, password: string): string =>
      urlAs(server.url, { user: `${name}_${purpose}`, password, database: name });
    for (const [purpose, password] of [
      ["app", TYPED],
      ["system", passwords["PARTYWALL_SYSTEM_PASSWORD"]!],
      ["registry", passwords["PARTYWALL_REGISTRY_PASSWORD"]!],
      ["migrator", passwords["PARTYWALL_MIGRATOR_PASSWORD"]!],
    ] as const) {
      const { rows } = await withClient(login(purpose, password), (client) =>
        client.query("select current_user as who"),
      );
      expect(rows).toEqual([{ who: `${name}_${purpose}` }]);
      await expect(withClient(login(purpose, "wrong"), async () => {})).rejects.toThrow(
        "password authentication failed",
      );
    }
    await expect(
      withClient(login("app", TYPED), (client) => client.query("create temporary table t (a int)")),
    ).rejects.toThrow("permission denied");
    expect(
      await ask(`select datdba::regrole::text as owner from pg_database where datname = '${name}'`),
    ).toEqual([{ owner: `${name}_migrator` }]);
  });

  test("what is there already is left as it is, its password included", async () => {
    const before = await ask(
      `select rolname, rolpassword from pg_authid where rolname like '${name}%' order by 1`,
    );
    const { code, stdout } = await logins(
      ["--name", name, "--own-database-only", "--passwords", "third.env", "--apply"],
      { PARTYWALL_DATABASE_URL: server.url, PARTYWALL_APP_PASSWORD: "another password" },
    );
    expect(code).toBe(0);
    expect(stdout).toContain("Nothing had to be created.");
    expect(
      await ask(
        `select rolname, rolpassword from pg_authid where rolname like '${name}%' order by 1`,
      ),
    ).toEqual(before);
    await expect(project.read("third.env")).rejects.toThrow("ENOENT");
  });

  test("--show-passwords prints them apart from the SQL, or within the data", async () => {
    const people = await logins(["--name", name, "--show-passwords"]);
    expect(people.code).toBe(0);
    const shown = Object.fromEntries(
      [...people.stderr.matchAll(/^(\w+): (\S{32})$/gm)].map((match) => [match[1], match[2]]),
    );
    expect(Object.keys(shown)).toEqual(["migrator", "app", "system", "registry"]);
    for (const password of Object.values(shown)) expect(people.stdout).not.toContain(password);
    const { stdout } = await logins(["--name", name, "--show-passwords", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      passwords: { app: expect.stringMatching(/^\S{32}$/) },
    });
  });

  test("--managed leaves the database and the migrator to whoever has them", async () => {
    const { stdout } = await logins(["--name", name, "--managed"]);
    expect(stdout.split("\n").slice(1, -1)).toEqual([
      `create role "${name}_app" login;`,
      `create role "${name}_system" login;`,
      `create role "${name}_registry" login;`,
      `revoke connect, temporary on database "${name}" from public;`,
      `grant connect on database "${name}" to "${name}_app", "${name}_system", "${name}_registry";`,
    ]);
    const owner = `${server.name}_owner`;
    const managed = `${server.name}_managed`;
    made.push(managed);
    await withClient(server.url, async (client) => {
      await client.query(`create role ${owner} login createrole password 'owner password'`);
      await client.query(`create database ${managed} owner ${owner} template template0`);
    });
    project.secrets.push("owner password");
    const url = urlAs(server.url, { user: owner, password: "owner password", database: managed });
    const refused = await logins(["--name", managed, "--apply", "--url", url]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("add --managed") });
    const applied = await logins(["--name", managed, "--managed", "--apply", "--url", url]);
    expect(applied.stderr).toContain("Without a password");
    expect(applied).toMatchObject({
      code: 0,
      stdout: `Created: ${managed}_app, ${managed}_system, ${managed}_registry.\n`,
    });
  });

  test("names and passwords that cannot be are refused before anything is run", async () => {
    const url = { PARTYWALL_DATABASE_URL: server.url };
    expect(await logins([])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--name <name>"),
    });
    expect(await logins(["--name", "x", "--apply"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("No database was named"),
    });
    const twice = ["--name", "x", "--app", "same", "--system", "same"];
    expect(await logins([...twice, "--apply"], url)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("has two purposes"),
    });
    project.secrets.push("pässwörd");
    const umlaut = await logins(["--name", `${name}_x`, "--apply"], {
      ...url,
      PARTYWALL_APP_PASSWORD: "pässwörd",
    });
    expect(umlaut).toMatchObject({ code: 1, stderr: expect.stringContaining("printable ASCII") });
    expect(await roles()).not.toContain(`${name}_x_app`);
  });
});
