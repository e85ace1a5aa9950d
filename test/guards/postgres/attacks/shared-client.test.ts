import { once } from "node:events";
import pg from "pg";
import { to as copyTo } from "pg-copy-streams";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { answer, expectStanding, raidedWorld, SEALS, type World } from "./raid.js";

// What follows the first statement of a text, on paths where the driver's object takes the answers itself.
const TRAILS = [
  "set statement_timeout = '1ms'",
  "set default_transaction_read_only = on",
  "listen loot",
  "prepare planted as select 1",
  "declare loot cursor with hold for select note from orders",
  "commit; set statement_timeout = '1ms'",
  "rollback; begin",
  "begin",
];

for (const seal of SEALS) {
  describeEngine("postgres", `a client that both tenants use, under the ${seal} seal`, () => {
    let world: World;
    let fresh: unknown;
    beforeAll(async () => {
      world = await raidedWorld(seal);
      fresh = await session((fn) => fn(world.pool));
    });
    afterAll(() => world.close());
    // RESET is seen by its tag and has the connection cleared, whatever the test before left on it.
    afterEach(() => inA(() => world.pool.query("reset all")));

    const inA = <T>(fn: () => T) => world.pw.run(world.a.id, fn);
    const inB = <T>(fn: () => T) => world.pw.run(world.b.id, fn);
    type Asked = { query(text: string): Promise<unknown> };
    const session = (on: (fn: (client: Asked) => Promise<unknown>) => Promise<unknown>) =>
      inB(() =>
        on((client) =>
          answer(
            client.query(
              `select current_setting('statement_timeout') as timeout, current_setting('default_transaction_read_only') as reading,
                 (select count(*)::int from pg_listening_channels()) as channels,
                 (select count(*)::int from pg_cursors where name <> '') as cursors,
                 (select string_agg(note, ',' order by id) from orders) as notes`,
            ),
          ),
        ),
      );
    const onPool = () => session((fn) => fn(world.pool));

    for (const trail of TRAILS) {
      test(`a COPY leaves nothing of what follows it in its text: ${trail}`, async () => {
        await expectStanding(world, () =>
          inA(async () => {
            const client = await world.pool.connect();
            client.on("error", () => undefined);
            const stream = client.query(copyTo(`copy (select 1) to stdout; ${trail}`));
            await once(stream.resume(), "end").catch(() => undefined);
            client.release();
          }),
        );
        expect(await onPool()).toEqual(fresh);
      });

      test(`the driver's own Query leaves nothing of what follows its first statement: ${trail}`, async () => {
        await expectStanding(world, () =>
          inA(async () => {
            const client = await world.pool.connect();
            await new Promise((resolve) => {
              client.query(new pg.Query(`select 1; ${trail}`, resolve));
            });
            client.release();
          }),
        );
        expect(await onPool()).toEqual(fresh);
      });

      test(`in a pipeline, nothing stays for the next tenant: ${trail}`, async () => {
        const client = new world.guard.Client({
          connectionString: world.appUrl,
          pipeline: true,
        });
        client.on("error", () => undefined);
        await client.connect();
        const mine = [
          trail.startsWith("begin") ? "select 1" : trail,
          `select 1; ${trail}`,
          "select 2",
        ].map((sql) => inA(() => answer(client.query(sql))));
        const theirs = session((fn) => fn(client));
        await Promise.all(mine);
        // Left in a transaction the client refuses the neighbour; it is never served in it.
        expect([
          JSON.stringify(fresh),
          expect.stringContaining("PW_TRANSACTION_SCOPE"),
        ]).toContainEqual(JSON.stringify(await theirs));
        await client.end();
      });
    }

    test("the seed of random() does not pass from one tenant to the next on a client held by neither", async () => {
      const client = await world.pool.connect();
      const seen = new Set<unknown>();
      for (let n = 0; n < 3; n += 1) {
        await inA(() => client.query("select setseed(0.5)"));
        seen.add((await inB(() => client.query("select random() as r"))).rows[0].r);
      }
      client.release();
      const { rows } = await inB(() => world.pool.query("select random() as r"));
      seen.add(rows[0].r);
      expect(seen.size).toBe(4);
    });

    test("a statement queued behind a text that opens a transaction is not served in it", async () => {
      const client = await world.pool.connect();
      const mine = inA(() => answer(client.query("select 1; begin; select note from orders")));
      const theirs = inB(() => answer(client.query("select note from orders order by id")));
      await mine;
      expect(await theirs).toMatchObject({ refused: { code: "PW_TRANSACTION_SCOPE" } });
      await inA(() => client.query("rollback"));
      expect(await inB(() => answer(client.query("select note from orders where id = 1")))).toEqual(
        [{ note: "b1" }],
      );
      client.release();
    });

    test("a client used after its release serves its user's own tenant only", async () => {
      const client = await world.pool.connect();
      client.release();
      const mine = [1, 2, 3].map(() =>
        inA(() => answer(client.query("select note from orders where id = 1"))),
      );
      const theirs = [1, 2, 3].map(() =>
        inB(() => answer(world.pool.query("select note from orders where id = 1"))),
      );
      for (const loot of await Promise.all(mine)) expect(loot).toEqual([{ note: "a1" }]);
      for (const rows of await Promise.all(theirs)) expect(rows).toEqual([{ note: "b1" }]);
    });
  });
}
