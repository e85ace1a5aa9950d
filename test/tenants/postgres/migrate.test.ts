import { afterAll, beforeAll, expect, test } from "vitest";
import { homeName } from "partywall/tenants";
import { describeEngine } from "../../support/engine.js";
import { buildEstate, type Estate } from "./grounds.js";

describeEngine("postgres", "migrating homes", () => {
  let estate: Estate;
  beforeAll(async () => {
    estate = await buildEstate();
  });
  afterAll(() => estate?.close());

  test.each(["schema", "database"] as const)(
    "a new table of a %s stands behind the wall too",
    async (strategy) => {
      const homes = estate.homes({ migrate: estate.migrate });
      const pw = estate.application(homes.provision);
      const tenant = estate.newcomer(`grows_${strategy}`, { strategy });
      await pw.tenants.create({ ...tenant, slug: tenant.slug.replace("_", "-"), name: "Grows" });
      const newer = estate.homes({
        migrate: async ({ connection }) => {
          const client = new (await import("pg")).default.Client(connection);
          await client.connect();
          await client.query(
            "create table if not exists invoices (tenant_id uuid not null, id int)",
          );
          await client.end();
        },
      });
      await newer.migrate(tenant);
      const { rows } = await pw.run(tenant.id, () =>
        pw.postgres.pool.query("insert into invoices (id) values (1) returning tenant_id"),
      );
      expect(rows).toEqual([{ tenant_id: tenant.id }]);
      if (strategy === "schema") {
        expect(
          await estate.one("select relforcerowsecurity from pg_class where oid = to_regclass($1)", [
            `${tenant.placement.name}.invoices`,
          ]),
        ).toBe(true);
      }
    },
  );

  test("a home that is not the tenant's, or not finished, is not migrated", async () => {
    let runs = 0;
    const homes = estate.homes({ migrate: () => void (runs += 1) });
    const tenant = estate.newcomer("stranger");
    await estate.superuser.query(`create schema ${tenant.placement.name}`);
    await expect(homes.migrate(tenant)).rejects.toMatchObject({ code: "PW_PLACEMENT" });
    await estate.superuser.query(
      `comment on schema ${tenant.placement.name} is 'partywall: home being filled for tenant ${tenant.id}'`,
    );
    await expect(homes.migrate(tenant)).rejects.toMatchObject({ code: "PW_PLACEMENT" });
    expect(runs).toBe(0);
  });

  test("of many, the canary goes first and stops the rest where it fails; else all are tried and the failures told", async () => {
    const made = estate.homes({ migrate: estate.migrate });
    const tenants = ["m0", "m1", "m2", "m3", "m4", "m5"].map((slug) => estate.newcomer(slug));
    for (const tenant of tenants) await made.provision(tenant);
    const seen: string[] = [];
    let [running, most] = [0, 0];
    const failing = (...bad: string[]) =>
      estate.homes({
        migrate: async ({ tenant }) => {
          most = Math.max(most, (running += 1));
          seen.push(tenant!.slug);
          await new Promise((resolve) => setTimeout(resolve, 20));
          running -= 1;
          if (bad.includes(tenant!.slug)) throw new Error(`no ${tenant!.slug}`);
        },
      });
    await expect(failing("m0").migrateAll(tenants)).rejects.toMatchObject({
      code: "PW_EACH_FAILED",
      failures: [{ tenantId: tenants[0]!.id }],
      succeeded: 0,
    });
    expect(seen.splice(0)).toEqual(["m0"]);
    const progress: [number, boolean][] = [];
    await expect(
      failing("m2", "m4").migrateAll(tenants, {
        concurrency: 2,
        onProgress: ({ done, error }) => progress.push([done, error === undefined]),
      }),
    ).rejects.toMatchObject({ failures: [{}, {}], succeeded: 4 });
    expect(seen.splice(0).toSorted()).toEqual(["m0", "m1", "m2", "m3", "m4", "m5"]);
    expect(progress.map(([done]) => done)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(progress.filter(([, isWell]) => !isWell)).toHaveLength(2);
    expect(most).toBe(2);
    const abort = new AbortController();
    abort.abort(new Error("enough"));
    await expect(failing().migrateAll(tenants, { signal: abort.signal })).rejects.toMatchObject({
      succeeded: 0,
      cause: { message: "enough" },
    });
    expect(seen).toEqual([]);
    expect(await failing().migrateAll(tenants)).toEqual({ succeeded: 6 });
  });

  test("names made for homes are safe, short and never the same for two tenants", () => {
    const slug = "a".repeat(31) + "-" + "b".repeat(31);
    const names = [
      homeName({ id: "1", slug }),
      homeName({ id: "2", slug }),
      homeName({ id: "1", slug: slug.replace("-", "x") }),
      homeName({ id: "3", slug: "a-b" }),
      homeName({ id: "4", slug: "a-b" }),
    ];
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^t_[a-z0-9_]{1,61}$/);
    expect(homeName({ id: "1", slug })).toBe(names[0]);
  });
});
