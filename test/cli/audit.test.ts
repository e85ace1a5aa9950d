import { afterAll, beforeAll, expect, test } from "vitest";
import type { AuditReport } from "../../src/cli/actions/audit.js";
import { describeEngine } from "../support/engine.js";
import { testDatabase } from "../support/postgres.js";
import { buildShop, type Shop } from "./shop.js";

describeEngine("postgres", "partywall audit", () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await buildShop();
    await shop.project.run(["tenant", "create", "--slug", "acme", "--name", "Acme"]);
  });
  afterAll(() => shop?.close());
  const audit = (args: readonly string[] = [], env?: Record<string, string>) =>
    shop.project.run(["audit", ...args], env);
  const planted = async (plant: string, undo: string, look: () => Promise<void>) => {
    await shop.rows(plant);
    try {
      await look();
    } finally {
      await shop.rows(undo);
    }
  };

  test("finds nothing where the wall stands, through the application's own logins", async () => {
    const people = await audit();
    expect(people).toMatchObject({ code: 0, stderr: "" });
    expect(people.stdout).toContain(
      `${shop.database.name} as ${shop.roles.app}: nothing found.\nThe proof stands.`,
    );
    const { stdout } = await audit(["--json"]);
    expect(JSON.parse(stdout)).toEqual({
      database: shop.database.name,
      login: shop.roles.app,
      proof: "stands",
      findings: [],
    });
  });

  test("names what is wrong and ends with 1, unless it is milder than asked for or accepted", () =>
    planted(
      "create function peek() returns int language sql security definer set search_path = pg_catalog as 'select 1'",
      "drop function peek()",
      async () => {
        const people = await audit();
        expect(people.code).toBe(1);
        expect(people.stdout).toContain("high  security-definer  public.peek()");
        expect(people.stdout).toContain(
          `  Fix: Take the right to call it, or let it run with the caller's rights.\n    revoke execute on routine public.peek() from`,
        );
        expect(people.stdout).toContain("1 high.\nThe proof stands.");
        for (const flags of [
          ["--fail-on", "critical"],
          ["--fail-on", "none"],
          ["--accept", "security-definer"],
        ]) {
          const { code, stdout } = await audit([...flags, "--json"]);
          expect(code).toBe(0);
          const { findings } = JSON.parse(stdout) as AuditReport;
          expect(findings).toMatchObject([
            {
              code: "security-definer",
              severity: "high",
              object: "public.peek()",
              accepted: flags[0] === "--accept",
            },
          ]);
        }
        expect((await audit(["--fail-on", "low"])).code).toBe(1);
      },
    ));

  test("--fix prints one script that mends what SQL can, and runs none of it", () =>
    planted(
      `grant truncate on orders to ${shop.roles.app}; create publication feed for table orders`,
      "drop publication feed",
      async () => {
        const { code, stdout, stderr } = await audit(["--fix"]);
        expect({ code, stderr }).toEqual({ code: 1, stderr: "the entry says hello\n" });
        expect(stdout).toContain(
          `revoke truncate on public.orders from "${shop.roles.app}", public;`,
        );
        expect(stdout).toContain("-- medium  publication  feed\n-- For you to decide: ");
        const codes = async () => {
          const json = await audit(["--json"]);
          return (JSON.parse(json.stdout) as AuditReport).findings.map((one) => one.code);
        };
        expect(await codes()).toEqual(["proof-failed", "truncate", "publication"]);
        expect(stdout.split("\n").filter((line) => !/^(--|revoke|$)/.test(line))).toEqual([]);
        await shop.rows(stdout);
        expect(await codes()).toEqual(["publication"]);
        const accepted = await audit(["--fix", "--accept", "publication"]);
        expect(accepted).toMatchObject({ code: 0, stdout: "" });
      },
    ));

  test("a proof that fails is the first finding, and the catalogue is read all the same", () =>
    planted(
      `grant truncate on orders to ${shop.roles.app}`,
      `revoke truncate on orders from ${shop.roles.app}`,
      async () => {
        const { code, stdout } = await audit(["--json"]);
        expect(code).toBe(1);
        expect(JSON.parse(stdout)).toMatchObject({
          proof: "failed",
          findings: [
            {
              code: "proof-failed",
              severity: "critical",
              why: expect.stringContaining("TRUNCATE"),
            },
            { code: "truncate", severity: "critical", object: "public.orders" },
          ],
        });
      },
    ));

  test("tables that the configuration gives to tenants must stand behind the wall", () =>
    planted(
      "drop policy partywall_tenant on orders; drop policy partywall_app on orders; drop policy partywall_across on orders",
      "select 1",
      async () => {
        const { code, stdout } = await audit(["--json"]);
        expect(code).toBe(1);
        expect((JSON.parse(stdout) as AuditReport).findings.map((one) => one.code)).toEqual([
          "table-unwalled",
        ]);
        const apply = ["policies", "--apply", "--owner", shop.owner, "--url", shop.database.url];
        expect((await shop.project.run(apply)).code).toBe(0);
        expect((await audit()).code).toBe(0);
      },
    ));

  test("a configuration that names another login than the application uses is found", async () => {
    const { code, stdout } = await audit(["--json"], { APP_ROLE: shop.owner });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      findings: [{ code: "login-differs", object: shop.roles.app }],
    });
  });

  test("reads through another login where it is named, and refuses another database", async () => {
    const own = await audit(["--json"], { PARTYWALL_DATABASE_URL: shop.database.url });
    expect(own.code).toBe(0);
    const other = await testDatabase();
    try {
      const refused = await audit(["--url", other.url]);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain("Name the application's database.");
    } finally {
      await other.drop();
    }
  });

  test("--catalogue-only needs no application, says so, and needs to be told the logins", async () => {
    const env = { PARTYWALL_DATABASE_URL: shop.database.url };
    const blind = await audit(["--catalogue-only", "--json"], env);
    expect(blind.code).toBe(0);
    expect(JSON.parse(blind.stdout)).toMatchObject({ proof: "not run", findings: [] });
    const none = ["audit", "--catalogue-only", "--cwd", "src"];
    const named = ["--app", shop.roles.app, "--system", shop.roles.system];
    expect(await shop.project.run([...none, ...named], env)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("The proof was not run."),
    });
    expect(await shop.project.run(none, env)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("Add --app <role> and --system <role>"),
    });
    expect(await shop.project.run(["audit", "--cwd", "src"], env)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("There is no partywall.config.ts in"),
    });
  });

  test("a code that no finding has is not accepted silently", async () => {
    const { code, stderr } = await audit(["--accept", "security-definr"]);
    expect(code).toBe(2);
    expect(stderr).toContain("Did you mean security-definer?");
  });
});
