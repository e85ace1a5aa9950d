import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { answer, expectRepelled, expectStanding, raidedWorld, SEALS, type World } from "./raid.js";

const OWN = {
  name: "by-id",
  text: "select note, $1::int as asked from orders where id = $1",
  values: [1],
};

// What an attacker puts in the place of a statement whose name is known or guessed.
const REPLACED = [
  `deallocate all; prepare "by-id" (int) as select note, 666 as asked from orders where id <> $1`,
  `deallocate "by-id"; prepare "by-id" (int) as select note, 666 as asked from orders where id <> $1`,
  `prepare "by-id" (int) as select 'caught ' || $1 as note, 666 as asked`,
  `prepare "by-id" (int) as select note, pg_notify('loot', $1::text)::text::int as asked from orders`,
  `prepare "by-id" (int) as delete from orders where id = $1 returning note, 666 as asked`,
  `commit; prepare "by-id" (int) as select note, 666 as asked from orders`,
];

for (const seal of SEALS) {
  for (const preparedStatements of [false, true]) {
    const kept = preparedStatements ? "kept" : "dropped";
    describeEngine(
      "postgres",
      `prepared statements with names ${kept}, under the ${seal} seal`,
      () => {
        let world: World;
        beforeAll(async () => {
          world = await raidedWorld(seal, { guard: { preparedStatements } });
        });
        afterAll(() => world.close());

        const inA = <T>(fn: () => T) => world.pw.run(world.a.id, fn);
        const inB = <T>(fn: () => T) => world.pw.run(world.b.id, fn);
        const expectOwn = async (slug: string, run: typeof inA) => {
          for (const id of [1, 2]) {
            expect(await run(() => answer(world.pool.query({ ...OWN, values: [id] })))).toEqual([
              { note: `${slug}${id}`, asked: id },
            ]);
          }
        };

        test("one name in two tenants on one connection gives each its own rows", async () => {
          for (let n = 0; n < 3; n += 1) {
            await expectOwn("a", inA);
            await expectOwn("b", inB);
          }
        });

        test("one name with two texts in two tenants runs each tenant's own text", async () => {
          const run = (text: string) => world.pool.query({ name: "shared", text });
          const mine = () => inA(() => answer(run("select note from orders where id = 1")));
          const theirs = () => inB(() => answer(run("select amount from orders where id = 1")));
          for (let n = 0; n < 2; n += 1) {
            expect(await mine()).toEqual([{ note: "a1" }]);
            expect(await theirs()).toEqual([{ amount: 1000 }]);
          }
        });

        for (const sql of REPLACED) {
          test(`a name cannot be replaced for the next tenant: ${sql}`, async () => {
            await expectOwn("a", inA);
            await expectOwn("b", inB);
            await expectRepelled(world, sql);
            await expectOwn("b", inB);
            await inB(() => world.pool.query(OWN));
            await inA(() => answer(world.pool.query(sql)));
            await expectOwn("b", inB);
          });
        }

        test("a statement of another tenant cannot be executed or looked at by name", async () => {
          await inB(() => world.pool.query(OWN));
          await inB(() => world.pool.query("prepare plan_b as select * from orders"));
          for (const sql of [
            `execute "by-id"(1)`,
            "execute plan_b",
            "explain execute plan_b",
            `deallocate "by-id"`,
          ]) {
            const loot = await expectRepelled(world, sql);
            if (sql !== `deallocate "by-id"`) expect(JSON.stringify(loot.text)).toContain("26000");
            await inB(() => world.pool.query(OWN));
            await inB(() => world.pool.query("prepare plan_b as select * from orders"));
          }
        });

        test("a name taken on a client that both tenants use is each one's own", async () => {
          const client = await world.pool.connect();
          const on = (run: typeof inA) => run(() => answer(client.query(OWN)));
          expect(await on(inA)).toEqual([{ note: "a1", asked: 1 }]);
          expect(await on(inB)).toEqual([{ note: "b1", asked: 1 }]);
          for (const sql of REPLACED) {
            await inA(() => answer(client.query(sql)));
            expect(await on(inB), sql).toEqual([{ note: "b1", asked: 1 }]);
          }
          client.release();
        });

        test("a name taken outside tenants cannot be replaced for them", async () => {
          await world.pw.central(() =>
            answer(
              world.pool.query(`prepare "by-id" (int) as select 'central' as note, 666 as asked`),
            ),
          );
          await expectOwn("b", inB);
          await world.pw.central(() =>
            answer(world.pool.query({ name: "by-id", text: "select price from plans" })),
          );
          await expectOwn("b", inB);
        });

        test("names in a pipeline are each tenant's own", async () => {
          const client = new world.guard.Client({
            connectionString: world.appUrl,
            pipeline: true,
          });
          await client.connect();
          const asked: Promise<unknown>[] = [];
          for (let n = 0; n < 20; n += 1) {
            const run = n % 2 === 0 ? inA : inB;
            const slug = n % 2 === 0 ? "a" : "b";
            asked.push(
              run(async () => {
                if (n % 4 === 0)
                  await answer(client.query(REPLACED[n % REPLACED.length] as string));
                expect(await answer(client.query(OWN)), `${n}`).toSatisfy(
                  (got) =>
                    slug === "a" ||
                    JSON.stringify(got) === JSON.stringify([{ note: "b1", asked: 1 }]),
                );
              }),
            );
          }
          await Promise.all(asked);
          await client.end();
        });

        test("a failing named statement leaves the name in order", async () => {
          const failing = { name: "fails", text: "select 1 / (id - $1) from orders", values: [1] };
          for (const run of [inA, inB, inA]) {
            expect(await run(() => answer(world.pool.query(failing)))).toMatchObject({
              refused: { code: "22012" },
            });
            await expectStanding(world, () =>
              run(() => world.pool.query({ ...failing, values: [9] })),
            );
          }
        });
      },
    );
  }
}
