import pg from "pg";
import type { Placement } from "partywall";
import { tenantMover } from "partywall/tenants";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { buildEstate, type Estate } from "../grounds.js";

describeEngine("postgres", "moving a tenant into homes that the provisioner makes", () => {
  let estate: Estate;

  beforeAll(async () => {
    estate = await buildEstate();
  });
  afterAll(() => estate?.close());

  test("from rows into a schema, a database, both with logins of its own, and back", async () => {
    const { name, superuser, templateDatabase } = estate;
    const homes = estate.homes({
      template: { schema: { schema: "template" }, database: { database: templateDatabase } },
    });
    const pw = estate.application(homes.provision);
    const guard = pw.postgres;
    const { id } = estate.newcomer("ada");
    const ROW: Placement = { strategy: "row" };
    await pw.tenants.create({ id, slug: "ada", name: "Ada", placement: ROW });
    const ask = async (text: string) =>
      (await pw.run(id, () => guard.pool.query(text))).rows as Record<string, unknown>[];
    await ask(
      "insert into customers (email) select n || '@example.com' from generate_series(1, 4) n",
    );
    await ask("insert into orders (customer_id, note) select id, 'for ' || email from customers");
    const before = await ask("select id, customer_id, note from orders order by id");

    const mover = tenantMover(pg, {
      tenants: pw.tenants,
      guard,
      admin: estate.database.url,
      homes,
    });
    const path: Placement[] = [
      { strategy: "schema", name: `${name}_a` },
      { strategy: "database", name: `${name}_b`, secret: `${name}_b_login` },
      { strategy: "schema", name: `${name}_c`, secret: `${name}_c_login` },
      { strategy: "database", name: `${name}_d` },
      ROW,
    ];
    for (const to of path) {
      await mover.move(id, to);
      expect((await pw.tenants.get(id)).placement).toEqual(to);
      expect(await ask("select id, customer_id, note from orders order by id")).toEqual(before);
      // Numbers go on above what came along.
      const [made] = await ask("insert into customers (email) values ('new') returning id");
      expect(Number(made?.["id"])).toBeGreaterThan(4);
      await ask("delete from customers where email = 'new'");
      await mover.confirm(id);
      expect(await ask("select id, customer_id, note from orders order by id")).toEqual(before);
    }
    // Nothing of the places in between is left: no schema, no database, no login.
    const left = await superuser.query(
      `select nspname as name from pg_namespace where nspname like '${name}\\_%'
       union all select datname from pg_database where datname like '${name}\\_%' and datname <> '${templateDatabase}'
       union all select rolname from pg_roles where rolname like '%\\_login' and rolname like '${name}%'`,
    );
    expect(left.rows).toEqual([]);
    const seals = await estate.rows("select home_schema from partywall.seals where tenant = $1", [
      id,
    ]);
    expect(seals).toEqual([{ home_schema: null }]);
  });
});
