import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import type { TenantType } from "../world.js";
import { answer, codeOf, expectRepelled, raidedWorld, SEALS, type World } from "./raid.js";

const partitioned = (type: TenantType) => `
create table events (tenant_id ${type} not null, id int not null, at date not null, note text, primary key (tenant_id, id, at)) partition by range (at);
create table events_2025 partition of events for values from ('2025-01-01') to ('2026-01-01');
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01') partition by hash (id);
create table events_2026_0 partition of events_2026 for values with (modulus 2, remainder 0);
create table events_2026_1 partition of events_2026 for values with (modulus 2, remainder 1);
create table animals (tenant_id ${type} not null, id int not null, note text, primary key (tenant_id, id));
create table birds (wings int) inherits (animals);
`;
const TABLES = [
  "events",
  "events_2025",
  "events_2026",
  "events_2026_0",
  "events_2026_1",
  "animals",
  "birds",
];

// Spellings that a column of the type reads as one value.
const ALIASES: Record<TenantType, (id: string) => string[]> = {
  bigint: (id) => [`0${id}`, ` ${id}`, `+${id}`, `${id} `],
  uuid: (id) => [id.toUpperCase(), `{${id}}`, id.replaceAll("-", "")],
  text: (id) => [` ${id}`, `${id} `, id.toUpperCase()],
};

for (const seal of SEALS) {
  for (const type of ["uuid", "bigint", "text"] as const) {
    describeEngine("postgres", `tenant columns of ${type}, under the ${seal} seal`, () => {
      let world: World;
      beforeAll(async () => {
        world = await raidedWorld(seal, {
          tenantType: type,
          ddl: partitioned(type),
          tables: ["events", "animals"],
        });
        for (const [tenant, slug] of [
          [world.a, "a"],
          [world.b, "b"],
        ] as const) {
          await world.unguarded.query(
            `insert into events (tenant_id, id, at, note) select $1, n, date '2025-11-30' + n * 20, $2 || n from generate_series(1, 3) n`,
            [tenant.id, slug],
          );
          await world.unguarded.query("insert into animals values ($1, 1, $2 || 1)", [
            tenant.id,
            slug,
          ]);
          await world.unguarded.query("insert into birds values ($1, 2, $2 || 2, 2)", [
            tenant.id,
            slug,
          ]);
        }
      });
      afterAll(() => world.close());

      const literal = (id: string) => `'${id.replaceAll("'", "''")}'`;

      test("rows cannot be read by the other's id, nor written with it", async () => {
        const b = literal(world.b.id);
        for (const sql of [
          "select * from orders",
          `select * from orders where tenant_id = ${b}`,
          `select * from orders where tenant_id > ${literal(world.a.id)} or tenant_id = ${b}`,
          `select * from orders where tenant_id::text = ${b}`,
          `insert into orders (tenant_id, id) values (${b}, 9)`,
          `update orders set tenant_id = ${b}`,
          `delete from orders where tenant_id = ${b}`,
          "select max(tenant_id::text), count(*)::int from orders",
          "select * from orders where tenant_id is null",
        ]) {
          await expectRepelled(world, sql);
        }
        await world.pw.run(world.a.id, () =>
          world.pool.query("insert into orders (id) values (99)"),
        );
        expect(await world.rows("orders", world.a)).toContainEqual(
          expect.objectContaining({ id: 99, tenant_id: world.a.id }),
        );
      });

      for (const table of TABLES) {
        test(`${table} addressed directly gives and takes only the tenant's own rows`, async () => {
          const columns = table === "birds" || table === "animals" ? "id" : "id, at";
          const values = (id: number) =>
            columns === "id" ? `${id}` : `${id}, '${table.slice(7, 11) || 2026}-02-01'`;
          const before = (
            await world.unguarded.query(`select * from ${table} where tenant_id = $1`, [world.b.id])
          ).rows;
          for (const sql of [
            `select * from ${table}`,
            `select * from only ${table}`,
            `update ${table} set note = 'taken'`,
            `update ${table} set tenant_id = ${literal(world.b.id)}`,
            `insert into ${table} (tenant_id, ${columns}) values (${literal(world.b.id)}, ${values(50)})`,
            `delete from ${table} where tenant_id = ${literal(world.b.id)}`,
            `copy ${table} from stdin`,
            `truncate ${table}`,
            `alter table ${table} no force row level security`,
          ]) {
            await expectRepelled(world, sql);
          }
          const after = (
            await world.unguarded.query(`select * from ${table} where tenant_id = $1`, [world.b.id])
          ).rows;
          expect(after).toEqual(before);
          const unscoped = world.pw.central(() =>
            answer(world.pool.query(`select * from ${table}`)),
          );
          // An empty table is never asked for its policy; it has nothing to give either.
          const got = await unscoped;
          expect(Array.isArray(got) ? got : "refused").toSatisfy(
            (v) => v === "refused" || (v as unknown[]).length === 0,
          );
        });
      }

      test("two tenants whose ids the column reads alike cannot share rows", async () => {
        for (const alias of ALIASES[type](world.b.id)) {
          const created = await codeOf(
            world.pw.tenants.create({
              id: alias,
              slug: `x${randomUUID().slice(0, 8)}`,
              name: "alias",
            }),
          );
          if (created !== undefined) continue;
          const loot = await world.pw.run(alias, () =>
            answer(world.pool.query("select note from orders")),
          );
          expect(loot, `the tenant ${JSON.stringify(alias)}`).toSatisfy(
            (got) => !Array.isArray(got) || got.length === 0,
          );
        }
      });
    });
  }
}
