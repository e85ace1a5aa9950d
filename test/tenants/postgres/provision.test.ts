import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Placement } from "partywall";
import type { HomePlace, ProvisionerOptions } from "partywall/tenants";
import { describeEngine } from "../../support/engine.js";
import { unfinishedName } from "../../../src/tenants/postgres/database-home.js";
import { dyingAfter } from "./dying-driver.js";
import { buildEstate, type Estate } from "./grounds.js";

/** What a schema holds, to the byte: rows with their versions, the catalogue with its. */
const SCHEMA_BYTES = `select md5(string_agg(line, '|' order by line)) as md5, count(*)::int as lines from (
  select n.xmin::text || n::text || coalesce(obj_description(n.oid), '') as line from pg_namespace n where nspname = $1
  union all select c.xmin::text || c::text from pg_class c where relnamespace = to_regnamespace(quote_ident($1))
  union all select a.xmin::text || a.attname from pg_attribute a join pg_class c on c.oid = attrelid where relnamespace = to_regnamespace(quote_ident($1))
  union all select query_to_xml(format('select xmin, ctid, * from %I.%I', $1, relname), true, true, '')::text from pg_class
    where relnamespace = to_regnamespace(quote_ident($1)) and relkind = 'r') x`;

describeEngine("postgres", "provisioning", () => {
  let estate: Estate;
  let templates: NonNullable<ProvisionerOptions["template"]>;
  beforeAll(async () => {
    estate = await buildEstate();
    templates = { schema: { schema: "template" }, database: { database: estate.templateDatabase } };
  });
  afterAll(() => estate?.close());
  const mark = (strategy: "schema" | "database", name: string) =>
    strategy === "schema"
      ? estate.one("select obj_description(to_regnamespace($1), 'pg_namespace')", [name])
      : estate.one(
          "select shobj_description(oid, 'pg_database') from pg_database where datname = $1",
          [name],
        );
  const isThere = (strategy: "schema" | "database", name: string) =>
    estate.one(
      strategy === "schema"
        ? "select exists (select from pg_namespace where nspname = $1)"
        : "select exists (select from pg_database where datname = $1)",
      [name],
    );
  const unfinished = ({ id, placement }: { id: string; placement: Placement }) =>
    estate.one("select count(*)::int from pg_database where datname = $1", [
      unfinishedName(placement.name!, id),
    ]);

  test("tenants of every strategy work through one pool, and none sees another", async () => {
    const homes = estate.homes({
      template: templates,
      seed: async ({ tenant, strategy, connection }: HomePlace) => {
        const client = new pg.Client(connection);
        await client.connect();
        await client.query("insert into customers (tenant_id, email) values ($1, $2)", [
          tenant!.id,
          `${strategy}@example.com`,
        ]);
        await client.end();
      },
    });
    const pw = estate.application(homes.provision);
    const tenants = [
      estate.newcomer("anna", { strategy: "row" }),
      estate.newcomer("ben", { strategy: "schema" }),
      estate.newcomer("carla", { strategy: "schema", secret: "vault/carla" }),
      estate.newcomer("dan", { strategy: "database" }),
      estate.newcomer("eve", { strategy: "database", secret: "vault/eve" }),
    ];
    for (const tenant of tenants) await pw.tenants.create({ ...tenant, name: tenant.slug });
    for (const { id, slug, placement } of tenants) {
      const ask = async (sql: string) =>
        (await pw.run(id, () => pw.postgres.pool.query(sql))).rows as Record<string, unknown>[];
      await ask(`insert into customers (email) values ('${slug}@example.com')`);
      await ask(`insert into orders (note) values ('${slug}')`);
      expect(await ask("select tenant_id, note from orders")).toEqual([
        { tenant_id: id, note: slug },
      ]);
      expect(await ask("select email from customers order by id")).toEqual([
        { email: `${placement.strategy}@example.com` },
        { email: `${slug}@example.com` },
      ]);
      await expect(
        ask(`insert into orders (tenant_id) values ('${randomUUID()}')`),
      ).rejects.toMatchObject({ code: "PW_WRITE_MISMATCH" });
    }
    const [, ben, carla] = tenants;
    for (const other of tenants.filter((one) => one !== ben)) {
      await expect(
        pw.run(other.id, () =>
          pw.postgres.pool.query(`select * from ${ben!.placement.name}.orders`),
        ),
      ).rejects.toMatchObject({
        code: expect.stringMatching(/^(PW_PLACEMENT|42501|42P01)$/) as string,
      });
    }
    await expect(
      pw.run(ben!.id, () =>
        pw.postgres.pool.query(`select * from ${carla!.placement.name}.orders`),
      ),
    ).rejects.toMatchObject({
      code: expect.stringMatching(/^(PW_PLACEMENT|42501|42P01)$/) as string,
    });
    const password = estate.secrets.get("vault/eve")!.password;
    const kept = await estate.one("select rolpassword from pg_authid where rolname = $1", [
      estate.secrets.get("vault/eve")!.user,
    ]);
    expect(String(kept)).toMatch(/^SCRAM-SHA-256\$/);
    expect(password.length).toBeGreaterThanOrEqual(32);
    // Again, and nothing changes.
    for (const tenant of tenants.slice(1)) await homes.provision(tenant);
    expect(estate.secrets.get("vault/eve")!.password).toBe(password);
  });

  describe("a name that is taken", () => {
    test.each(["template", "migrate"] as const)(
      "leaves an unmarked schema byte for byte as it was (%s)",
      async (how) => {
        const tenant = estate.newcomer(`taken_${how}`);
        const { name } = tenant.placement;
        await estate.superuser.query(
          `create schema ${name}; create table ${name}.precious (id int); insert into ${name}.precious values (1), (2)`,
        );
        const before = await estate.rows(SCHEMA_BYTES, [name]);
        const failing =
          how === "migrate"
            ? estate.homes({ migrate: () => Promise.reject(new Error("boom")) })
            : estate.homes({ template: templates });
        await expect(failing.provision(tenant)).rejects.toMatchObject({ code: "PW_PLACEMENT" });
        await expect(
          failing.deprovision({ ...tenant, status: "deleted" }, { confirm: tenant.slug }),
        ).rejects.toMatchObject({ code: "PW_PLACEMENT" });
        expect(await estate.rows(SCHEMA_BYTES, [name])).toEqual(before);
      },
    );

    test("leaves another tenant's schema and database as they are", async () => {
      const homes = estate.homes({ template: templates });
      for (const strategy of ["schema", "database"] as const) {
        const owner = estate.newcomer(`owner_${strategy}`, { strategy });
        await homes.provision(owner);
        const thief = { ...owner, id: randomUUID() };
        const before = await mark(strategy, owner.placement.name!);
        await expect(homes.provision(thief)).rejects.toMatchObject({ code: "PW_PLACEMENT" });
        await expect(
          homes.deprovision({ ...thief, status: "deleted" }, { confirm: thief.slug }),
        ).rejects.toMatchObject({ code: "PW_PLACEMENT" });
        expect(await mark(strategy, owner.placement.name!)).toBe(before);
      }
    });

    test("leaves an unmarked database as it was, also one created in between", async () => {
      const tenant = estate.newcomer("taken_db", { strategy: "database" });
      const { name } = tenant.placement;
      await estate.superuser.query(`create database ${name} template template0`);
      await estate.inDatabase(
        name!,
        "create table precious (id int); insert into precious values (1)",
      );
      const oid = await estate.one("select oid || xmin::text from pg_database where datname = $1", [
        name,
      ]);
      const bytes = await estate.inDatabase(name!, "select xmin, ctid, * from precious");
      const homes = estate.homes({ template: templates });
      await expect(homes.provision(tenant)).rejects.toMatchObject({ code: "PW_PLACEMENT" });
      // Somebody takes the name while the database is copied.
      const late = estate.newcomer("taken_late", { strategy: "database" });
      const { driver } = dyingAfter(Infinity);
      const Client = driver.Client;
      class Racing extends (Client as unknown as typeof pg.Client) {
        override query(...args: never[]): never {
          const [text] = args as unknown as [string];
          const go = () => (super.query as (...all: never[]) => never)(...args);
          if (!/rename to/.test(text)) return go();
          return estate.superuser
            .query(`create database ${late.placement.name} template template0`)
            .then(go) as never;
        }
      }
      await expect(
        estate.homes({ template: templates }, { Client: Racing }).provision(late),
      ).rejects.toMatchObject({ code: "PW_PLACEMENT" });
      expect(await mark("database", late.placement.name!)).toBeNull();
      expect(
        await estate.one("select oid || xmin::text from pg_database where datname = $1", [name]),
      ).toBe(oid);
      expect(await estate.inDatabase(name!, "select xmin, ctid, * from precious")).toEqual(bytes);
      expect(await unfinished(late)).toBe(0);
    });

    test("leaves a role that is there already as it was", async () => {
      const tenant = estate.newcomer("taken_role", { strategy: "schema", secret: "vault/role" });
      await estate.superuser.query(
        `create role ${tenant.placement.name}_login login password 'mine'`,
      );
      const before = await estate.one("select rolpassword from pg_authid where rolname = $1", [
        `${tenant.placement.name}_login`,
      ]);
      await expect(estate.homes({ template: templates }).provision(tenant)).rejects.toMatchObject({
        code: "PW_PLACEMENT",
      });
      expect(
        await estate.one("select rolpassword from pg_authid where rolname = $1", [
          `${tenant.placement.name}_login`,
        ]),
      ).toBe(before);
      expect(await isThere("schema", tenant.placement.name!)).toBe(false);
      expect(estate.secrets.has("vault/role")).toBe(false);
    });
  });

  describe("a failed first attempt", () => {
    test.each(["schema", "database"] as const)(
      "takes back the %s and login it created, and nothing else",
      async (strategy) => {
        const tenant = estate.newcomer(`failed_${strategy}`, { strategy, secret: "vault/failed" });
        const homes = estate.homes({
          migrate: async (place) => {
            await estate.migrate(place);
            throw new Error("the migrator failed");
          },
        });
        const schemas = "select array_agg(nspname::text order by nspname) from pg_namespace";
        const databases =
          "select array_agg(datname::text order by datname) from pg_database where datname like $1 || '%'";
        const before = [await estate.one(schemas), await estate.one(databases, [estate.name])];
        await expect(homes.provision(tenant)).rejects.toThrow("the migrator failed");
        expect([await estate.one(schemas), await estate.one(databases, [estate.name])]).toEqual(
          before,
        );
        expect(
          await estate.one("select count(*)::int from pg_roles where rolname = $1", [
            `${tenant.placement.name}_login`,
          ]),
        ).toBe(0);
      },
    );

    test("leaves pw's tenant provisioning, and the same create resumes", async () => {
      let fails = true;
      const homes = estate.homes({
        migrate: async (place) => {
          if (fails) throw new Error("not yet");
          await estate.migrate(place);
        },
      });
      const pw = estate.application(homes.provision);
      const tenant = { ...estate.newcomer("again"), name: "Again" };
      await expect(pw.tenants.create(tenant)).rejects.toMatchObject({
        code: "PW_PROVISION_FAILED",
      });
      expect(await pw.tenants.get(tenant.id)).toMatchObject({ status: "provisioning" });
      fails = false;
      expect(await pw.tenants.create(tenant)).toMatchObject({ status: "active" });
      await pw.run(tenant.id, () =>
        pw.postgres.pool.query("insert into orders (amount) values (5)"),
      );
    });
  });

  describe("killed before any of its statements, and run again", () => {
    const finished = async (strategy: "schema" | "database", name: string) => {
      const sql = "select count(*)::int as n from pg_constraint where conname = 'partywall_home'";
      const [row] =
        strategy === "database"
          ? await estate.inDatabase(name, sql)
          : await estate.rows(`${sql} and connamespace = $1::regnamespace`, [name]);
      return row?.["n"];
    };
    const ways = [
      ["schema", "template", 1],
      ["schema", "migrate", 1],
      ["database", "template", 3],
      ["database", "migrate", 3],
    ] as const;
    test.each(ways)(
      "a %s by %s is finished",
      { timeout: 300_000 },
      async (strategy, how, stride) => {
        const options = how === "template" ? { template: templates } : { migrate: estate.migrate };
        let at = 0;
        for (let isAlive = false; !isAlive; at += at < 24 ? 1 : stride * 4) {
          const tenant = estate.newcomer(`k_${strategy[0]}${how[0]}_${at}`, {
            strategy,
            ...(at % 2 === 0 && { secret: `vault/${strategy}${how}${at}` }),
          });
          const { driver, died } = dyingAfter(at);
          await estate
            .homes(options, driver)
            .provision(tenant)
            .catch(() => undefined);
          isAlive = !died();
          await estate.homes(options).provision(tenant);
          const name = tenant.placement.name!;
          expect(await mark(strategy, name)).toBe(`partywall: home of tenant ${tenant.id}`);
          expect([at, await finished(strategy, name)]).toEqual([at, 2]);
          if (strategy === "database") {
            expect(await unfinished(tenant)).toBe(0);
            await estate.superuser.query(`drop database ${name} with (force)`);
          }
        }
        expect(at).toBeGreaterThan(12);
      },
    );
  });

  test.each(["schema", "database"] as const)(
    "five processes that provision one %s at once make one",
    async (strategy) => {
      let runs = 0;
      const homes = () =>
        estate.homes({
          migrate: async (place) => {
            runs += 1;
            await estate.migrate(place);
          },
        });
      const tenant = estate.newcomer(`race_${strategy}`, { strategy });
      await Promise.all([1, 2, 3, 4, 5].map(() => homes().provision(tenant)));
      expect(runs).toBe(1);
      expect(await mark(strategy, tenant.placement.name!)).toBe(
        `partywall: home of tenant ${tenant.id}`,
      );
    },
  );

  test("a template database in use is a clear error, and leaves nothing", async () => {
    const tenant = estate.newcomer("busy", { strategy: "database" });
    const url = new URL(estate.database.url);
    url.pathname = `/${estate.templateDatabase}`;
    const guest = new pg.Client({ connectionString: url.href });
    await guest.connect();
    const homes = estate.homes({ template: templates });
    await expect(homes.provision(tenant)).rejects.toMatchObject({
      code: "PW_PROVISION_FAILED",
      message: expect.stringContaining("somebody is connected") as string,
    });
    await guest.end();
    expect(await unfinished(tenant)).toBe(0);
    await homes.provision(tenant);
    expect(await isThere("database", tenant.placement.name!)).toBe(true);
  }, 30_000);
});
