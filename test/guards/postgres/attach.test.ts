import { createRequire } from "node:module";
import pg from "pg";
import { createPartywall } from "partywall";
import { guardPg } from "partywall/guards/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { buildWorld, SECRET, type World } from "./world.js";

const NOTES = "select note from orders order by id";

describeEngine("postgres", "putting the guard in place", () => {
  let world: World;
  beforeAll(async () => {
    world = await buildWorld();
  });
  afterAll(() => world.close());

  test("a guard belongs to one instance", () => {
    expect(() =>
      createPartywall({ realm: "another", secret: SECRET, postgres: world.guard }),
    ).toThrow(expect.objectContaining({ code: "PW_CONFIG" }));
  });

  test("a guard that no instance was given refuses everything", async () => {
    const guard = guardPg(pg, { app: world.appUrl, system: world.systemUrl });
    const detached = { code: "PW_GUARD_DETACHED" };
    await expect(guard.pool.query(NOTES)).rejects.toMatchObject(detached);
    await expect(guard.pool.connect()).rejects.toMatchObject(detached);
    const client = new guard.Client({ connectionString: world.appUrl });
    await client.connect();
    try {
      await expect(client.query(NOTES)).rejects.toMatchObject(detached);
    } finally {
      await client.end();
    }
    await guard.close();
  });

  test("a module that is not the driver the guard knows is refused, by what it lacks", () => {
    const { Client, Pool, Query, Connection } = pg as typeof pg & { Connection: unknown };
    for (const [wrong, lacks] of [
      [{}, /Client\.query/],
      [{ Client, Pool }, /Query\.submit/],
      [{ Client, Pool, Query }, /Connection\.connect/],
      [{ Client: Map, Pool, Query, Connection }, /Client\._pulseQueryQueue/],
      [{ Client, Pool: Map, Query, Connection }, /Pool\._release/],
      [{ default: pg }, /default export/],
    ] as const) {
      const guard = () => guardPg(wrong as never, { app: world.appUrl });
      expect(guard).toThrow(expect.objectContaining({ code: "PW_CONFIG" }));
      expect(guard).toThrow(lacks);
    }
  });

  test("a second copy of the driver is guarded as its own", async () => {
    const require = createRequire(import.meta.url);
    const first = require("pg") as typeof pg;
    for (const path of Object.keys(require.cache)) {
      if (/node_modules\/pg(-pool)?\//.test(path)) delete require.cache[path];
    }
    const second = require("pg") as typeof pg;
    expect(second.Pool).not.toBe(first.Pool);
    const guard = guardPg(second, { app: world.appUrl, system: world.systemUrl });
    const pw = createPartywall({ realm: world.database.name, secret: SECRET, postgres: guard });
    try {
      expect(guard.pool).toBeInstanceOf(second.Pool);
      expect(guard.pool).not.toBeInstanceOf(first.Pool);
      for (const tenant of [world.a, world.b]) {
        const notes = await world.pw.run(tenant.id, () => guard.pool.query(NOTES));
        expect(notes.rows.map((row) => row.note)).toEqual(
          [1, 2, 3].map((n) => `${tenant.slug}${n}`),
        );
      }
      await expect(guard.pool.query(NOTES)).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
      await pw.ready();
    } finally {
      await pw.close();
    }
  });
});
