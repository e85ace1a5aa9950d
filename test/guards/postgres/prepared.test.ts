import { once } from "node:events";
import pg from "pg";
import Cursor from "pg-cursor";
import { createPartywall } from "partywall";
import { guardPg } from "partywall/guards/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine, engineUrl } from "../../support/engine.js";
import { answer } from "./attacks/raid.js";
import { renamingPooler, type RenamingPooler } from "./renaming-pooler.js";
import { tapWire, type Wire } from "./wire.js";
import { buildWorld, SECRET, type World } from "./world.js";

const BY_ID = "select note from orders where id = $1";

describeEngine("postgres", "prepared statements of the guard's own", () => {
  let world: World;
  let wire: Wire;
  beforeAll(async () => {
    wire = await tapWire(engineUrl("postgres"));
    world = await buildWorld();
  });
  afterAll(async () => {
    await world.close();
    await wire.close();
  });

  const guarded = async (
    use: (given: {
      pw: { ready(): Promise<unknown> };
      client: pg.Client;
      inA: <T>(fn: () => T | PromiseLike<T>) => Promise<T>;
      inB: <T>(fn: () => T | PromiseLike<T>) => Promise<T>;
      sent: (fn: () => Promise<unknown>) => Promise<string>;
    }) => Promise<void>,
    preparedStatements: boolean | number = true,
    more: object = {},
  ) => {
    const guard = guardPg(pg, {
      app: wire.through(world.appUrl),
      system: world.systemUrl,
      preparedStatements,
    });
    // The world's own seals serve: realm and secret are the same.
    const pw = createPartywall({ realm: world.database.name, secret: SECRET, postgres: guard });
    for (const { id, slug, name } of [world.a, world.b])
      await pw.tenants.create({ id, slug, name });
    const client = new guard.Client({ connectionString: wire.through(world.appUrl), ...more });
    client.on("error", () => undefined);
    await client.connect();
    try {
      await use({
        pw,
        client,
        inA: (fn) => pw.run(world.a.id, async () => fn()),
        inB: (fn) => pw.run(world.b.id, async () => fn()),
        sent: async (fn) => (await wire.during(fn)).sent,
      });
    } finally {
      await client.end();
      await pw.close();
    }
  };
  const byId = (client: pg.Client, id = 1) => client.query(BY_ID, [id]);
  const twice = async (run: () => Promise<unknown>) => {
    await run();
    await run();
  };

  test("a text is parsed once more when it comes again, and then no more", () =>
    guarded(async ({ pw, client, inA, inB, sent }) => {
      await pw.ready();
      await inA(() => client.query("select 1"));
      expect(await sent(() => inA(() => byId(client)))).toBe("BEPBDES");
      expect(await sent(() => inB(() => byId(client)))).toBe("BEPBDES");
      expect(await sent(() => inA(() => byId(client)))).toBe("BEBDES");
      expect((await inB(() => byId(client, 2))).rows).toEqual([{ note: "b2" }]);
    }));

  test("in a transaction only the first statement carries the seal, and none its text", () =>
    guarded(async ({ client, inA, sent }) => {
      await inA(() => twice(() => byId(client)));
      const work = () =>
        inA(async () => {
          await client.query("begin");
          await twice(() => byId(client));
          await client.query("commit");
        });
      expect(await sent(work)).toBe("Q BEBDES BDES Q");
    }));

  test("the longest unused statement is closed where there are too many", () =>
    guarded(async ({ client, inA, sent }) => {
      const texts = ["select 1 as x", "select 2 as x", "select 3 as x"];
      for (const text of texts) await inA(() => twice(() => client.query(text)));
      // The second made room for the third, so that the first had gone before.
      expect(await sent(() => inA(() => client.query(texts[1] as string)))).toBe("BEBDES");
      expect(await sent(() => inA(() => client.query(texts[0] as string)))).toBe("BEPBDES");
      expect(await sent(() => inA(() => client.query(texts[0] as string)))).toBe("CBEPBDES");
      expect(await sent(() => inA(() => client.query(texts[1] as string)))).toBe("BEBDES");
    }, 2));

  test("control, several statements and settings are not kept", () =>
    guarded(async ({ client, inA, sent }) => {
      const several = "select 1; select 2";
      for (const query of ["begin", "rollback", several, "show work_mem"]) {
        await inA(() => twice(() => client.query(query)));
      }
      expect(await sent(() => inA(() => client.query(several)))).toBe("BEQ");
      expect(await sent(() => inA(() => client.query("show work_mem")))).toBe("BEPBDES");
    }));

  test("a statement whose columns have changed is prepared anew, unseen by the caller", () =>
    guarded(async ({ client, inA, inB }) => {
      const read = () => client.query("select * from plans order by name limit 1");
      await inA(() => twice(read));
      await world.unguarded.query("alter table plans add column colour text");
      try {
        expect((await inB(read)).rows).toEqual([{ name: "free", price: 0, colour: null }]);
        await inA(() => twice(read));
        await world.unguarded.query("alter table plans alter column colour type int using 1");
        // A transaction has failed with it, so it is told, and the next one is right.
        await inA(async () => {
          await client.query("begin");
          await expect(read()).rejects.toMatchObject({ code: "0A000" });
          await client.query("rollback");
        });
        expect((await inA(read)).rows[0]).toEqual({ name: "free", price: 0, colour: 1 });
      } finally {
        await world.unguarded.query("alter table plans drop column colour");
      }
    }));

  test("a row handler hears no row twice where a statement is prepared anew", () =>
    guarded(async ({ client, inA }) => {
      const read = () => client.query("select * from plans order by name");
      await inA(() => twice(read));
      await world.unguarded.query("alter table plans add column colour text");
      try {
        const rows: unknown[] = [];
        await inA(async () => {
          const query = client.query(new pg.Query({ text: "select * from plans order by name" }));
          query.on("row", (row) => rows.push(row));
          await once(query, "end");
        });
        expect(rows).toHaveLength(2);
        expect((await inA(read)).rows).toHaveLength(2);
      } finally {
        await world.unguarded.query("alter table plans drop column colour");
      }
    }));

  test("a value that cannot be sent leaves its statement in order", () =>
    guarded(async ({ client, inA }) => {
      await inA(() => twice(() => byId(client)));
      const cyclic: { self?: unknown } = {};
      cyclic.self = cyclic;
      await expect(inA(() => client.query(BY_ID, [cyclic]))).rejects.toThrow(/circular/i);
      for (const id of [1, 2]) {
        expect((await inA(() => byId(client, id))).rows).toEqual([{ note: `a${id}` }]);
      }
    }));

  test("an error speaks of no name", () =>
    guarded(async ({ client, inA }) => {
      await inA(() => twice(() => byId(client)));
      const failure = await inA(() =>
        client.query(BY_ID, [1, 2]).then(
          () => undefined,
          (error: Error) => error,
        ),
      );
      expect(failure).toMatchObject({ code: "08P01" });
      for (const said of [failure?.message, failure?.stack]) {
        expect(said).toContain('prepared statement "" requires 1');
      }
    }));

  test("a cursor and a query object run under the prepared seal, and unnamed", () =>
    guarded(async ({ client, inA, sent }) => {
      await inA(() => twice(() => byId(client)));
      const cursor = () =>
        inA(async () => {
          const reading = client.query(new Cursor(BY_ID, [1]));
          expect(await reading.read(5)).toEqual([{ note: "a1" }]);
          await reading.close();
        });
      expect(await sent(cursor)).toMatch(/^BEPBDHEH /);
      const query = new pg.Query({ name: "by-id", text: BY_ID, values: [1] });
      const object = () => inA(() => once(client.query(query), "end"));
      expect(await sent(object)).toBe("BEH PBDES");
    }));

  test("a pipelining client sends everything unnamed", () =>
    guarded(
      async ({ client, inA, sent }) => {
        await inA(() => twice(() => byId(client)));
        expect(await sent(() => inA(() => byId(client)))).toBe("PBEPBDES");
      },
      true,
      { pipeline: true },
    ));

  test("a number that is none is refused", () => {
    for (const preparedStatements of [-1, 1.5, Number.NaN, "yes"]) {
      expect(() =>
        guardPg(pg, { app: world.appUrl, preparedStatements: preparedStatements as number }),
      ).toThrow(expect.objectContaining({ code: "PW_CONFIG" }));
    }
  });

  test("no names are kept where the login may list them", async () => {
    await world.unguarded.query(
      `grant execute on function pg_prepared_statement() to ${world.roles.app}`,
    );
    try {
      await guarded(async ({ pw, client, inA }) => {
        for (let n = 0; n < 2; n += 1) {
          expect(await inA(() => answer(byId(client)))).toMatchObject({
            refused: { code: "PW_CONFIG", message: expect.stringContaining("may list") },
          });
        }
        expect(await answer(pw.ready())).toMatchObject({ refused: { code: "PW_CONFIG" } });
      });
    } finally {
      await world.unguarded.query(
        `revoke execute on function pg_prepared_statement() from ${world.roles.app}`,
      );
    }
  });

  test("no names are kept where a pooler gives others in their place", async () => {
    const pooler: RenamingPooler = await renamingPooler(engineUrl("postgres"));
    try {
      const through = { connectionString: pooler.through(world.appUrl) };
      await guarded(
        async ({ client, inA }) => {
          expect(await inA(() => answer(byId(client)))).toMatchObject({
            refused: { code: "PW_CONFIG", message: expect.stringContaining("renames") },
          });
        },
        true,
        through,
      );
      await guarded(
        async ({ client, inA }) => {
          expect((await inA(() => byId(client))).rows).toEqual([{ note: "a1" }]);
        },
        false,
        through,
      );
    } finally {
      await pooler.close();
    }
  });
});
