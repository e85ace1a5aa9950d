import { EventEmitter, once } from "node:events";
import { setImmediate as immediate, setTimeout as sleep } from "node:timers/promises";
import { PassThrough } from "node:stream";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";
import pg from "pg";
import { to as copyTo } from "pg-copy-streams";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { answer, codeOf, expectStanding, raidedWorld, SEALS, truth, type World } from "./raid.js";

for (const seal of SEALS) {
  describeEngine("postgres", `without a scope, under the ${seal} seal`, () => {
    let world: World;
    beforeAll(async () => {
      world = await raidedWorld(seal);
    });
    afterAll(() => world.close());

    const NO_SCOPE = "PW_NO_SCOPE";
    const TEXT = "select * from orders";

    /** Runs with nothing sent: B's tables are locked all the while, so a statement that got there would hang. */
    const sentNothing = async (run: () => Promise<unknown>) => {
      await world.unguarded.query("begin; lock table orders in access exclusive mode");
      try {
        return await run();
      } finally {
        await world.unguarded.query("rollback");
      }
    };

    test("a promise cannot read, change or begin anything", async () => {
      for (const sql of [
        TEXT,
        "update orders set note = 'taken'",
        "begin",
        "commit",
        "select 1 as one",
        "select 1; select * from orders",
        "select version() , (select count(*) from orders)",
        "/**/select 1",
        "listen x",
        "set search_path = public",
        "discard all",
        "select * from plans",
        "",
      ]) {
        expect(await sentNothing(() => codeOf(world.pool.query(sql))), sql).toBe(NO_SCOPE);
      }
    });

    test("what drivers ask by themselves reads no tenant's rows, and nothing like it passes", async () => {
      expect(await answer(world.pool.query("select 1"))).toEqual([{ "?column?": 1 }]);
      const two = { asked: 0, values: [] };
      // A config whose text changes between two looks at it.
      const shifty = Object.defineProperty(two, "text", {
        enumerable: true,
        get: () => (two.asked++ === 0 ? "select 1" : TEXT),
      });
      const loot = await expectStanding(world, () => world.pool.query(shifty as never));
      expect(JSON.stringify(loot)).toContain("PW_CENTRAL_SCOPE");
    });

    test("a callback hears of it, from the pool and from a client", async () => {
      const heard = (from: { query: unknown }) =>
        new Promise((resolve) => {
          (from.query as (text: string, done: (error: unknown) => void) => void).call(
            from,
            TEXT,
            resolve,
          );
        });
      const client = await world.pool.connect();
      expect(await heard(client)).toMatchObject({ code: NO_SCOPE });
      client.release();
      expect(await heard(world.pool)).toMatchObject({ code: NO_SCOPE });
    });

    test("a cursor, a stream, a COPY and the driver's own Query cannot be submitted", async () => {
      const client = await world.pool.connect();
      const cursor = client.query(new Cursor(TEXT));
      await expect(cursor.read(1)).rejects.toMatchObject({ code: NO_SCOPE });
      const stream = client.query(new QueryStream(TEXT));
      await expect(once(stream.resume(), "end")).rejects.toMatchObject({ code: NO_SCOPE });
      const copy = client.query(copyTo("copy orders to stdout"));
      await expect(once(copy.resume(), "end")).rejects.toMatchObject({ code: NO_SCOPE });
      const told = await new Promise((resolve) => {
        client.query(Object.assign(new pg.Query(TEXT), { callback: resolve }));
      });
      expect(told).toMatchObject({ code: NO_SCOPE });
      client.release();
      await expectStanding(world, () =>
        world.pw.run(world.a.id, () => world.pool.query("select 1")),
      );
    });

    test("a scope that has ended cannot be used by what it left running", async () => {
      const late: Promise<string | undefined>[] = [];
      const bus = new EventEmitter();
      const pipe = new PassThrough();
      const detached = (source: EventEmitter, event: string) =>
        new Promise<string | undefined>((resolve) => {
          source.once(event, () => resolve(codeOf(world.pool.query(TEXT))));
        });
      // Listeners run in the scope of who emits, not of who listens: outside there is none.
      await world.pw.run(world.a.id, () => {
        late.push(detached(bus, "go"), detached(pipe, "readable"));
      });
      bus.emit("go");
      pipe.end("x");
      late.push(
        sleep(1).then(() => codeOf(world.pool.query(TEXT))),
        immediate().then(() => codeOf(world.pool.query(TEXT))),
        new Promise((resolve) => {
          process.nextTick(() => resolve(codeOf(world.pool.query(TEXT))));
        }),
      );
      for (const code of await Promise.all(late)) expect([NO_SCOPE]).toContain(code);
    });

    test("a timer, a listener and a stream begun in a scope stay in that scope", async () => {
      const seen = await world.pw.run(world.b.id, async () => {
        const notes = async () =>
          (await world.pool.query("select note from orders where id = 1")).rows[0].note;
        const emitter = new EventEmitter();
        const listened = new Promise((resolve) => {
          emitter.once("x", () => resolve(notes()));
        });
        emitter.emit("x");
        return [await sleep(1).then(notes), await immediate().then(notes), await listened];
      });
      expect(seen).toEqual(["b1", "b1", "b1"]);
    });

    test("a transaction that outlived its scope cannot be gone on with, nor committed", async () => {
      const before = await truth(world, world.a);
      const client = await world.pool.connect();
      await world.pw.run(world.a.id, async () => {
        await client.query("begin");
        await client.query("update orders set note = 'left open'");
      });
      for (const sql of [TEXT, "commit", "rollback", "select 1; commit"]) {
        expect(await codeOf(client.query(sql)), sql).toBe(NO_SCOPE);
      }
      // Without a tenant and without a refusal of its own, a driver's question still may not enter the transaction.
      expect(await codeOf(client.query("select 1"))).toBe("PW_TRANSACTION_SCOPE");
      for (const run of [
        () => world.pw.run(world.b.id, () => client.query("commit")),
        () => world.pw.central(() => client.query("commit")),
      ]) {
        expect(await codeOf(run())).toBe("PW_TRANSACTION_SCOPE");
      }
      expect(await codeOf(world.pw.system({ reason: "test" }, () => client.query("commit")))).toBe(
        "PW_STATEMENT_REFUSED",
      );
      client.release();
      await expectStanding(world, () =>
        world.pw.run(world.b.id, () => world.pool.query("select 1")),
      );
      expect(await truth(world, world.a)).toEqual(before);
    });

    test("the central scope reaches no tenant's rows by any statement", async () => {
      for (const sql of [
        TEXT,
        "select count(*) from orders",
        `select * from orders where tenant_id = '${world.b.id}'`,
        "update orders set note = 'taken'",
        "delete from orders",
        "insert into orders (id) values (9)",
        `insert into orders (tenant_id, id) values ('${world.b.id}', 9)`,
        "select * from customers for update",
        "select 1; select * from orders",
        "begin; select * from orders; commit",
        "copy orders to stdout",
        "select query_to_xml('select * from orders', false, false, '')",
      ]) {
        const loot = await expectStanding(world, () =>
          world.pw.central(() => world.pool.query(sql)),
        );
        expect(JSON.stringify(loot), sql).toContain("PW_CENTRAL_SCOPE");
      }
    });

    test("a connection of the system scope cannot be carried into a tenant's", async () => {
      const client = await world.pw.system({ reason: "test" }, () => world.pool.connect());
      for (const run of [
        () => client.query(TEXT),
        () => world.pw.run(world.a.id, () => client.query(TEXT)),
        () => world.pw.central(() => client.query(TEXT)),
      ]) {
        expect(await codeOf(run())).toBe("PW_STATEMENT_REFUSED");
      }
      await world.pw.system({ reason: "test" }, () => client.release());
    });
  });
}
