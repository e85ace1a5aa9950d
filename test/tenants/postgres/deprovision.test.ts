import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { buildEstate, type Estate } from "./grounds.js";

describeEngine("postgres", "taking down a home", () => {
  let estate: Estate;
  beforeAll(async () => {
    estate = await buildEstate();
  });
  afterAll(() => estate?.close());
  const made = () =>
    estate.homes({
      template: { schema: { schema: "template" }, database: { database: estate.templateDatabase } },
    });
  const there = async (name: string) => [
    await estate.one("select count(*)::int from pg_namespace where nspname = $1", [name]),
    await estate.one("select count(*)::int from pg_database where datname = $1", [name]),
    await estate.one("select count(*)::int from pg_roles where rolname = $1", [`${name}_login`]),
  ];

  test.each(["schema", "database"] as const)(
    "a %s goes when its tenant is suspended and confirmed, with its login, and again harmlessly",
    async (strategy) => {
      const homes = made();
      const pw = estate.application(homes.provision);
      const tenant = estate.newcomer(`gone_${strategy}`, { strategy, secret: `vault/${strategy}` });
      const name = tenant.placement.name!;
      const record = await pw.tenants.create({
        ...tenant,
        slug: tenant.slug.replace("_", "-"),
        name: "Gone",
      });
      const confirm = { confirm: record.slug };
      await expect(homes.deprovision(record, confirm)).rejects.toMatchObject({
        code: "PW_PLACEMENT",
      });
      // A record that lies about its status: the database knows better.
      const stale = { ...record, status: "suspended" } as const;
      await expect(homes.deprovision(stale, confirm)).rejects.toThrow("still lets the tenant in");
      const suspended = await pw.tenants.suspend(tenant.id);
      await expect(homes.deprovision(suspended, { confirm: "other" })).rejects.toThrow("confirm");
      const standing = strategy === "schema" ? [1, 0, 1] : [0, 1, 1];
      const dropped = [`${strategy} "${name}"`, `role "${name}_login"`];
      expect(await homes.deprovision(suspended, { ...confirm, dryRun: true })).toEqual({
        dropped,
        kept: [],
      });
      expect(await there(name)).toEqual(standing);
      expect(await homes.deprovision(suspended, confirm)).toEqual({ dropped, kept: [] });
      expect(await there(name)).toEqual([0, 0, 0]);
      expect(await homes.deprovision(suspended, confirm)).toEqual({ dropped: [], kept: [] });
    },
  );

  test.each([
    ["a view", "create view public.over as select * from NAME.orders", "drop view public.over"],
    [
      "a key",
      "create table public.tied (c uuid, i int, foreign key (c, i) references NAME.customers)",
      "drop table public.tied",
    ],
    [
      "a column of a type",
      "create type NAME.kind as enum ('a'); create table public.typed (id int, kind NAME.kind)",
      "drop table public.typed",
    ],
    [
      "a default",
      "create table public.counted (id int default nextval('NAME.orders_id_seq'))",
      "drop table public.counted",
    ],
    ["a child", "create table public.heir () inherits (NAME.orders)", "drop table public.heir"],
  ])("never drops %s outside the schema", async (what, create, clear) => {
    const homes = made();
    const tenant = {
      ...estate.newcomer(`tied_${what.replaceAll(" ", "_")}`),
      status: "deleted" as const,
    };
    const name = tenant.placement.name!;
    await homes.provision(tenant);
    await estate.superuser.query(create.replaceAll("NAME", name));
    await expect(homes.deprovision(tenant, { confirm: tenant.slug })).rejects.toMatchObject({
      code: "PW_PLACEMENT",
      message: expect.stringContaining("used by objects outside it") as string,
    });
    expect(
      await estate.one(
        "select count(*)::int from pg_class where relnamespace = to_regnamespace($1) and relkind = 'r'",
        [name],
      ),
    ).toBe(2);
    await estate.superuser.query(clear);
    await homes.deprovision(tenant, { confirm: tenant.slug });
    expect(await there(name)).toEqual([0, 0, 0]);
  });

  test("a login that owns something else stays, and can no longer log in", async () => {
    const homes = made();
    const tenant = {
      ...estate.newcomer("owning", { strategy: "schema", secret: "vault/owning" }),
      status: "deleted" as const,
    };
    await homes.provision(tenant);
    const login = `${tenant.placement.name}_login`;
    await estate.superuser.query(
      `create table public.owned (id int); alter table public.owned owner to ${login}`,
    );
    expect(await homes.deprovision(tenant, { confirm: tenant.slug })).toEqual({
      dropped: [`schema "${tenant.placement.name}"`],
      kept: [`role "${login}"`],
    });
    expect(
      await estate.rows("select rolcanlogin from pg_roles where rolname = $1", [login]),
    ).toEqual([{ rolcanlogin: false }]);
    await estate.superuser.query("drop table public.owned");
  });
});
