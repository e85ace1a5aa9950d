import { guardPostgresJs } from "partywall/adapters/postgres-js";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dyingServer, type DyingServer } from "../../guards/postgres/dying-server.js";
import { describeEngine, engineUrl } from "../../support/engine.js";
import { buildSite, type Site } from "./site.js";

const NOTES = "select note from orders order by id";

describeEngine("postgres", "postgres.js on a network that loses things", () => {
  let server: DyingServer;
  let site: Site;
  beforeAll(async () => {
    server = await dyingServer(engineUrl("postgres"));
    site = await buildSite({
      residences: [
        { slug: "ada", strategy: "row" },
        { slug: "bob", strategy: "row" },
      ],
      max: 2,
      sql: { max: 1 },
      through: server.through,
    });
  });
  afterAll(async () => {
    await site.close();
    await server.close();
  });

  const notesOf = (slug: string) =>
    site.inside(slug, async () => [...(await site.sql.unsafe(NOTES))]);
  const own = (slug: string) => [1, 2, 3].map((n) => ({ note: `${slug}${n}` }));

  test.each([
    ["a plain statement", () => site.sql.unsafe("select 1 / (id - id) from orders")],
    ["a statement with parameters", () => site.sql`select 1 / (id - ${1}::int) from orders`],
    [
      "a cursor",
      async () => {
        for await (const rows of site.sql.unsafe("select 1 / (id - 1) from orders").cursor(10)) {
          return rows;
        }
        return [];
      },
    ],
  ])(
    "a backend that ends in the packet of its refusal leaves nobody out of step: %s",
    async (_, refused) => {
      for (let n = 0; n < 3; n += 1) {
        server.dieRefusing();
        await expect(site.inside("ada", async () => await refused())).rejects.toMatchObject({
          code: "22012",
        });
        expect(await Promise.all(["bob", "ada", "bob"].map(notesOf))).toEqual(
          ["bob", "ada", "bob"].map(own),
        );
      }
    },
  );

  test("a request to cancel that is lost, or comes before the server has begun, is made again", async () => {
    const { sql } = site;
    server.loseCancel();
    const code = await site.inside("ada", async () => {
      const running = sql.unsafe("select pg_sleep(60)").execute();
      const told = running.catch((error: { code: unknown }) => error.code);
      setTimeout(() => running.cancel(), 50);
      return told;
    });
    expect(code).toBe("57014");
    expect(await notesOf("bob")).toEqual(own("bob"));
  });

  test("what is cancelled while its connection opens keeps nobody from that connection", async () => {
    const fresh = guardPostgresJs(site.guard, postgres, { max: 2 });
    const codes = await site.inside("ada", () =>
      Promise.all(
        [1, 2, 3].map(async (n) => {
          const running = fresh`select note from orders where id = ${n}`.execute();
          // It is handed to a connection then, which has yet to open.
          await Promise.resolve();
          await Promise.resolve();
          running.cancel();
          return running.then(
            () => "answered",
            (error: { code: unknown }) => error.code,
          );
        }),
      ),
    );
    expect(codes).toEqual(["57014", "57014", "57014"]);
    const rows = await Promise.all(
      ["ada", "bob", "ada"].map((slug) =>
        site.inside(slug, async () => [...(await fresh.unsafe(NOTES))]),
      ),
    );
    expect(rows).toEqual(["ada", "bob", "ada"].map(own));
    await fresh.end();
  });
});
