import { wallTenantSchema } from "partywall/guards/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { repeated } from "../../../support/roles.js";
import { buildTown, type Town } from "./town.js";

const SLUGS = ["anna", "carla", "dan", "ben"];
const OWN = "select note from orders order by id";
const BY_ID = { name: "by-id", text: "select * from orders where id = $1" };

for (const seal of ["parameter", "mac"] as const) {
  describeEngine("postgres", `the same text in each tenant's schema (${seal} seal)`, () => {
    let town: Town;

    beforeAll(async () => {
      town = await buildTown(
        SLUGS.map((slug) => ({
          slug,
          strategy: slug === "carla" || slug === "dan" ? ("schema" as const) : ("row" as const),
        })),
        // The shared tables stand behind a tenant's schema, where what the schema lacks would be looked for.
        { seal, max: 1, guard: { preparedStatements: true, sharedSchemas: ["common", "public"] } },
      );
      const eye = town.eye("dan");
      // The same name, with other columns.
      await eye.query(
        `alter table ${town.homes["dan"]}.orders add column extra text default 'dan'`,
      );
    });
    afterAll(() => town.close());

    const own = (slug: string) => [1, 2, 3].map((n) => ({ note: `${slug}${n}` }));

    test("kept as a prepared statement, means each tenant's own table", async () => {
      for (let turn = 0; turn < 6; turn += 1) {
        for (const slug of [...SLUGS, "carla", "anna", "dan"]) {
          expect(await town.as(slug, OWN)).toEqual(own(slug));
        }
      }
    });

    test("under the caller's own name, with other columns in each, means each tenant's own table", async () => {
      for (let turn = 0; turn < 4; turn += 1) {
        for (const slug of [...SLUGS, "dan", "carla"]) {
          const { rows } = await town.pw.run({ slug }, () =>
            town.pool.query({ ...BY_ID, values: [2] }),
          );
          expect(rows).toEqual([
            expect.objectContaining({ tenant_id: town.id(slug), note: `${slug}2` }),
          ]);
          expect("extra" in rows[0]).toBe(slug === "dan");
        }
      }
    });

    test("kept before a transaction that changes the path, writes to no sibling's table", async () => {
      const write = "update orders set amount = amount + 1 where id = 1";
      for (const slug of ["carla", "dan", "carla", "dan"]) await town.as(slug, write);
      await town.pw.run({ slug: "carla" }, async () => {
        const client = await town.pool.connect();
        await client.query("begin");
        await client.query(write);
        await client.query(`set local search_path = ${town.homes["dan"]}`);
        expect((await client.query(write)).rowCount).toBe(0);
        expect((await client.query(OWN)).rows).toEqual([]);
        await client.query("rollback");
        client.release();
      });
      for (const slug of ["carla", "dan"]) {
        expect((await town.rows(slug)).map(({ amount }) => amount)).toEqual([12, 20, 30]);
        expect(await town.as(slug, OWN)).toEqual(own(slug));
      }
    });

    test("about a table that the schema lacks is refused by the shared one behind it", async () => {
      const eye = town.eye("carla");
      const home = town.homes["carla"]!;
      for (let turn = 0; turn < 3; turn += 1) await town.as("carla", OWN);
      await eye.query(`alter table ${home}.orders rename to orders_away`);
      try {
        for (const text of [
          OWN,
          "insert into orders (id) values (50)",
          "delete from orders",
          "select count(*) from orders",
        ]) {
          await expect(town.as("carla", text)).rejects.toMatchObject({ code: "PW_PLACEMENT" });
        }
        expect(await town.as("anna", OWN)).toEqual(own("anna"));
      } finally {
        await eye.query(`alter table ${home}.orders_away rename to orders`);
      }
      expect(await town.as("carla", OWN)).toEqual(own("carla"));
      expect(await town.rows("anna")).toHaveLength(3);
    });

    test("in a transaction under which the schema is closed is not answered by the shared tables", async () => {
      const eye = town.eye("carla");
      const home = town.homes["carla"]!;
      await town.pw.run({ slug: "carla" }, async () => {
        const client = await town.pool.connect();
        try {
          await client.query("begin");
          expect((await client.query(OWN)).rows).toEqual(own("carla"));
          await eye.query(`revoke usage on schema ${home} from ${town.roles.app}`);
          await expect(client.query("select note from orders")).rejects.toMatchObject({
            code: "PW_PLACEMENT",
          });
          await client.query("rollback");
        } finally {
          client.release();
          await eye.query(`grant usage on schema ${home} to ${town.roles.app}`);
        }
      });
      expect(await town.as("carla", OWN)).toEqual(own("carla"));
    });

    test("about a table made after the wall, in a schema walled again, is the tenant's own", async () => {
      const eye = town.eye("carla");
      for (const slug of ["carla", "dan"]) {
        const schema = town.homes[slug]!;
        await eye.query(
          `create table ${schema}.letters (id int, body text); insert into ${schema}.letters values (1, '${slug}')`,
        );
        // Not walled yet, it is nobody's.
        await expect(town.as(slug, "select body from letters")).rejects.toMatchObject({
          code: "42501",
        });
        await repeated(() =>
          wallTenantSchema(eye, { roles: town.roles, tenantId: town.id(slug), schema }),
        );
      }
      for (const slug of ["carla", "dan", "carla", "dan", "carla", "dan"]) {
        expect(await town.as(slug, "select body from letters")).toEqual([{ body: slug }]);
      }
    });
  });
}
