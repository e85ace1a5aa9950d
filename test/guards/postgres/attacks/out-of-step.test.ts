import { setTimeout as sleep } from "node:timers/promises";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { LATE_FAILURES, PAIRS } from "./late-failure.js";
import { answer, raidedWorld, SEALS, traceOfB, type World } from "./raid.js";

for (const seal of SEALS) {
  describeEngine("postgres", `answers out of step, under the ${seal} seal`, () => {
    let world: World;
    beforeAll(async () => {
      world = await raidedWorld(seal, PAIRS);
    });
    afterAll(() => world.close());

    const inA = <T>(fn: () => T) => world.pw.run(world.a.id, fn);
    const inB = <T>(fn: () => T) => world.pw.run(world.b.id, fn);
    const look = (run: typeof inA) =>
      run(() => answer(world.pool.query("select note from orders order by id")));
    const notesOf = (slug: string) => [1, 2, 3].map((row) => ({ note: `${slug}${row}` }));

    for (const [title, attack] of Object.entries(LATE_FAILURES)) {
      test(`${title} gives nobody the next statement's answer`, async () => {
        for (let n = 0; n < 5; n += 1) {
          const attacked = inA(() => attack(world));
          // Queued behind it on the pool's only connection: the victim, then the attacker.
          const [theirs, mine, again] = await Promise.all([
            look(inB),
            look(inA),
            look(inB),
            attacked,
          ]);
          expect(traceOfB(mine), "A was given B's rows").toBeUndefined();
          expect([theirs, mine, again]).toEqual([notesOf("b"), notesOf("a"), notesOf("b")]);
        }
      });
    }

    const ABANDONED: Record<string, () => Promise<unknown>> = {
      "a stream destroyed before its seal is answered": async () => {
        const client = await world.pool.connect();
        client.on("error", () => undefined);
        client
          .query(new QueryStream("select 1"))
          .on("error", () => undefined)
          .destroy();
        client.release();
      },
      "a cursor closed before its seal is answered": async () => {
        const client = await world.pool.connect();
        client.on("error", () => undefined);
        const closing = client.query(new Cursor("select 1")).close();
        await Promise.race([closing, sleep(500)]);
        client.release();
      },
    };
    for (const [title, abandon] of Object.entries(ABANDONED)) {
      test(`${title} does not cost the pool its connection`, async () => {
        await inA(abandon);
        const theirs = look(inB);
        const outcome = await Promise.race([theirs, sleep(7000, "the pool waits for ever")]);
        // So that the pool can be closed all the same.
        await world.unguarded.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1",
          [world.roles.app],
        );
        expect(outcome).toEqual(notesOf("b"));
      });
    }
  });
}
