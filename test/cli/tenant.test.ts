import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../support/engine.js";
import { buildShop, type Shop } from "./shop.js";

describeEngine("postgres", "partywall tenant", () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await buildShop();
  });
  afterAll(() => shop?.close());
  const run = (...args: string[]) => shop.project.run(["tenant", ...args]);
  const stored = (slug: string) =>
    shop
      .rows("select id, name, status, fields from partywall.tenants where slug = $1", [slug])
      .then(([row]) => row);
  const seals = async (slug: string) => {
    const [row] = await shop.rows(
      "select count(*)::int as n from partywall.seals s join partywall.tenants t on t.id = s.tenant where t.slug = $1",
      [slug],
    );
    return row?.["n"];
  };

  test("create registers a tenant, with fields, and lets the guard admit it", async () => {
    const outcome = await run(
      ..."create --slug acme --name Acme".split(" "),
      ...["plan=pro", "seats=25", "zip=01234", 'code="5"', "big=9007199254740993"].flatMap(
        (set) => ["--set", set],
      ),
    );
    expect(outcome).toMatchObject({ code: 0, stderr: "" });
    expect(outcome.stdout).toContain("the entry says hello");
    expect(outcome.stdout).toMatch(/^status +active$/m);
    expect(outcome.stdout).toMatch(/^fields\.plan +pro$/m);
    expect(await stored("acme")).toMatchObject({
      name: "Acme",
      status: "active",
      fields: { plan: "pro", seats: 25, zip: "01234", code: "5", big: "9007199254740993" },
    });
    expect(await seals("acme")).toBe(1);
  });

  test("create --json prints the record alone, whatever the entry prints", async () => {
    const id = "3d6f0f2e-8a39-4a30-9b61-0d8f2b8d5a11";
    const { code, stdout, stderr } = await run(
      ...`create --slug globex --name Globex --id ${id} --json`.split(" "),
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ id, slug: "globex", status: "active" });
    expect(stderr).toBe("the entry says hello\n");
  });

  test("a slug that is taken is an error with its code, as JSON where asked for", async () => {
    const people = await run(..."create --slug acme --name Other".split(" "));
    expect(people.code).toBe(1);
    expect(people.stderr).toContain("A tenant with this slug is registered already");
    const program = await run(..."create --slug acme --name Other --json".split(" "));
    expect(program).toMatchObject({ code: 1, stdout: "" });
    const told = JSON.parse(program.stderr.split("\n").at(-2)!) as { error: { code: string } };
    expect(told.error.code).toBe("PW_TENANT_EXISTS");
  });

  test("create without its flags, or with fields that cannot be, says what is missing", async () => {
    expect(await run("create", "--name", "x")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--slug is missing. Add --slug <slug>."),
    });
    expect(await run(..."create --slug x --name x --set plan".split(" "))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--set takes <key=value>"),
    });
    expect(await run(..."create --slug x --name x --set a=1 --set a=2".split(" "))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--set gives "a" twice'),
    });
    expect(await stored("x")).toBeUndefined();
  });

  test("show finds by slug, by id, and by either where it is said which; secrets are masked", async () => {
    await run(..."create --slug keeper --name Keeper --set apiToken=abcdefgh --set n=1".split(" "));
    const { id } = (await stored("keeper")) as { id: string };
    for (const word of ["keeper", id, "slug:keeper", `id:${id}`]) {
      const { code, stdout } = await run("show", word);
      expect(code).toBe(0);
      expect(stdout).toContain(id);
      expect(stdout).toMatch(/^fields\.apiToken +\[redacted\]$/m);
    }
    const json = await run("show", "keeper", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({ fields: { apiToken: "[redacted]", n: 1 } });
    expect(await run("show", "nobody")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("There is no tenant with the slug or id"),
    });
  });

  test("a word that is the slug of one tenant and the id of another is not guessed at", async () => {
    const victim = "6a0a0a36-2d4c-4c43-b4f0-5b1b1fb2a0aa";
    await run(...`create --slug victim --name Victim --id ${victim}`.split(" "));
    await run(...`create --slug ${victim} --name Impostor`.split(" "));
    const outcome = await run("suspend", victim, "--confirm", victim);
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain(`Write slug:${victim} or id:${victim}`);
    expect(await stored("victim")).toMatchObject({ status: "active" });
  });

  test("suspend is refused until the slug is named, --yes or not, and nothing has happened then", async () => {
    for (const flags of [[], ["--yes"], ["--confirm", "globex"]]) {
      const outcome = await run("suspend", "acme", ...flags);
      expect(outcome.code).toBe(2);
      expect(outcome.stderr).toContain("Nothing was done.");
    }
    expect((await run("suspend", "acme", "--yes")).stderr).toContain("Add --confirm acme.");
    expect(await stored("acme")).toMatchObject({ status: "active" });
    expect(await seals("acme")).toBe(1);
  });

  test("suspend shuts the tenant out and restore lets it in again", async () => {
    const suspended = await run(..."suspend acme --yes --confirm acme --json".split(" "));
    expect(suspended.code).toBe(0);
    expect(JSON.parse(suspended.stdout)).toMatchObject({ slug: "acme", status: "suspended" });
    expect(await seals("acme")).toBe(0);
    const restored = await run("restore", "acme");
    expect(restored.code).toBe(0);
    expect(await stored("acme")).toMatchObject({ status: "active" });
    expect(await seals("acme")).toBe(1);
  });

  test("list shows a table; --status, --limit and --json narrow and shape it", async () => {
    await run(..."suspend globex --confirm globex".split(" "));
    const table = await run("list");
    expect(table.code).toBe(0);
    const lines = table.stdout.split("\n");
    expect(lines).toContainEqual(expect.stringMatching(/^SLUG +NAME +STATUS +ID +SINCE$/));
    expect(lines).toContainEqual(expect.stringMatching(/^globex +Globex +suspended +3d6f0f2e-/));
    const only = await run("list", "--status", "suspended", "--json");
    expect(
      only.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([expect.objectContaining({ slug: "globex", status: "suspended" })]);
    const limited = await run("list", "--limit", "2", "--json");
    expect(limited.stdout.trim().split("\n")).toHaveLength(2);
    expect(await run("list", "--status", "gone")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--status takes provisioning, active, suspended, deleted"),
    });
    const none = await run("list", "--status", "deleted", "--json");
    expect(none).toMatchObject({ code: 0, stdout: "" });
  });

  test("list reads thousands page by page, each tenant once", async () => {
    await shop.rows(
      `insert into partywall.tenants (id, slug, name, status, placement, fields, version, created_at, updated_at)
       select 'bulk-' || lpad(n::text, 5, '0'), 'bulk-' || n, '租户 ' || n, 'provisioning', '{"strategy":"row"}', '{}', 1, now(), now()
       from generate_series(1, 2500) n`,
    );
    const { code, stdout } = await run("list", "--status", "provisioning", "--json");
    expect(code).toBe(0);
    const slugs = stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { slug: string }).slug);
    expect(slugs).toHaveLength(2500);
    expect(new Set(slugs).size).toBe(2500);
    const limited = await run("list", "--status", "provisioning", "--limit", "1200");
    expect(limited.stdout.split("\n").filter((line) => line.startsWith("bulk-"))).toHaveLength(
      1200,
    );
  });
});
