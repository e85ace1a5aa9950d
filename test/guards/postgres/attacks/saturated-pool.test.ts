import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { ASKING, neighbourhood, strays, type Neighbour } from "./neighbourhood.js";
import { raidedWorld, SEALS, type World } from "./raid.js";

for (const seal of SEALS) {
  for (const preparedStatements of [false, true]) {
    describeEngine(
      "postgres",
      `a hundred tenants in a pool of two, under the ${seal} seal${preparedStatements ? ", with named statements" : ""}`,
      () => {
        let world: World;
        let neighbours: Neighbour[];
        beforeAll(async () => {
          world = await raidedWorld(seal, { max: 2, guard: { preparedStatements } });
          neighbours = await neighbourhood(world, 100);
        });
        afterAll(() => world.close());

        for (const way of Object.keys(ASKING)) {
          test(`each gets its own rows and none is lost by ${way}`, async () => {
            expect(await strays(world, neighbours, [way])).toEqual([]);
          });
        }

        test("each gets its own rows and none is lost by all ways at once, in any order", async () => {
          expect(await strays(world, neighbours)).toEqual([]);
          expect((world.pool as { totalCount: number }).totalCount).toBeLessThanOrEqual(2);
        });

        test("each gets its own rows on one client that all of them share", async () => {
          const client = await world.pool.connect();
          const seen = await Promise.all(
            neighbours.map(({ id, mark }, n) =>
              world.pw.run(id, async () => {
                const config = {
                  name: "one",
                  text: "select note from orders where id = $1",
                  values: [1 + (n % 3)],
                };
                const { rows } = await client.query(config);
                return rows[0].note === `${mark}${1 + (n % 3)}`;
              }),
            ),
          );
          client.release();
          expect(seen.filter(Boolean)).toHaveLength(100);
        });
      },
    );
  }
}
