import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { buildWorld, type World } from "./world.js";

for (const seal of ["parameter", "mac"] as const) {
  describeEngine("postgres", `statements behind the ${seal} seal`, () => {
    let world: World;
    beforeAll(async () => {
      world = await buildWorld({ seal });
    });
    afterAll(() => world.close());

    const notes = async () =>
      (await world.pool.query("select note from orders order by id")).rows.map((row) => row.note);

    test("each tenant sees its own rows of the same query", async () => {
      expect(await world.pw.run(world.a.id, notes)).toEqual(["a1", "a2", "a3"]);
      expect(await world.pw.run(world.b.id, notes)).toEqual(["b1", "b2", "b3"]);
    });

    test("a statement with parameters is sealed too", async () => {
      const { rows } = await world.pw.run(world.b.id, () =>
        world.pool.query("select note from orders where id = $1", [2]),
      );
      expect(rows).toEqual([{ note: "b2" }]);
    });

    test("no scope cannot read: nothing is sent", async () => {
      await expect(world.pool.query("select * from orders")).rejects.toMatchObject({
        name: "TenantContextError",
        code: "PW_NO_SCOPE",
      });
    });

    test("the central scope reads shared tables and cannot read tenant tables", async () => {
      const plans = await world.pw.central(() => world.pool.query("select * from plans"));
      expect(plans.rows).toHaveLength(2);
      await expect(
        world.pw.central(() => world.pool.query("select * from orders")),
      ).rejects.toMatchObject({ code: "PW_CENTRAL_SCOPE" });
    });

    test("the database stamps the tenant on what is inserted", async () => {
      await world.pw.run(world.a.id, () =>
        world.pool.query("insert into orders (id, note) values (50, 'new')"),
      );
      expect(await world.rows("orders", world.a)).toContainEqual(
        expect.objectContaining({ id: 50, tenant_id: world.a.id }),
      );
      await world.pw.run(world.a.id, () => world.pool.query("delete from orders where id = 50"));
    });

    test("cannot write a row with another tenant's id", async () => {
      const write = world.pw.run(world.a.id, () =>
        world.pool.query("insert into orders (tenant_id, id) values ($1, 99)", [world.b.id]),
      );
      await expect(write).rejects.toMatchObject({ code: "PW_WRITE_MISMATCH", status: 403 });
      expect(await world.rows("orders", world.b)).toHaveLength(3);
    });

    test("the system scope sees every tenant through its own login", async () => {
      const result = await world.pw.system({ reason: "count all" }, () =>
        world.pool.query("select current_user as login, count(*)::int as n from orders group by 1"),
      );
      expect(result.rows).toEqual([{ login: world.roles.system, n: 6 }]);
    });

    test("the wall proves itself", async () => {
      await world.pw.ready();
      expect(world.wall.missing.map((right) => right.code)).toEqual([]);
    });
  });
}
