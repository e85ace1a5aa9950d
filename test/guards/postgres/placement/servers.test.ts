import { rm } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
} from "../../../support/embedded-postgres.js";
import { urlAs, withClient, type TestDatabase } from "../../../support/postgres.js";
import { buildTown, type Residence, type Town } from "./town.js";

const SERVERS = [undefined, "east", "west"] as const;
const RESIDENCES: Residence[] = SERVERS.flatMap((server) =>
  (["row", "schema", "database"] as const).map((strategy) => ({
    slug: `${server ?? "home"}${strategy}`,
    strategy,
    ...(server && { server }),
  })),
);
const SLUGS = RESIDENCES.map(({ slug }) => slug);

async function startServer(name: string): Promise<{ server: EmbeddedPostgres; at: TestDatabase }> {
  const server = await startEmbeddedPostgres({
    persistent: true,
    settings: { fsync: "off", max_connections: "40" },
  });
  const database = `pw_${name}`;
  await withClient(server.url, (client) => client.query(`create database ${database}`));
  // It goes with its server.
  const at = { name: database, url: urlAs(server.url, { database }), drop: async () => {} };
  return { server, at };
}

describeEngine("postgres", "tenants spread over three servers", () => {
  let town: Town;
  const servers: Record<string, EmbeddedPostgres> = {};

  beforeAll(async () => {
    const [east, west] = await Promise.all([startServer("east"), startServer("west")]);
    Object.assign(servers, { east: east.server, west: west.server });
    town = await buildTown(RESIDENCES, {
      servers: { east: east.at, west: west.at },
      guard: { budget: { connections: 12, waitMs: 5000 } },
    });
    // The unguarded eyes die with their servers, unheard.
    for (const slug of SLUGS) town.eye(slug).on("error", () => {});
    for (const { superuser } of Object.values(town.boroughs)) superuser.on("error", () => {});
  }, 120_000);
  afterAll(async () => {
    await town?.close();
    for (const server of Object.values(servers)) {
      await server.stop();
      await rm(server.dataDir, { recursive: true, force: true });
    }
  }, 60_000);

  const first = (slug: string) => town.as(slug, "select note from orders where id = 1");

  test("one pool serves all nine, and the wall stands on each server", async () => {
    await town.pw.ready();
    const answers = await Promise.all(
      Array.from({ length: 180 }, async (_, n) => {
        const slug = SLUGS[n % SLUGS.length]!;
        return [slug, await first(slug)] as const;
      }),
    );
    for (const [slug, rows] of answers) expect(rows).toEqual([{ note: `${slug}1` }]);
  });

  test("a system scope works on the server it names, and only there", async () => {
    const counted = (server?: string) =>
      town.pw.system({ reason: "test", ...(server && { server }) }, async () => {
        const { rows } = await town.pool.query("select distinct tenant_id from orders");
        return rows.map((row) => row.tenant_id as string);
      });
    expect(await counted()).toEqual([town.id("homerow")]);
    expect(await counted("east")).toEqual([town.id("eastrow")]);
    expect(await counted("west")).toEqual([town.id("westrow")]);
    await expect(counted("nowhere")).rejects.toMatchObject({ code: "PW_PLACEMENT" });
  });

  test("a tenant placed on a server that the guard does not know is not admitted", async () => {
    await expect(
      town.pw.tenants.create({
        slug: "lost",
        name: "Lost",
        placement: { strategy: "row", server: "nowhere" },
      }),
    ).rejects.toMatchObject({ code: "PW_GUARD_FAILED" });
  });

  test("with one server down only its tenants fail, and are served again when it is back", async () => {
    const east = servers["east"]!;
    const { port, dataDir } = east;
    east.kill("SIGQUIT");
    await east.exited;
    const outcomes = await Promise.all(
      SLUGS.map(async (slug) => {
        try {
          return [slug, await first(slug)] as const;
        } catch (error) {
          return [slug, error] as const;
        }
      }),
    );
    for (const [slug, outcome] of outcomes) {
      if (slug.startsWith("east")) expect(outcome, slug).toBeInstanceOf(Error);
      else expect(outcome, slug).toEqual([{ note: `${slug}1` }]);
    }
    servers["east"] = await startEmbeddedPostgres({
      port,
      dataDir,
      persistent: true,
      settings: { fsync: "off", max_connections: "40" },
    });
    for (const slug of SLUGS) {
      // What was idle when its server went may fail once more, as with the driver alone.
      await expect.poll(() => first(slug).catch(() => "not yet")).toEqual([{ note: `${slug}1` }]);
    }
  }, 60_000);
});
