import { randomUUID } from "node:crypto";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { unfinishedName } from "../../../src/tenants/postgres/database-home.js";
import { poolPrefix } from "../../../src/tenants/postgres/vacancies.js";
import { dyingAfter } from "./dying-driver.js";
import { buildEstate, type Estate } from "./grounds.js";

describeEngine("postgres", "homes made ahead", () => {
  let estate: Estate;
  beforeAll(async () => {
    estate = await buildEstate();
    await estate.superuser.query(`
      insert into template.customers (tenant_id, email) values ('00000000-0000-0000-0000-000000000000', 'first@example.com');
      insert into template.orders (tenant_id, customer_id) select tenant_id, id from template.customers`);
  });
  afterAll(async () => {
    // Made for no tenant, they are not named after this database.
    const made = await estate.rows(
      "select datname from pg_database where starts_with(datname, $1)",
      [poolPrefix(estate.name, estate.roles.app)],
    );
    for (const { datname } of made)
      await estate.superuser.query(`drop database "${String(datname)}" with (force)`);
    await estate.close();
  });
  const template = () => ({
    schema: { schema: "template", rows: "all" as const },
    database: { database: estate.templateDatabase },
  });
  const pool = (size: number, strategy: "schema" | "database" = "schema") =>
    estate.homes({ template: template() }).vacancies({ strategy, size });

  test("fifty sign-ups at once get fifty homes, and a fifty-first is told", async () => {
    const vacancies = pool(50);
    expect(await vacancies.refill()).toBe(50);
    expect(await vacancies.refill()).toBe(0);
    const ids = Array.from({ length: 50 }, () => randomUUID());
    const placements = await Promise.all(ids.map((id) => vacancies.claim({ id })));
    expect(new Set(placements.map(({ name }) => name)).size).toBe(50);
    await expect(vacancies.claim({ id: randomUUID() })).rejects.toMatchObject({
      code: "PW_PROVISION_FAILED",
    });
    expect(await vacancies.status()).toEqual({ vacant: 0, claimed: 50 });
    // Whoever claims again gets the same again.
    expect(await vacancies.claim({ id: ids[7]! })).toEqual(placements[7]);
    // None of them was ever created: all go back.
    expect(await vacancies.returnUnused(async () => true)).toBe(0);
    expect(await vacancies.returnUnused(async () => false)).toBe(50);
    expect(await vacancies.status()).toEqual({ vacant: 50, claimed: 0 });
  });

  test.each(["schema", "database"] as const)(
    "a claimed %s becomes the tenant's, with the rows it came with",
    async (strategy) => {
      const homes = estate.homes({ template: template() });
      const vacancies = homes.vacancies({ strategy, size: 2 });
      await vacancies.refill();
      const pw = estate.application(homes.provision);
      const id = randomUUID();
      const placement = await vacancies.claim({ id });
      await pw.tenants.create({ id, slug: `moved-${strategy}`, name: "Moved", placement });
      const ask = async (sql: string) =>
        (await pw.run(id, () => pw.postgres.pool.query(sql))).rows as Record<string, unknown>[];
      expect(
        await ask("select distinct tenant_id from customers join orders using (tenant_id)"),
      ).toEqual(strategy === "schema" ? [{ tenant_id: id }] : []);
      expect(
        await ask("insert into customers (email) values ('new@example.com') returning tenant_id"),
      ).toEqual([{ tenant_id: id }]);
      await expect(
        ask(`insert into customers (tenant_id, email) values ('${randomUUID()}', 'x')`),
      ).rejects.toMatchObject({ code: "PW_WRITE_MISMATCH" });
      await expect(ask("insert into orders (customer_id) values (999)")).rejects.toMatchObject({
        code: "23503",
      });
      // It is nobody else's any more.
      expect(await vacancies.returnUnused(async () => false)).toBe(0);
      const other = { id: randomUUID(), slug: "other", placement };
      await expect(homes.provision(other)).rejects.toMatchObject({ code: "PW_PLACEMENT" });
    },
  );

  test("a promise that was taken back is no way in, and a home moved into is never given back", async () => {
    const homes = estate.homes({ template: template() });
    const vacancies = homes.vacancies({ strategy: "schema", size: 2 });
    await vacancies.refill();
    const late = {
      id: randomUUID(),
      slug: "late",
      placement: await vacancies.claim({ id: randomUUID() }),
    };
    await expect(homes.provision(late)).rejects.toMatchObject({ code: "PW_PLACEMENT" });
    const id = randomUUID();
    const placement = await vacancies.claim({ id });
    const failing = estate.homes({
      template: template(),
      seed: () => Promise.reject(new Error("no seed")),
    });
    await expect(failing.provision({ id, slug: "in", placement })).rejects.toThrow("no seed");
    expect(
      await estate.one("select obj_description(to_regnamespace($1), 'pg_namespace')", [
        placement.name,
      ]),
    ).toContain(id);
    await vacancies.returnUnused(async () => false);
    expect(await vacancies.claim({ id: randomUUID() })).not.toEqual(placement);
    await homes.provision({ id, slug: "in", placement });
    expect(
      await estate.one("select obj_description(to_regnamespace($1), 'pg_namespace')", [
        placement.name,
      ]),
    ).toBe(`partywall: home of tenant ${id}`);
  });

  test("a promise taken back in the very moment of moving in is not moved into", async () => {
    const { driver } = dyingAfter(Infinity);
    const homes = estate.homes({ template: template() });
    const vacancies = homes.vacancies({ strategy: "schema", size: 3 });
    await vacancies.refill();
    const id = randomUUID();
    const placement = await vacancies.claim({ id });
    class Racing extends (driver.Client as unknown as typeof pg.Client) {
      override query(...args: never[]): never {
        const [text] = args as unknown as [string];
        const go = () => (super.query as (...all: never[]) => never)(...args);
        if (!text.includes("pg_advisory_xact_lock")) return go();
        return vacancies.returnUnused(async () => false).then(go) as never;
      }
    }
    const racing = estate.homes({ template: template() }, { Client: Racing });
    await expect(racing.provision({ id, slug: "in", placement })).rejects.toMatchObject({
      code: "PW_PLACEMENT",
    });
    expect(
      await estate.one("select obj_description(to_regnamespace($1), 'pg_namespace')", [
        placement.name,
      ]),
    ).toBe("partywall: vacant home");
  });

  test("nobody but the admin reaches a home that is nobody's", async () => {
    const vacancies = pool(60);
    await vacancies.refill();
    const open = `select count(*)::int from pg_namespace n where nspname like 'partywall\\_pool\\_%' and obj_description(oid, 'pg_namespace') = 'partywall: vacant home'
      and has_schema_privilege($1, oid, 'usage')`;
    expect(await estate.one(open, [estate.roles.app])).toBe(0);
    await pool(1, "database").refill();
    const connectable = `select count(*)::int from pg_database where starts_with(datname, '${poolPrefix(estate.name, estate.roles.app)}') and shobj_description(oid, 'pg_database') = 'partywall: vacant home' and has_database_privilege($1, oid, 'connect')`;
    expect(await estate.one(connectable, [estate.roles.app])).toBe(0);
  });

  test.each(["template", "migrate"] as const)(
    "a refill killed before any of its statements is finished by the next (%s)",
    { timeout: 120_000 },
    async (how) => {
      const options = how === "template" ? { template: template() } : { migrate: estate.migrate };
      for (const strategy of ["schema", "database"] as const) {
        let isAlive = false;
        for (let at = 0; !isAlive; at += 1) {
          const size =
            (await estate.homes(options).vacancies({ strategy, size: 0 }).status()).vacant + 1;
          const { driver, died } = dyingAfter(at);
          await estate
            .homes(options, driver)
            .vacancies({ strategy, size })
            .refill()
            .catch(() => undefined);
          isAlive = !died();
          await estate.homes(options).vacancies({ strategy, size }).refill();
          expect([
            at,
            (await estate.homes(options).vacancies({ strategy, size }).status()).vacant,
          ]).toEqual([at, size]);
          expect(
            await estate.one("select count(*)::int from pg_database where datname = $1", [
              unfinishedName(poolPrefix(estate.name, estate.roles.app), ""),
            ]),
          ).toBe(0);
        }
      }
    },
  );
});
