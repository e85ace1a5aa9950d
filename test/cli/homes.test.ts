import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../support/engine.js";
import { buildShop, type Shop } from "./shop.js";

const HOMES = `
import { provisioner } from "partywall/tenants";

export const homes = provisioner(pg, {
  admin: REGISTRY_URL,
  roles: { app: process.env["APP_ROLE"]!, system: process.env["SYSTEM_ROLE"]! },
  migrate: async ({ tenant, connection }) => {
    if (process.env["BROKEN"] === tenant?.slug) throw new Error("the migrator stumbled");
    const client = new pg.Client(connection);
    await client.connect();
    await client.query("create table if not exists orders (tenant_id uuid not null, id int not null, note text, primary key (tenant_id, id))");
    await client.query("alter table orders add column if not exists amount int");
    await client.end();
  },
});
`;

describeEngine("postgres", "partywall tenant with homes of their own", () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await buildShop();
    const entry = await shop.project.read("src/tenancy.ts");
    const wired = entry
      .replace("export const pw", `${HOMES}\nexport const pw`)
      .replace(
        "secret: PARTYWALL_SECRET,",
        "secret: PARTYWALL_SECRET, provision: homes.provision,",
      );
    await shop.project.write("src/tenancy.ts", wired);
  });
  afterAll(() => shop?.close());
  const run = (line: string, env?: Record<string, string>) =>
    shop.project.run(["tenant", ...line.split(" ")], env);
  const homes = async () =>
    (await shop.rows("select nspname from pg_namespace where nspname like 't\\_%' order by 1")).map(
      ({ nspname }) => nspname,
    );

  test("create makes a schema behind the wall, named after the slug", async () => {
    const outcome = await run("create --slug acme --name Acme --strategy schema");
    expect(outcome).toMatchObject({ code: 0, stderr: "" });
    expect(await homes()).toEqual([expect.stringMatching(/^t_acme_[0-9a-f]{16}$/)]);
    await run("create --slug globex --name Globex --strategy schema --home t_globex");
    const read = await shop.project.run(["tenant", "show", "globex"]);
    expect(read.stdout).toContain("schema t_globex");
    const odd = await run("create --slug odd --name Odd --home t_odd");
    expect(odd).toMatchObject({ code: 2 });
  });

  test("migrate tells of homes that could not be, and exits with 1", async () => {
    const broken = await run("migrate --all --canaries 0 --json", { BROKEN: "globex" });
    expect(broken.code).toBe(1);
    expect(JSON.parse(broken.stdout)).toMatchObject({
      succeeded: 1,
      failed: [{ why: "the migrator stumbled" }],
    });
    expect(await run("migrate --all")).toMatchObject({ code: 0 });
    expect(await run("migrate --tenant acme")).toMatchObject({ code: 0 });
    expect(await run("migrate")).toMatchObject({ code: 2 });
  });

  test("deprovision drops a suspended tenant's schema once it is confirmed, and no other", async () => {
    expect((await run("deprovision globex --confirm globex")).stderr).toContain("it is active");
    await run("suspend globex --confirm globex");
    const dry = await run("deprovision globex --dry-run");
    expect(dry.stdout).toContain('would drop schema "t_globex"');
    expect(await run("deprovision globex")).toMatchObject({ code: 2 });
    expect(await run("deprovision globex --confirm acme")).toMatchObject({ code: 2 });
    expect(await homes()).toHaveLength(2);
    const done = await run("deprovision globex --confirm globex");
    expect(done.stdout).toContain('dropped schema "t_globex"');
    expect(await homes()).toEqual([expect.stringMatching(/^t_acme_/)]);
    expect(await run("deprovision globex --confirm globex")).toMatchObject({ code: 0 });
  });
});
