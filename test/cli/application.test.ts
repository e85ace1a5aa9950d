import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { describeEngine } from "../support/engine.js";
import { testDatabase, urlAs, type TestDatabase } from "../support/postgres.js";
import { createProject, type Project } from "./project.js";

const PASSWORD = "n0t/for?print#ing@all";
const ENTRY = `
  import { createPartywall } from "partywall";
  export const pw = createPartywall({ realm: process.env["REALM"] ?? "default" });`;
const CONFIG = 'export default { entry: "./src/tenancy.ts" };';

let project: Project;
beforeAll(async () => {
  project = await createProject();
  project.secrets.push(PASSWORD, encodeURIComponent(PASSWORD), "for?print");
});
afterAll(() => project?.remove());
beforeEach(async () => {
  await project.write("partywall.config.ts", CONFIG);
  await project.write("src/tenancy.ts", ENTRY);
});
const list = (...args: string[]) => project.run(["tenant", "list", ...args]);

describe("the configuration", () => {
  test("may be TypeScript, with path aliases, enums and a module of CommonJS behind it", async () => {
    await project.write(
      "tsconfig.json",
      '{ "compilerOptions": { "paths": { "@app/*": ["./src/*"] } } }',
    );
    await project.write(
      "src/where.cts",
      'enum Where { Entry = "./src/aliased.ts" }\nexport = { entry: Where.Entry };',
    );
    await project.write("src/aliased.ts", 'export { pw as default } from "@app/tenancy";');
    await project.write(
      "partywall.config.ts",
      `import where from "./src/where.cts";
       import { definePartywallConfig } from "partywall/cli";
       export default definePartywallConfig({ entry: where.entry as string });`,
    );
    expect(await list()).toEqual({ code: 0, stdout: "", stderr: "No tenants.\n" });
  });

  test.each([
    [
      "export default { entri: './a.ts' };",
      "entri is not known. Did you mean entry? Mend it there.",
    ],
    ["export default {};", "entry is missing. Mend it there."],
    ["export default { entry: 5 };", "entry must be a text that is not empty."],
    ["export default './a.ts';", "has no default export that is an object."],
    [
      "export default { entry: './a.ts', tables: { orders: 'tenants' } };",
      'tables["orders"] must be "tenant" or "shared" or "unmanaged".',
    ],
    [
      "export default { entry: './a.ts', tables: { orders: { kind: 'tenant', colum: 'x' } } };",
      'tables["orders"].colum is not known. Did you mean column?',
    ],
    [
      "export default { entry: './a.ts', postgres: { roles: { app: 'a' } } };",
      "postgres.roles.system is missing.",
    ],
    [
      "export default { entry: './a.ts', postgres: { rollout: { until: '2026-01-01', tables: { orders: 'enforce' } } } };",
      "postgres.rollout.tables must be an object of tables",
    ],
    [
      "export default { entry: './a.ts', postgres: { servers: { default: { url: 'x' } } } };",
      "postgres.servers.default is what postgres.url says; name further servers only. Mend it there.",
    ],
    [
      "export default { entry: './a.ts', postgres: { servers: { east: { uri: 'x' } } } };",
      "postgres.servers.east.uri is not known. Did you mean url?",
    ],
    [
      "export default { entry: './a.ts', adopt: { schemas: 'public' } };",
      "adopt.schemas must be a list of texts.",
    ],
    [
      "export default { entry: './src/none.ts' };",
      "src/none.ts, which is not there. Name the module that exports `pw`.",
    ],
    ["export default {", "could not be read: "],
    [
      "throw new Error('no database at ' + process.env.DATABASE_URL);",
      "could not be read: no database at postgres://anna:[redacted]@host/db. Mend it.",
    ],
  ])("that says %s is refused with its place and the remedy", async (text, message) => {
    await project.write("partywall.config.ts", text);
    const env = { DATABASE_URL: `postgres://anna:${PASSWORD}@host/db` };
    const { code, stdout, stderr } = await project.run(["tenant", "list", "--json"], env);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    const { error } = JSON.parse(stderr.trim().split("\n").at(-1)!) as {
      error: { code: string; message: string };
    };
    expect(error.code).toBe("PW_USAGE");
    expect(error.message).toContain(`${project.folder}/`);
    expect(error.message).toContain(message);
  });

  test("is not chosen between two", async () => {
    await project.write("extra/partywall.config.js", CONFIG);
    await project.write("extra/partywall.config.ts", CONFIG);
    expect(await list("--cwd", "extra")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("Keep one, or name one with --config."),
    });
    await project.write("extra/src/tenancy.ts", ENTRY);
    expect(await list("--cwd", "extra", "--config", "partywall.config.js")).toMatchObject({
      code: 0,
    });
    expect(await list("--config", "extra/partywall.config.ts")).toMatchObject({ code: 0 });
  });
});

describe("the entry", () => {
  test("that exports no instance is told what it exports", async () => {
    await project.write("src/tenancy.ts", "export const db = 1; export const partywall = {};");
    expect(await list()).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        "(it exports db, partywall). Add: export const pw = createPartywall(",
      ),
    });
  });

  test("that fails is told with the reason and its stack where asked for, without secrets", async () => {
    await project.write(
      "src/tenancy.ts",
      `throw new TypeError("bad url postgres://u:${PASSWORD}@h/d");`,
    );
    const plain = await list();
    expect(plain.code).toBe(1);
    expect(plain.stderr).toContain(
      "could not be imported: bad url postgres://u:[redacted]@h/d. Mend it",
    );
    expect(plain.stderr).not.toContain("    at ");
    expect((await list("--verbose")).stderr).toContain("src/tenancy.ts");
  });

  test("may leave open what it opened; its warnings are seen and its output is kept out of JSON", async () => {
    await project.write(
      "src/tenancy.ts",
      `${ENTRY}
       setInterval(() => {}, 1000);
       process.emitWarning("mind the gap");
       console.log("chatter");`,
    );
    const outcome = await list("--json");
    expect(outcome).toMatchObject({ code: 0, stdout: "" });
    expect(outcome.stderr).toContain("mind the gap");
    expect(outcome.stderr).toContain("chatter");
  });

  test("sees the variables of --env, and what was set before stays", async () => {
    await project.write(
      "src/tenancy.ts",
      `${ENTRY}\nconsole.error(process.env["A"], process.env["B"]);`,
    );
    await project.write(".env.test", `A=from the file\nB=from the file\nDB_PASSWORD=${PASSWORD}\n`);
    const { stderr } = await project.run(["tenant", "list", "--env", ".env.test"], {
      B: "set",
    });
    expect(stderr).toContain("from the file set");
  });
});

describe("a database that does not answer", () => {
  let silent: Server;
  let port: number;
  beforeAll(async () => {
    silent = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await once(silent, "listening");
    ({ port } = silent.address() as AddressInfo);
  });
  afterAll(() => void silent.close());

  const encoded = encodeURIComponent(PASSWORD);
  test.each([
    [
      "is reported with its place and reason",
      () => `postgres://anna:${encoded}@127.0.0.1:${port}/shop`,
    ],
    ["whose host is unknown", () => `postgres://anna:${encoded}@nowhere.invalid/shop`],
    ["whose password was not encoded", () => `postgres://anna:${PASSWORD}@127.0.0.1:${port}/shop`],
    ["whose port is none", () => `postgres://anna:${encoded}@127.0.0.1:port/shop`],
  ])("%s, and its password is not", async (_title, url) => {
    for (const how of [
      { args: ["--url", url()], env: {} },
      { args: ["--json", "--verbose"], env: { PARTYWALL_DATABASE_URL: url() } },
    ]) {
      const { code, stdout, stderr } = await project.run(
        ["policies", "--table", "orders", "--app", "a", "--system", "b", ...how.args],
        how.env,
      );
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toContain("could not be reached. Check that it runs");
    }
  });

  test("without pg in the application it says so", async () => {
    const url = `postgres://anna:${encoded}@127.0.0.1:${port}/shop`;
    const flags = ["--table", "orders", "--app", "a", "--system", "b", "--cwd", "/"];
    const { code, stderr } = await project.run(["policies", ...flags, "--url", url]);
    expect(code).toBe(1);
    expect(stderr).toContain("npm install pg");
  });
});

describeEngine("postgres", "a login that is refused", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database?.drop());

  test("is reported without the password that was tried", async () => {
    const url = urlAs(database.url, { user: "postgres", password: PASSWORD });
    const { code, stderr } = await project.run(
      ["policies", "--table", "orders", "--app", "a", "--system", "b"],
      {
        PARTYWALL_DATABASE_URL: url,
      },
    );
    expect(code).toBe(1);
    expect(stderr).toContain(`The database ${database.name} at 127.0.0.1`);
    expect(stderr).toContain("because: password authentication failed");
  });
});
