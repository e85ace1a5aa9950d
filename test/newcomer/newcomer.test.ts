import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseEnv } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createProject, type CliOutcome, type Project } from "../cli/project.js";
import { ROOT, runNode } from "../house/run.js";
import { describeEngine } from "../support/engine.js";
import { testDatabase, urlAs, withClient, type TestDatabase } from "../support/postgres.js";
import { dropRoles } from "../support/roles.js";
import { APPLICATION, MIGRATION, ROWS } from "./application.js";
import { endLeftOver, serve, type Served } from "./served.js";

const PACKAGES = [
  "@types/express",
  "@types/node",
  "@types/pg",
  "drizzle-kit",
  "drizzle-orm",
  "express",
  "tsx",
];
const MINUTE = 60_000;

const AUTHOR = ["-c", "user.name=newcomer", "-c", "user.email=newcomer@example.com"];

/** What `init --json` says is to be done next. */
interface NextStep {
  readonly what: string;
  readonly command?: string;
}

describeEngine("postgres", "the newcomer's path", () => {
  let project: Project;
  let database: TestDatabase;
  let unguarded: pg.Client;
  let next: readonly NextStep[];
  let tenant: string;
  let server: Served;

  /** Runs the command, which must end well. */
  const partywall = async (args: readonly string[]): Promise<CliOutcome> => {
    const outcome = await project.run(args);
    const said = `partywall ${args.join(" ")}\n${outcome.stdout}${outcome.stderr}`;
    expect(outcome.code, said).toBe(0);
    return outcome;
  };

  /** Runs the step that `init` named, as it is, and with what only a person can know. */
  const step = (command: string, ...more: readonly string[]): Promise<CliOutcome> => {
    const line = next.find((one) => one.command?.includes(` partywall ${command}`))?.command;
    expect(line, `a step with "${command}"`).toBeDefined();
    const words = line!.slice(line!.indexOf(" partywall ") + " partywall ".length);
    return partywall([...words.split(" "), ...more]);
  };

  /** What a superuser, who passes every policy, finds. */
  const rows = async (sql: string): Promise<unknown[]> => (await unguarded.query(sql)).rows;

  beforeAll(async () => {
    database = await testDatabase();
    unguarded = new pg.Client({ connectionString: database.url });
    await unguarded.connect();
    const owner = `${database.name}_shop`;
    const password = randomBytes(12).toString("hex");
    await unguarded.query(`create role ${owner} login password '${password}'`);
    await unguarded.query(`alter database ${database.name} owner to ${owner}`);
    const address = urlAs(database.url, { user: owner, password });
    await withClient(address, (client) => client.query(MIGRATION + ROWS));

    project = await createProject();
    for (const name of PACKAGES) {
      await mkdir(dirname(join(project.folder, "node_modules", name)), { recursive: true });
      await symlink(`${ROOT}node_modules/${name}`, join(project.folder, "node_modules", name));
    }
    for (const [path, text] of Object.entries(APPLICATION)) await project.write(path, text);
    await project.write(".env", `DATABASE_URL=${address}\n`);
    project.secrets.push(password);
    // The one thing that is not in the project: who may create logins.
    project.env["PARTYWALL_DATABASE_URL"] = database.url;
    git(project, "init", "--quiet");
    git(project, "add", "--all");
    git(project, ...AUTHOR, "commit", "--quiet", "-m", "an application with one customer");
  }, 2 * MINUTE);

  afterAll(async () => {
    await endLeftOver();
    await unguarded?.end();
    await database?.drop();
    if (database) await dropRoles(database);
    await project?.remove();
  });

  test(
    "the application serves its one customer",
    async () => {
      server = await serve(project.folder);
      expect((await server.ask("/notes")).json).toHaveLength(20);
      await server.stop();
    },
    MINUTE,
  );

  test(
    "init shows what it would change, and changes nothing",
    async () => {
      const { stdout } = await partywall(["init"]);
      expect(stdout).toContain("Found: Express, Drizzle, pg; TypeScript, ES modules; npm");
      expect(stdout).toContain("+const pool = pw.postgres.pool;");
      expect(stdout).toContain("+app.use(inTenant);");
      expect(stdout).not.toContain("To be changed by hand");
      expect(git(project, "status", "--porcelain")).toBe("");
    },
    MINUTE,
  );

  test(
    "init --apply wires it, and it compiles as strictly as before",
    async () => {
      // The server of the tests is shared: others may go on connecting to its other databases.
      const logins = ["--logins", "--own-database-only"];
      const { stdout } = await partywall(["init", "--public", "--apply", ...logins, "--json"]);
      const plan = JSON.parse(stdout) as {
        created: string[];
        manual: unknown[];
        notices: unknown[];
        next: NextStep[];
      };
      expect([plan.manual, plan.notices]).toEqual([[], []]);
      const { name: shop } = database;
      expect(plan.created).toEqual(expect.arrayContaining([`${shop}_app`, `${shop}_system`]));
      expect(plan.next.filter(({ command }) => command?.includes("logins"))).toEqual([]);
      next = plan.next;
      tenant = /tenant: "([^"]+)"/.exec(await project.read("partywall.config.ts"))![1]!;
      const env = parseEnv(await project.read(".env"));
      for (const [name, value] of Object.entries(env)) {
        if (/_(?:SECRET|PASSWORD)$/.test(name)) project.secrets.push(value!);
      }
      expect(project.secrets).toHaveLength(5);
      expect(git(project, "status", "--porcelain").split("\n").filter(Boolean).toSorted()).toEqual([
        " M src/app.ts",
        " M src/db.ts",
        " M src/server.ts",
        "?? .env.example",
        "?? partywall.config.ts",
        "?? src/partywall.ts",
        "?? src/tenancy.ts",
      ]);
      await assertCompiles(project);
    },
    MINUTE,
  );

  test(
    "until the wall stands it does not serve",
    async () => {
      await expect(serve(project.folder)).rejects.toThrow("the application ended");
    },
    MINUTE,
  );

  test(
    "adopt puts it behind the wall and registers its customer, by the lines that init printed",
    async () => {
      const plan = await step("adopt plan", "--shared", "languages");
      expect(plan.stdout).toContain("public.notes");
      await step("adopt run", "--shared", "languages");
      await step("adopt schema");
      expect(git(project, "diff", "src/schema.ts")).toContain("tenant_id");
      await assertCompiles(project);
      const listed = await partywall(["tenant", "list", "--env", ".env", "--json"]);
      expect(JSON.parse(listed.stdout)).toMatchObject({
        id: tenant,
        slug: "first",
        status: "active",
      });
      await partywall([
        "tenant",
        "create",
        "--slug",
        "second",
        "--name",
        "Second",
        "--env",
        ".env",
      ]);
      const audit = await step("audit");
      expect(audit.stdout).toContain("The proof stands.");
    },
    2 * MINUTE,
  );

  test(
    "the former rows are the first tenant's, and the second has none",
    async () => {
      server = await serve(project.folder);
      const first = await server.ask("/notes", "first");
      expect(first.status).toBe(200);
      expect(first.json).toHaveLength(20);
      expect(first.json).toContainEqual({
        id: 1,
        title: "former note 1",
        author: "grace@example.com",
      });
      expect(await server.ask("/notes/7", "first")).toMatchObject({
        status: 200,
        json: { title: "former note 7", comments: ["former comment on 7"] },
      });
      expect(await server.ask("/notes", "second")).toMatchObject({ status: 200, json: [] });
      expect(await server.ask("/notes/7", "second")).toMatchObject({ status: 404 });
      for (const slug of ["first", "second"]) {
        expect((await server.ask("/languages", slug)).json).toHaveLength(3);
      }
      for (const table of ["authors", "notes", "comments"]) {
        expect(await rows(`select distinct tenant_id from ${table}`)).toEqual([
          { tenant_id: tenant },
        ]);
      }
    },
    MINUTE,
  );

  test("what they write stays apart, also where both write the same", async () => {
    const note = { email: "ada@example.com", title: "the same", comment: "the same" };
    const [one, two] = await Promise.all(
      ["first", "second"].map((slug) => server.ask("/notes", slug, { method: "POST", body: note })),
    );
    expect([one!.status, two!.status]).toEqual([201, 201]);
    expect((await server.ask("/notes", "first")).json).toHaveLength(21);
    expect((await server.ask("/notes", "second")).json).toHaveLength(1);
    expect(
      await rows(`select t.slug, count(distinct a.id)::int as authors, count(distinct n.id)::int as notes,
          count(distinct c.id)::int as comments
        from partywall.tenants t join authors a on a.tenant_id::text = t.id join notes n on n.tenant_id::text = t.id
        join comments c on c.tenant_id::text = t.id group by t.slug order by t.slug`),
    ).toEqual([
      { slug: "first", authors: 2, notes: 21, comments: 21 },
      { slug: "second", authors: 1, notes: 1, comments: 1 },
    ]);
  });

  test("neither can change or delete what is the other's", async () => {
    const change = { method: "PUT", body: { title: "taken over" } };
    expect((await server.ask("/notes/7", "second", change)).json).toEqual({ changed: 0 });
    expect((await server.ask("/notes", "second", { method: "DELETE" })).json).toEqual({ gone: 1 });
    expect(await rows("select count(*)::int from notes where title = 'taken over'")).toEqual([
      { count: 0 },
    ]);
    expect(await rows("select distinct tenant_id from notes")).toEqual([{ tenant_id: tenant }]);
    expect(await rows("select count(*)::int from notes")).toEqual([{ count: 21 }]);
  });

  test("injected SQL cannot read the other's rows", async () => {
    const attacks = [
      "' or true --",
      "' union all select email from authors --",
      `' or tenant_id = '${tenant}' --`,
      "' union all select current_setting('partywall.tenant', true) --",
    ];
    for (const attack of attacks) {
      const { text } = await server.ask(`/search?q=${encodeURIComponent(attack)}`, "second");
      expect(text).not.toMatch(/former|grace/);
    }
    expect((await server.ask("/search?q=former", "first")).json).toHaveLength(20);
  });

  test("a request that names no tenant, an unknown or a malformed one gets nothing", async () => {
    expect(await server.ask("/notes")).toMatchObject({ status: 404 });
    expect(await server.ask("/notes", "third")).toMatchObject({ status: 404 });
    expect(await server.ask("/notes", "first.second")).toMatchObject({ status: 400 });
    expect(await server.ask("/health")).toMatchObject({ status: 200, json: { ok: true } });
  });

  test("init run again says that it has been done", async () => {
    const before = git(project, "status", "--porcelain");
    const { stdout } = await partywall(["init", "--apply", "--force"]);
    expect(stdout).toContain("This project is initialised");
    expect(git(project, "status", "--porcelain")).toBe(before);
  });
});

function git(project: Project, ...args: string[]): string {
  return execFileSync("git", args, { cwd: project.folder, encoding: "utf8" });
}

async function assertCompiles({ folder }: Project): Promise<void> {
  const compiler = `${ROOT}node_modules/typescript/bin/tsc`;
  const { code, output } = await runNode([compiler, "-p", folder], {}, folder);
  expect(code, output).toBe(0);
}
