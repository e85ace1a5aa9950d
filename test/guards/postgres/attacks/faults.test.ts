import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import Cursor from "pg-cursor";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { startEmbeddedPostgres } from "../../../support/embedded-postgres.js";
import { urlAs } from "../../../support/postgres.js";
import {
  answer,
  breaches,
  codeOf,
  raidedWorld,
  SEALS,
  truth,
  uncaughtDuring,
  type World,
} from "./raid.js";

for (const seal of SEALS) {
  describeEngine("postgres", `faults of the connection, under the ${seal} seal`, () => {
    let world: World;
    beforeAll(async () => {
      world = await raidedWorld(seal);
    });
    afterAll(() => world.close());

    const inA = <T>(fn: () => T) => world.pw.run(world.a.id, fn);
    const withClient = <T>(fn: (client: pg.PoolClient) => Promise<T>) =>
      inA(async () => {
        const client = await world.pool.connect();
        client.on("error", () => undefined);
        try {
          return await fn(client);
        } finally {
          client.release();
        }
      });
    const pidOf = async (client: pg.PoolClient) =>
      (await client.query("select pg_backend_pid() as pid")).rows[0].pid as number;
    const signal = (how: "cancel" | "terminate", pid: number) =>
      world.unguarded.query(`select pg_${how}_backend($1)`, [pid]);
    const untilBusy = async (pid: number) => {
      for (;;) {
        const { rows } = await world.unguarded.query(
          "select wait_event from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'",
          [pid],
        );
        if (rows.length > 0) return;
        await sleep(5);
      }
    };
    /** After a fault: both tenants' next statements on the same pool see exactly their own rows. */
    const expectRecovered = async (before: Awaited<ReturnType<typeof truth>>) => {
      expect(await breaches(world, before)).toEqual([]);
      expect((world.pool as unknown as { waitingCount: number }).waitingCount).toBe(0);
    };

    const STATEMENTS = {
      "a statement": "select pg_sleep(20)",
      "a text of several statements": "select note from orders; select pg_sleep(20); select 1",
    };
    for (const [title, slow] of Object.entries(STATEMENTS)) {
      for (const how of ["cancel", "terminate"] as const) {
        test(`${title} that an administrator ${how}s leaves no tenant behind`, async () => {
          const before = await truth(world, world.b);
          const code = await withClient(async (client) => {
            const pid = await pidOf(client);
            const running = codeOf(client.query(slow));
            await untilBusy(pid);
            await signal(how, pid);
            return running;
          });
          expect(code).toBe(how === "cancel" ? "57014" : "57P01");
          // The server's last word may arrive before the end of the connection does, as with the driver itself.
          if (how === "terminate") await answer(inA(() => world.pool.query("select 1")));
          await expectRecovered(before);
        });
      }
    }

    for (const how of ["cancel", "terminate"] as const) {
      test(`a transaction whose statement an administrator ${how}s is rolled back and left to nobody`, async () => {
        const before = await truth(world, world.b);
        const own = await truth(world, world.a);
        await withClient(async (client) => {
          const pid = await pidOf(client);
          await client.query("begin");
          await client.query("update orders set note = 'half'");
          const running = codeOf(client.query("select pg_sleep(20)"));
          await untilBusy(pid);
          await signal(how, pid);
          expect(await running).toBe(how === "cancel" ? "57014" : "57P01");
          expect(await codeOf(client.query("select 1"))).toBeDefined();
        });
        await expectRecovered(before);
        expect(await truth(world, world.a)).toEqual(own);
      });
    }

    test("a connection that dies while idle in the pool is not missed", async () => {
      const before = await truth(world, world.b);
      const pid = await withClient(pidOf);
      world.pool.once("error", () => undefined);
      await signal("terminate", pid);
      await answer(inA(() => world.pool.query("select 1")));
      await expectRecovered(before);
    });

    test("a connection of the guard's own that dies while idle does not end the process", async () => {
      await world.pw.system({ reason: "test" }, () => world.pool.query("select 1"));
      const uncaught = await uncaughtDuring(async () => {
        await world.unguarded.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1",
          [world.roles.system],
        );
        await sleep(50);
      });
      expect(uncaught).toEqual([]);
      await world.pw.tenants.create({ slug: "late", name: "Late" });
      await world.pw.system({ reason: "test" }, () => world.pool.query("select 1"));
    });

    test("statements queued behind a connection that dies fail, and none runs as another tenant", async () => {
      const before = await truth(world, world.b);
      const client = await inA(() => world.pool.connect());
      client.on("error", () => undefined);
      const pid = await inA(() => pidOf(client));
      const slow = inA(() => codeOf(client.query("select pg_sleep(20)")));
      const queued = Promise.all(
        [world.b, world.a, world.b].map((tenant) =>
          world.pw.run(tenant.id, () => codeOf(client.query("select * from orders"))),
        ),
      );
      await untilBusy(pid);
      await signal("terminate", pid);
      expect(await slow).toBe("57P01");
      for (const code of await queued) expect(code).toBeDefined();
      client.release();
      await expectRecovered(before);
    });

    test("query_timeout cancels on the server, in and out of a transaction", async () => {
      const before = await truth(world, world.b);
      const own = await truth(world, world.a);
      const slow = { text: "select pg_sleep(20)", query_timeout: 50 };
      expect(await codeOf(inA(() => world.pool.query(slow)))).toBe("PW_QUERY_TIMEOUT");
      await expectRecovered(before);
      await withClient(async (client) => {
        await client.query("begin");
        await client.query("update orders set note = 'half'");
        expect(await codeOf(client.query(slow))).toBe("PW_QUERY_TIMEOUT");
        expect(await codeOf(client.query("select 1"))).toBe("25P02");
        await client.query("rollback");
        expect((await client.query("select note from orders where id = 1")).rows).toEqual([
          { note: "a1" },
        ]);
      });
      await expectRecovered(before);
      expect(await truth(world, world.a)).toEqual(own);
      const { rows } = await world.unguarded.query(
        "select 1 from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()",
      );
      expect(rows).toEqual([]);
    });

    test("a client released while its statement runs is not lent before it has ended", async () => {
      const before = await truth(world, world.b);
      const client = await inA(() => world.pool.connect());
      const late = inA(() =>
        answer(client.query("select pg_sleep(0.1), note from orders where id = 1")),
      );
      client.release();
      const next = world.pw.run(world.b.id, () =>
        answer(world.pool.query("select note from orders where id = 1")),
      );
      expect(await late).toMatchObject([{ note: "a1" }]);
      expect(await next).toEqual([{ note: "b1" }]);
      await expectRecovered(before);
    });

    test("a client closed under its statement, and a cursor whose connection dies, leave the pool in order", async () => {
      const before = await truth(world, world.b);
      const client = await inA(() => world.pool.connect());
      client.on("error", () => undefined);
      const pid = await inA(() => pidOf(client));
      const cursor = await inA(() =>
        client.query(new Cursor("select note from orders, generate_series(1, 1000)")),
      );
      expect(await cursor.read(1)).toHaveLength(1);
      await signal("terminate", pid);
      await expect(cursor.read(5000)).rejects.toBeInstanceOf(Error);
      client.release(true);
      await expectRecovered(before);
    });

    test("the driver's own cancel request hits its statement only", async () => {
      const before = await truth(world, world.b);
      await withClient(async (client) => {
        const pid = await pidOf(client);
        const running = codeOf(client.query("select pg_sleep(20)"));
        await untilBusy(pid);
        const { processID, secretKey } = client as unknown as {
          processID: number;
          secretKey: number;
        };
        const connection = new pg.Connection() as unknown as {
          connect(port: number, host: string): void;
          cancel(pid: number, key: number): void;
          once(event: string, done: () => void): void;
        };
        const url = new URL(world.appUrl);
        connection.connect(Number(url.port), url.hostname);
        connection.once("connect", () => connection.cancel(processID, secretKey));
        expect(await running).toBe("57014");
      });
      await expectRecovered(before);
    });
  });
}

describeEngine("postgres", "a server restarted mid-way", () => {
  for (const seal of SEALS) {
    test(`leaves no tenant behind and the pool recovers, under the ${seal} seal`, async () => {
      const settings = { fsync: "off" };
      const first = await startEmbeddedPostgres({ settings, persistent: true });
      const { dataDir, port } = first;
      const admin = new pg.Client({ connectionString: first.url });
      await admin.connect();
      await admin.query("create database restarted");
      await admin.end();
      const url = urlAs(first.url, { database: "restarted" });
      const world = await raidedWorld(seal, {
        max: 2,
        database: { url, name: "restarted", drop: async () => undefined },
      });
      world.unguarded.on("error", () => undefined);
      world.pool.on("error", () => undefined);
      const inA = <T>(fn: () => T) => world.pw.run(world.a.id, fn);
      const client = await inA(() => world.pool.connect());
      client.on("error", () => undefined);
      await inA(() => client.query("begin"));
      await inA(() => client.query("update orders set note = 'half'"));
      const slow = inA(() => codeOf(world.pool.query("select pg_sleep(20)")));
      const uncaught = await uncaughtDuring(async () => {
        first.kill("SIGQUIT");
        await first.exited;
        expect(await slow).toBeDefined();
        await sleep(50);
      });
      expect(await codeOf(inA(() => client.query("select * from orders")))).toBeDefined();
      expect(await codeOf(inA(() => world.pool.query("select * from orders")))).toBeDefined();
      client.release();
      const second = await startEmbeddedPostgres({ settings, dataDir, port, persistent: false });
      try {
        const eye = new pg.Client({ connectionString: url });
        await eye.connect();
        const notes = (await eye.query("select note from orders order by note")).rows.map(
          (row) => row.note,
        );
        expect(notes).toEqual(["a1", "a2", "a3", "b1", "b2", "b3"]);
        await eye.end();
        for (let n = 0; n < 4; n += 1) {
          for (const [tenant, slug] of [
            [world.b, "b"],
            [world.a, "a"],
          ] as const) {
            const seen = await world.pw.run(tenant.id, () =>
              answer(world.pool.query("select note from orders order by id")),
            );
            expect(seen).toEqual([1, 2, 3].map((row) => ({ note: `${slug}${row}` })));
          }
        }
        expect(uncaught, "the process would have ended").toEqual([]);
        await world.pw.close();
        await world.unguarded.end().catch(() => undefined);
      } finally {
        await second.stop();
      }
    });
  }
});
