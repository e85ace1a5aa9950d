import { once } from "node:events";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import pg from "pg";
import { to as copyTo } from "pg-copy-streams";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";
import { createPartywall } from "partywall";
import { guardPg } from "partywall/guards/postgres";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { describeEngine, engineUrl } from "../../support/engine.js";
import { urlAs } from "../../support/postgres.js";
import { buildTown, type Town } from "./placement/town.js";
import { tapWire, type Crossing, type Wire } from "./wire.js";
import { buildWorld, SECRET, type World } from "./world.js";

type Use = (pool: pg.Pool) => Promise<unknown>;

const TEXT = "select note from orders where id = 1";
const SEVERAL = "select note from orders where id = 1; select count(*) from orders";
const PARAMETERS = { text: "select note from orders where id = $1", values: [1] };
const NAMED = { ...PARAMETERS, name: "by-id" };

const LONE: [string, Use][] = [
  ["a text", (pool) => pool.query(TEXT)],
  ["a text with parameters", (pool) => pool.query(PARAMETERS)],
  ["a named statement, twice", (pool) => pool.query(NAMED).then(() => pool.query(NAMED))],
  ["a text of several statements", (pool) => pool.query(SEVERAL)],
  ["a write", (pool) => pool.query("update orders set note = note where id = 1")],
  ["a text of hundreds of rows", (pool) => pool.query("select generate_series(1, 900)")],
];

// On a client of its own: after a failure the driver's pool closes the connection.
const FAILING: [string, string][] = [
  ["a text", "select 1/0"],
  ["a text that cannot be parsed", "selec"],
  ["a text of several statements", "select 1; select 1/0"],
];

const cursor = async (client: pg.PoolClient) => {
  const reading = client.query(new Cursor("select note from orders order by id"));
  await reading.read(2);
  await reading.read(2);
  await reading.close();
};
const stream = async (client: pg.PoolClient) => {
  const reading = client.query(new QueryStream("select note from orders order by id"));
  reading.resume();
  await once(reading, "close");
};
const copy = async (client: pg.PoolClient) => {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  await pipeline(client.query(copyTo("copy (select note from orders) to stdout")), nowhere);
  // The stream ends before the server is ready; the statement after it makes both ends meet, guarded or not.
  await client.query("select 1");
};

type Dialogue = (client: pg.PoolClient) => Promise<void>;

// With what the seal adds: a cursor's Execute, which the driver alone sends along with its Parse, waits for the seal.
const DIALOGUES: [string, number, Dialogue][] = [
  ["a cursor", 0, cursor],
  ["a query stream", 0, stream],
  ["COPY TO", 1, copy],
];

describeEngine("postgres", "round trips on the wire, counted beside the raw driver's", () => {
  let world: World;
  let wire: Wire;
  let guarded: pg.Pool;
  let raw: pg.Pool;
  const pools: pg.Pool[] = [];

  beforeAll(async () => {
    world = await buildWorld();
    wire = await tapWire(engineUrl("postgres"));
    // The superuser passes every policy, so that the raw driver runs the same texts without a tenant.
    raw = new pg.Pool({ connectionString: wire.through(world.database.url), max: 1 });
    guarded = new world.guard.Pool({ connectionString: wire.through(world.appUrl), max: 1 });
    pools.push(raw, guarded);
  });
  beforeEach(async () => {
    // A connection that a test before this one had cleaned or closed is opened outside the count.
    await raw.query("select 1");
    await inA(() => guarded.query("select 1"));
  });
  afterAll(async () => {
    await Promise.all(pools.map((pool) => pool.end()));
    await wire.close();
    await world.close();
  });

  const inA = <T>(fn: () => T) => world.pw.run(world.a.id, fn);
  const inB = <T>(fn: () => T) => world.pw.run(world.b.id, fn);
  const lent = async (pool: pg.Pool, fn: (client: pg.PoolClient) => Promise<unknown>) => {
    const client = await pool.connect();
    try {
      await fn(client);
    } finally {
      client.release();
    }
  };
  const count = (fn: () => Promise<unknown>): Promise<Crossing> => wire.during(fn);

  test("the tap counts what it should: four statements are four trips, one text of four is one", async () => {
    const four = async () => {
      for (const text of ["begin", "select 1", "select 2", "commit"]) await raw.query(text);
    };
    expect(await count(four)).toEqual({ trips: 4, sent: "Q Q Q Q" });
    expect(await count(() => raw.query("begin; select 1; select 2; commit"))).toEqual({
      trips: 1,
      sent: "Q",
    });
  });

  test.each(LONE)("%s costs exactly what it costs without the guard", async (_what, use) => {
    const before = await count(() => use(raw));
    const after = await count(() => inA(() => use(guarded)));
    expect(before.trips).toBeGreaterThan(0);
    expect(after.trips).toBe(before.trips);
    const each = after.sent.split(" ");
    for (const sent of each) expect(sent).toMatch(/^PBE(?:PBDES|QS?)$/);
  });

  test.each(FAILING)("%s that fails costs what it costs without the guard", async (_what, text) => {
    const run = async (client: pg.PoolClient) => {
      await expect(client.query(text)).rejects.toThrow(/zero|syntax/);
      await client.query(TEXT);
    };
    expect((await count(() => lent(raw, run))).trips).toBe(2);
    expect((await count(() => inA(() => lent(guarded, run)))).trips).toBe(2);
  });

  test("a lone statement is one trip that carries the seal, the statement and one Sync", async () => {
    expect(await count(() => inA(() => guarded.query(TEXT)))).toEqual({
      trips: 1,
      sent: "PBEPBDES",
    });
    expect(await count(() => inA(() => guarded.query(SEVERAL)))).toEqual({
      trips: 1,
      sent: "PBEQ",
    });
  });

  test("a statement refused for want of a scope sends nothing", async () => {
    const refused = () =>
      expect(guarded.query(TEXT)).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    expect(await count(refused)).toEqual({ trips: 0, sent: "" });
  });

  const tenStatements = async (client: pg.PoolClient) => {
    await client.query("begin");
    for (let id = 1; id <= 10; id += 1) await client.query(PARAMETERS.text, [id]);
    await client.query("commit");
  };

  test("a transaction of ten statements is twelve trips, and only its first statement carries the seal", async () => {
    expect((await count(() => lent(raw, tenStatements))).trips).toBe(12);
    const { trips, sent } = await count(() => inA(() => lent(guarded, tenStatements)));
    expect(trips).toBe(12);
    expect(sent).toBe(["Q", "PBEPBDES", ...Array<string>(9).fill("PBDES"), "Q"].join(" "));
  });

  test("a transaction with savepoints costs no trip more, though ROLLBACK TO takes the seal", async () => {
    const texts = [
      "begin",
      "savepoint s",
      TEXT,
      "rollback to savepoint s",
      TEXT,
      "commit and chain",
      TEXT,
      "commit",
    ];
    const run = async (client: pg.PoolClient) => {
      for (const text of texts) await client.query(text);
    };
    expect((await count(() => lent(raw, run))).trips).toBe(texts.length);
    expect((await count(() => inA(() => lent(guarded, run)))).trips).toBe(texts.length);
  });

  test.each(DIALOGUES)("%s costs %i round trips more, for the seal", async (_what, more, use) => {
    const before = await count(() => lent(raw, use));
    const after = await count(() => inA(() => lent(guarded, use)));
    expect(before.trips).toBeGreaterThan(0);
    expect(after.trips).toBe(before.trips + more);
  });

  test.each(DIALOGUES)("%s in a sealed transaction costs none of its %i", async (_what, _, use) => {
    const run = async (client: pg.PoolClient) => {
      await client.query("begin");
      await client.query(TEXT);
      await use(client);
      await client.query("commit");
    };
    const before = await count(() => lent(raw, run));
    const after = await count(() => inA(() => lent(guarded, run)));
    expect(after.trips).toBe(before.trips);
  });

  test("central statements are sent as the raw driver sends them", async () => {
    const texts: Use[] = [
      (pool) => pool.query("select * from plans"),
      (pool) => pool.query("select * from plans where name = $1", ["free"]),
      (pool) => pool.query("select 1; select * from plans"),
    ];
    for (const use of texts) {
      const before = await count(() => use(raw));
      const after = await count(() => world.pw.central(() => use(guarded)));
      expect(after).toEqual(before);
    }
    const whole = async (client: pg.PoolClient) => {
      await client.query(new Cursor("select * from plans")).read(9);
      await client.query("select 1");
    };
    const before = await count(() => lent(raw, whole));
    expect(await count(() => world.pw.central(() => lent(guarded, whole)))).toEqual(before);
  });

  test("tenants who take turns on one connection cost nothing in between", async () => {
    const turns = async () => {
      for (let turn = 0; turn < 3; turn += 1) {
        await inA(() => guarded.query(TEXT));
        await inB(() => guarded.query(TEXT));
      }
    };
    expect((await count(turns)).trips).toBe(6);
  });

  test("a session that a tenant touched is cleaned in two trips before the next tenant comes", async () => {
    const turns = async () => {
      await inA(() => guarded.query("select set_config('application_name', 'a', false)"));
      await inB(() => guarded.query(TEXT));
    };
    expect((await count(turns)).sent).toBe("PBEPBDES Q Q PBEPBDES");
  });

  test("prepared statements save both Parses from the second time on, whichever tenant comes", async () => {
    const guard = guardPg(pg, {
      app: { connectionString: wire.through(world.appUrl), max: 1 },
      system: world.systemUrl,
      preparedStatements: true,
    });
    const pw = createPartywall({ realm: "prepared", secret: SECRET, postgres: guard });
    try {
      for (const { id, slug, name } of [world.a, world.b]) {
        await pw.tenants.create({ id, slug, name });
      }
      const sent = async (id: string, query: object | string) =>
        (await count(() => pw.run(id, () => guard.pool.query(query as never)))).sent;
      // The first statement of a connection follows the proof that its names are the guard's alone.
      expect(await sent(world.b.id, TEXT)).toMatch(/PBDES Q PBEPBDES$/);
      expect(await sent(world.a.id, TEXT)).toBe("BEPBDES");
      for (const { id } of [world.b, world.a]) expect(await sent(id, TEXT)).toBe("BEBDES");
      expect(await sent(world.b.id, NAMED)).toBe("BEPBDES");
      expect(await sent(world.a.id, NAMED)).toBe("BEBDES");
      await pw.run(world.a.id, () => guard.pool.query("set work_mem = '5MB'"));
      // What was prepared went with the settings, when the connection was cleaned.
      expect(await sent(world.b.id, TEXT)).toMatch(/PBEPBDES$/);
      expect(await sent(world.b.id, TEXT)).toBe("BEBDES");
    } finally {
      await pw.close();
    }
  });
});

describeEngine("postgres", "round trips of tenants placed apart, beside the raw driver's", () => {
  let town: Town;
  let wire: Wire;
  const raw: Record<string, pg.Pool> = {};

  beforeAll(async () => {
    wire = await tapWire(engineUrl("postgres"));
    town = await buildTown(
      [
        { slug: "carla", strategy: "schema" },
        { slug: "dan", strategy: "schema" },
        { slug: "fred", strategy: "database" },
      ],
      { max: 1, through: wire.through },
    );
    const { url, name } = town.database;
    // The superuser passes every policy, so that the raw driver runs the same texts without a tenant.
    const pool = (database: string, schema: string) =>
      new pg.Pool({
        connectionString: wire.through(urlAs(url, { database })),
        max: 1,
        options: `-c search_path=${schema}`,
      });
    raw["carla"] = pool(name, town.homes["carla"]!);
    raw["fred"] = pool(`${name}_fred`, "public");
  });
  beforeEach(async () => {
    for (const [slug, pool] of Object.entries(raw)) {
      await pool.query("select 1");
      await town.as(slug, "select 1");
    }
  });
  afterAll(async () => {
    await Promise.all(Object.values(raw).map((pool) => pool.end()));
    await town.close();
    await wire.close();
  });

  const lent = async (pool: pg.Pool, fn: (client: pg.PoolClient) => Promise<unknown>) => {
    const client = await pool.connect();
    try {
      await fn(client);
    } finally {
      client.release();
    }
  };
  /** What a use crosses the wire with, raw and guarded. */
  const both = async (slug: string, use: Use) => [
    await wire.during(() => use(raw[slug]!)),
    await wire.during(() => town.pw.run({ slug }, () => use(town.pool))),
  ];
  const transaction = (client: pg.PoolClient) =>
    ["begin", TEXT, "savepoint s", TEXT, "rollback to s", TEXT, "commit"].reduce<Promise<unknown>>(
      (before, text) => before.then(() => client.query(text)),
      Promise.resolve(),
    );

  test.each(LONE)("%s of a schema tenant costs no trip more", async (_what, use) => {
    const [before, after] = await both("carla", use);
    expect(before!.trips).toBeGreaterThan(0);
    expect(after!.trips).toBe(before!.trips);
  });

  test("a transaction of a schema tenant costs no trip more, with the path in its seal", async () => {
    const [before, after] = await both("carla", (pool) => lent(pool, transaction));
    expect(before!.trips).toBe(7);
    expect(after!.trips).toBe(7);
    expect(await wire.during(() => town.as("carla", TEXT))).toEqual({ trips: 1, sent: "PBEPBDES" });
  });

  test.each(DIALOGUES)("%s of a schema tenant costs %i trips more", async (_what, more, use) => {
    const [before, after] = await both("carla", (pool) => lent(pool, use));
    expect(after!.trips).toBe(before!.trips + more);
  });

  test("schema tenants who take turns on one connection cost nothing in between", async () => {
    const turns = async () => {
      for (const slug of ["carla", "dan", "carla", "dan"]) await town.as(slug, TEXT);
    };
    expect((await wire.during(turns)).trips).toBe(4);
  });

  test.each(LONE)("%s of a database tenant is sent as the raw driver sends it", async (_, use) => {
    const [before, after] = await both("fred", use);
    expect(before!.trips).toBeGreaterThan(0);
    expect(after!.trips).toBe(before!.trips);
  });

  test("a lone text of a database tenant carries no seal", async () => {
    const [before, after] = await both("fred", (pool) => pool.query(TEXT));
    expect(before).toEqual({ trips: 1, sent: "Q" });
    expect(after).toEqual(before);
  });

  test.each([
    ...DIALOGUES.map(([what, , use]) => [what, use] as const),
    ["a transaction", transaction] as const,
  ])("%s of a database tenant costs exactly the raw driver's trips", async (_what, use) => {
    const [before, after] = await both("fred", (pool) => lent(pool, use));
    expect(before!.trips).toBeGreaterThan(0);
    expect(after).toEqual(before);
  });

  test.each(FAILING)(
    "%s that fails costs both what it costs without the guard",
    async (_, text) => {
      const run = (pool: pg.Pool) =>
        lent(pool, async (client) => {
          await expect(client.query(text)).rejects.toThrow(/zero|syntax/);
          await client.query(TEXT);
        });
      for (const slug of ["carla", "fred"]) {
        expect((await both(slug, run)).map(({ trips }) => trips)).toEqual([2, 2]);
      }
    },
  );
});
