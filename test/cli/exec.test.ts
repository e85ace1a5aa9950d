import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../support/engine.js";
import { buildShop, type Shop } from "./shop.js";

const SCRIPTS = {
  "scripts/stamp.ts": `
    import type { Script } from "partywall/cli";
    import { pool } from "../src/tenancy.js";
    const stamp: Script = async ({ tenant, args, pw }) => {
      if (tenant?.id !== pw.current().id) throw new Error("another tenant");
      if (args.includes(tenant.slug)) throw new Error("refused for " + tenant.slug);
      console.log("stamping", tenant.slug);
      await pool.query("insert into orders (id, note) values (1, $1)", [tenant.slug]);
    };
    export default stamp;`,
  "scripts/plain.ts": `
    import { pool, pw } from "../src/tenancy.js";
    const where: string = pw.tryCurrent()?.slug ?? "nowhere";
    const { rows } = await pool.query("select note from orders");
    console.log(where, JSON.stringify(rows));`,
  "scripts/plain.js": `
    import { pw } from "../src/tenancy.ts";
    console.log("plain JavaScript in", pw.current().slug);`,
  "scripts/nothing.ts": `export const nothing = true;`,
  "scripts/central.ts": `
    import { pool } from "../src/tenancy.js";
    export default async () => {
      await pool.query("select * from countries");
      await pool.query("select * from orders");
    };`,
  "scripts/slow.ts": `
    export default async ({ tenant, signal }) => {
      console.log("begun", tenant.slug);
      await new Promise((done) => {
        if (signal.aborted) done();
        signal.addEventListener("abort", done);
        setTimeout(done, 60_000);
      });
    };`,
  "scripts/stubborn.ts": `
    export default () => {
      console.log("begun");
      return new Promise((done) => setTimeout(done, 60_000));
    };`,
  "scripts/leak.ts": `
    export default () => { throw new Error("cannot reach " + process.env["APP_URL"]); };`,
  "scripts/fault.ts": `
    export default async () => {
      setTimeout(() => { throw new Error("nobody awaits " + process.env["APP_URL"]); }, 0);
      await new Promise((done) => setTimeout(done, 60_000));
    };`,
};

describeEngine("postgres", "partywall exec", () => {
  let shop: Shop;
  const slugs = ["ant", "bee", "cat", "dog", "elk"];
  beforeAll(async () => {
    shop = await buildShop();
    for (const [path, text] of Object.entries(SCRIPTS)) await shop.project.write(path, text);
    for (const slug of slugs) {
      await shop.project.run(["tenant", "create", "--slug", slug, "--name", slug]);
    }
    await shop.project.run(["tenant", "suspend", "elk", "--confirm", "elk"]);
  });
  afterAll(() => shop?.close());
  const exec = (...args: string[]) => shop.project.run(["exec", ...args]);
  const stamped = async () => {
    const rows = await shop.rows(
      "select o.note, t.slug from orders o join partywall.tenants t on t.id = o.tenant_id::text order by 1",
    );
    return rows.map(({ note, slug }) => {
      expect(slug).toBe(note);
      return slug;
    });
  };

  test("a script's default export runs in the scope of one tenant, with its words", async () => {
    const outcome = await exec("--tenant", "ant", "--", "scripts/stamp.ts", "nobody");
    expect(outcome).toMatchObject({ code: 0, stderr: "" });
    expect(outcome.stdout).toBe("the entry says hello\nstamping ant\nDone.\n");
    expect(await stamped()).toEqual(["ant"]);
  });

  test("a module without a default export runs in the scope by being imported, TypeScript or not", async () => {
    const typed = await exec("--tenant", "ant", "--", "scripts/plain.ts");
    expect(typed).toMatchObject({ code: 0 });
    expect(typed.stdout).toContain('ant [{"note":"ant"}]');
    const plain = await exec("--tenant", "slug:bee", "--", "scripts/plain.js");
    expect(plain).toMatchObject({ code: 0, stderr: "" });
    expect(plain.stdout).toContain("plain JavaScript in bee");
    // For all tenants it is imported once, outside any scope.
    const outside = await exec("--all", "--", "scripts/plain.ts");
    expect(outside).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("outside any scope"),
    });
  });

  test("--all visits every active tenant, collects failures by tenant and ends with 1", async () => {
    await shop.rows("truncate orders");
    const outcome = await exec(
      "--all",
      "--concurrency",
      "2",
      "--",
      "scripts/stamp.ts",
      "bee",
      "dog",
    );
    expect(outcome.code).toBe(1);
    expect(outcome.stdout).toMatch(/failed {2}bee {2}refused for bee/);
    expect(outcome.stdout).toMatch(/failed {2}dog {2}refused for dog/);
    expect(outcome.stdout).toContain("2 succeeded, 2 failed, 0 skipped.");
    expect(outcome.stderr).toContain("100%  4/4 tenants");
    expect(await stamped()).toEqual(["ant", "cat"]);
  });

  test("--all --json prints the report alone; the scripts' own output goes to standard error", async () => {
    await shop.rows("truncate orders");
    const { code, stdout, stderr } = await exec("--all", "--json", "--", "scripts/stamp.ts", "cat");
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      succeeded: 3,
      skipped: 0,
      stopped: false,
      failures: [{ slug: "cat", error: { message: "refused for cat" } }],
    });
    expect(stderr).toContain("stamping ant");
    expect(stderr).not.toContain("%");
  });

  test("--central sees shared tables, and tenants' tables refuse", async () => {
    const outcome = await exec("--central", "--", "scripts/central.ts");
    expect(outcome.code).toBe(1);
    expect(outcome.stdout).toContain("(PW_CENTRAL_SCOPE)");
  });

  test("a suspended tenant is not entered", async () => {
    const outcome = await exec("--tenant", "elk", "--", "scripts/stamp.ts");
    expect(outcome.code).toBe(1);
    expect(outcome.stdout).toContain("(PW_TENANT_SUSPENDED)");
    expect(await stamped()).not.toContain("elk");
  });

  test("Ctrl-C begins no further tenant, waits for those begun and says where it stopped", async () => {
    const run = shop.project.start([
      "exec",
      "--all",
      "--concurrency",
      "1",
      "--json",
      "--",
      "scripts/slow.ts",
    ]);
    await run.printed("begun");
    run.child.kill("SIGINT");
    const { code, stdout, stderr } = await run.ended;
    expect(code).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ succeeded: 1, failures: [], stopped: true });
    expect(stderr.match(/begun/g)).toHaveLength(1);
  });

  test("a second Ctrl-C does not wait", async () => {
    const run = shop.project.start(["exec", "--tenant", "ant", "--", "scripts/stubborn.ts"]);
    await run.printed("begun");
    run.child.kill("SIGINT");
    run.child.kill("SIGTERM");
    const { code } = await run.ended;
    expect([130, 143]).toContain(code);
  });

  test("what a script throws is told without the secrets in it, awaited or not", async () => {
    const thrown = await exec("--tenant", "ant", "--verbose", "--", "scripts/leak.ts");
    expect(thrown.code).toBe(1);
    expect(thrown.stdout).toContain("cannot reach postgres://");
    const fault = await exec("--tenant", "ant", "--", "scripts/fault.ts");
    expect(fault.code).toBe(1);
    expect(fault.stderr).toContain("nobody awaits postgres://");
  });

  test("wrong use names what is missing", async () => {
    for (const [args, message] of [
      [["--tenant", "ant"], "No script was named"],
      [["--", "scripts/stamp.ts"], "one of --tenant <tenant>, --all and --central"],
      [["--all", "--central", "--", "scripts/stamp.ts"], "one of --tenant"],
      [["--tenant", "ant", "--", "scripts/none.ts"], "is not there. Mend the path"],
      [
        ["--tenant", "ant", "--force", "--", "x.ts"],
        'Put what is meant for the script behind "--"',
      ],
      [["--all", "--concurrency", "0", "--", "x.ts"], "--concurrency takes a whole number"],
    ] as const) {
      const { code, stderr } = await exec(...args);
      expect(stderr).toContain(message);
      expect(code).toBe(2);
    }
    const unnamed = await exec("--all", "--", "scripts/nothing.ts");
    expect(unnamed.stderr).toContain("For --all, export default a function.");
    expect(unnamed.code).toBe(2);
    expect(await exec("--tenant", "nobody", "--", "scripts/stamp.ts")).toMatchObject({ code: 1 });
  });
});
