import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { answer, codeOf, SEALS, type World } from "./raid.js";
import { buildWorld } from "../world.js";

const LOOK = "select note from orders order by id";

for (const seal of SEALS) {
  describeEngine(
    "postgres",
    `a tenant suspended while its statements run, under the ${seal} seal`,
    () => {
      let world: World;
      beforeEach(async () => {
        world = await buildWorld({ seal, max: 4, guard: { expelGraceMs: 300 } });
      });
      const borrowed: { release(destroy?: boolean): void }[] = [];
      afterEach(async () => {
        for (const client of borrowed.splice(0)) client.release(true);
        await world.close();
      });
      const borrow = async () => {
        const client = await world.pool.connect();
        client.on("error", () => undefined);
        borrowed.push(client);
        return client;
      };

      const inA = <T>(fn: () => T) => world.pw.run(world.a.id, fn);
      const inB = <T>(fn: () => T) => world.pw.run(world.b.id, fn);
      const notesOf = (slug: string) => [1, 2, 3].map((row) => ({ note: `${slug}${row}` }));

      test("cannot be entered, nor gone on with in a scope that is open, until it is restored", async () => {
        let resume!: () => void;
        const suspended = new Promise<void>((resolve) => {
          resume = resolve;
        });
        let look!: () => void;
        const looked = new Promise<void>((resolve) => {
          look = resolve;
        });
        const open = inA(async () => {
          const first = await answer(world.pool.query(LOOK));
          look();
          await suspended;
          return [
            first,
            await codeOf(world.pool.query(LOOK)),
            await codeOf(world.pool.query("select 1; update orders set note = 'late'")),
            await codeOf(world.pool.query("begin; update orders set note = 'late'; commit")),
          ];
        });
        await looked;
        await world.pw.tenants.suspend(world.a.id);
        resume();
        expect(await open).toEqual([
          notesOf("a"),
          "PW_SEAL_REFUSED",
          "PW_SEAL_REFUSED",
          "PW_SEAL_REFUSED",
        ]);
        expect(await codeOf(inA(() => world.pool.query(LOOK)))).toBe("PW_TENANT_SUSPENDED");
        expect(await inB(() => answer(world.pool.query(LOOK)))).toEqual(notesOf("b"));
        expect((await world.rows("orders", world.a)).map(({ note }) => ({ note }))).toEqual(
          notesOf("a"),
        );
        await world.pw.tenants.restore(world.a.id);
        expect(await inA(() => answer(world.pool.query(LOOK)))).toEqual(notesOf("a"));
      });

      test("loses a transaction that outlasts the grace, and the neighbour's in this process survives", async () => {
        const mine = await inA(borrow);
        const theirs = await inB(borrow);
        await inA(() => mine.query("begin"));
        await inA(() => mine.query("update orders set note = 'half'"));
        const commit = await inA(() => world.pw.bind(() => mine.query("commit")));
        await inB(() => theirs.query("begin"));
        await inB(() => theirs.query("update orders set amount = 7"));
        await world.pw.tenants.suspend(world.a.id);
        expect(await codeOf(commit())).toBeDefined();
        expect(await inB(() => answer(theirs.query("select amount from orders limit 1")))).toEqual([
          { amount: 7 },
        ]);
        await inB(() => theirs.query("commit"));
        expect((await world.rows("orders", world.a)).map(({ note }) => ({ note }))).toEqual(
          notesOf("a"),
        );
        expect((await world.rows("orders", world.b)).map(({ amount }) => amount)).toEqual([
          7, 7, 7,
        ]);
        expect(
          await inB(() => answer(world.pool.query("select note from orders order by id"))),
        ).toEqual(notesOf("b"));
      });

      test("loses a running statement, a text of several and a dedicated client's transaction too", async () => {
        const client = new world.guard.Client({ connectionString: world.appUrl });
        client.on("error", () => undefined);
        await client.connect();
        const bound = await inA(() => world.pw.bind((sql: string) => codeOf(client.query(sql))));
        await bound("begin");
        await bound("update orders set note = 'half'");
        const slow = inA(() => codeOf(world.pool.query("select pg_sleep(5)")));
        const several = inA(() =>
          codeOf(world.pool.query("update orders set amount = 0; select pg_sleep(5)")),
        );
        const running = inB(() =>
          answer(world.pool.query("select pg_sleep(1), note from orders where id = 1")),
        );
        await sleep(100);
        await world.pw.tenants.suspend(world.a.id);
        expect(await slow).toBe("57P01");
        expect(await several).toBe("57P01");
        expect(await bound("commit")).toBeDefined();
        expect(await running).toMatchObject([{ note: "b1" }]);
        expect((await world.rows("orders", world.a)).map(({ note }) => ({ note }))).toEqual(
          notesOf("a"),
        );
        await client.end().catch(() => undefined);
      });

      test("may end a transaction within the grace, after which nothing more is begun", async () => {
        const client = await inA(borrow);
        const bound = await inA(() => world.pw.bind((sql: string) => answer(client.query(sql))));
        await bound("begin");
        await bound("update orders set amount = amount + 1 where id = 1");
        const suspending = world.pw.tenants.suspend(world.a.id);
        await bound("commit");
        await suspending;
        expect(await bound(LOOK)).toMatchObject({ refused: { code: "PW_SEAL_REFUSED" } });
        await bound("begin");
        expect(await bound(LOOK)).toMatchObject({ refused: { code: "PW_SEAL_REFUSED" } });
        await bound("rollback");
        expect((await world.rows("orders", world.a))[0]).toMatchObject({ amount: 11 });
        expect(await inB(() => answer(world.pool.query(LOOK)))).toEqual(notesOf("b"));
      });

      test("and suspended again and again while a hundred statements run, is never another's", async () => {
        const outcomes: Promise<unknown>[] = [];
        for (let n = 0; n < 100; n += 1) {
          outcomes.push(
            inA(() => answer(world.pool.query(LOOK))).catch(
              (error: { code: string }) => error.code,
            ),
            inB(() => answer(world.pool.query(LOOK))),
          );
          if (n % 20 === 10) {
            await world.pw.tenants.suspend(world.a.id);
            await world.pw.tenants.restore(world.a.id);
          }
        }
        const settled = await Promise.all(outcomes);
        for (let n = 0; n < settled.length; n += 2) {
          expect([JSON.stringify(notesOf("a")), '"PW_TENANT_SUSPENDED"']).toContain(
            JSON.stringify(settled[n]).includes("PW_SEAL_REFUSED")
              ? '"PW_TENANT_SUSPENDED"'
              : JSON.stringify(settled[n]),
          );
          expect(settled[n + 1]).toEqual(notesOf("b"));
        }
      });
    },
  );
}
