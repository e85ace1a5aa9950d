import { randomUUID } from "node:crypto";
import pg from "pg";
import { createPartywall } from "partywall";
import { applyWall, guardPg } from "partywall/guards/postgres";
import { expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { buildSite, type Site } from "./site.js";

const A = randomUUID();
const B = randomUUID();

describeEngine("postgres", "a wall built without a superuser", () => {
  const tables = ["notes"];

  // As managed servers have it: a login that owns the database and makes roles, and is no superuser.
  async function managed() {
    const base = await buildSite();
    const builder = `${base.database.name}_builder`;
    const roles = {
      app: `${base.database.name}_login`,
      system: `${base.database.name}_across`,
      owner: `${base.database.name}_wall`,
    };
    await base.superuser.query(
      `create role ${builder} login createrole createdb password 'secret'; alter database ${base.database.name} owner to ${builder}`,
    );
    const client = new pg.Client({ connectionString: base.login(builder) });
    await client.connect();
    await client.query(`create role ${roles.app} login password 'secret'`);
    await client.query(`create role ${roles.system} login password 'secret'`);
    await client.query("create table notes (tenant_id uuid not null, id int)");
    const site: Site = { ...base, roles, close: () => client.end().then(base.close) };
    return { site, client, builder, roles };
  }

  test("takes the mac form, keeps tenants apart, and lists what stays open", async () => {
    const { site, client, roles } = await managed();
    try {
      const report = await applyWall(client, { roles, tables });
      expect(report.seal).toBe("mac");
      const missing = report.missing.map((right) => right.code);
      expect(missing).toEqual(
        expect.arrayContaining([
          "languages",
          "large-objects",
          "signal-backends",
          "track-activities",
        ]),
      );
      for (const taken of ["role-attributes", "temp-tables", "schema-create"]) {
        expect(missing).not.toContain(taken);
      }
      for (const right of report.missing) expect(right.otherwise).not.toBe("");
      expect(await applyWall(client, { roles, tables }), "built again").toEqual(report);
    } finally {
      await site.close();
    }
  });

  test("the application runs behind it", async () => {
    const { site, client, roles } = await managed();
    try {
      await applyWall(client, { roles, tables });
      const guard = guardPg(pg, { app: site.login(roles.app), system: site.login(roles.system) });
      const pw = createPartywall({
        realm: site.database.name,
        secret: "another secret, 32 characters or more",
        postgres: guard,
      });
      try {
        for (const id of [A, B]) await pw.tenants.create({ id, slug: `t-${id}`, name: id });
        await pw.ready();
        await pw.run(A, () => guard.pool.query("insert into notes (id) values (1)"));
        const count = async () => (await guard.pool.query("select id from notes")).rowCount;
        expect(await pw.run(A, count)).toBe(1);
        expect(await pw.run(B, count)).toBe(0);
        expect(await pw.system({ reason: "count" }, count)).toBe(1);
        await pw.tenants.suspend(A);
      } finally {
        await pw.close();
      }
    } finally {
      await site.close();
    }
  });

  test("the parameter form is refused to a login that may not grant it, and nothing is half-built", async () => {
    const { site, client, roles } = await managed();
    try {
      const before = await site.catalog();
      await expect(applyWall(client, { roles, tables, seal: "parameter" })).rejects.toMatchObject({
        code: "42501",
      });
      expect(await site.catalog()).toEqual(before);
    } finally {
      await site.close();
    }
  });

  test.each([true, false])(
    "the login that owns the tables migrates every tenant's rows (named as migrator: %s)",
    async (named) => {
      const { site, client, roles, builder } = await managed();
      try {
        await client.query("insert into notes values ($1, 1), ($2, 1)", [A, B]);
        await applyWall(client, {
          roles: { ...roles, ...(named && { migrator: builder }) },
          tables,
        });
        const moved = await client.query("update notes set id = id + 1");
        expect(moved.rowCount).toBe(2);
        await client.query("insert into notes (tenant_id, id) values ($1, 9)", [A]);
        const { rows } = await client.query("select id from notes order by id");
        expect(rows).toEqual([{ id: 2 }, { id: 2 }, { id: 9 }]);
      } finally {
        await site.close();
      }
    },
  );
});
