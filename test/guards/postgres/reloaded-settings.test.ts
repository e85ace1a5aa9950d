import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { startEmbeddedPostgres, type EmbeddedPostgres } from "../../support/embedded-postgres.js";
import { urlAs, withClient } from "../../support/postgres.js";
import { buildWorld, type World } from "./world.js";

// A server of its own: its configuration is changed.
describeEngine("postgres", "the server's configuration changes while connections are open", () => {
  let server: EmbeddedPostgres;
  let world: World;
  beforeAll(async () => {
    server = await startEmbeddedPostgres({ settings: { fsync: "off", max_connections: "30" } });
    const name = "reloaded";
    await withClient(server.url, (client) => client.query(`create database ${name}`));
    world = await buildWorld({
      max: 1,
      database: { url: urlAs(server.url, { database: name }), name, drop: async () => {} },
      dropsRoles: false,
    });
  });
  afterAll(async () => {
    await world?.close();
    await server?.stop();
  });

  test("a setting that DISCARD ALL cannot put back does not stop the next tenant", async () => {
    const notes = (id: string) =>
      world.pw.run(id, async () => {
        const { rows } = await world.pool.query("select note from orders order by id");
        return rows.map((row) => row.note);
      });
    const zone = () =>
      world.pw.run(world.a.id, async () => (await world.pool.query("show timezone")).rows[0]);
    expect(await notes(world.a.id)).toEqual(["a1", "a2", "a3"]);
    await world.unguarded.query("alter system set timezone = 'Asia/Tokyo'");
    await world.unguarded.query("select pg_reload_conf()");
    while ((await zone()).TimeZone !== "Asia/Tokyo") await sleep(10);
    expect(await notes(world.b.id)).toEqual(["b1", "b2", "b3"]);
    expect(await notes(world.a.id)).toEqual(["a1", "a2", "a3"]);
  });
});
