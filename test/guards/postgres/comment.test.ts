import fc from "fast-check";
import pg from "pg";
import { to as copyTo } from "pg-copy-streams";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";
import { createPartywall } from "partywall";
import type { PartywallError } from "partywall";
import { guardPg } from "partywall/guards/postgres";
import type { StatementComment } from "partywall/guards/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commentOf, withComment } from "../../../src/guards/postgres/comment.js";
import { describeEngine } from "../../support/engine.js";
import { buildWorld, SECRET, type World } from "./world.js";

const ID = "tenant-b' or true --";
const COMMENT = "/*tenant='tenant-b%27%20or%20true%20--'*/";

describeEngine("postgres", "the comment that names the tenant", () => {
  let world: World;
  beforeAll(async () => {
    world = await buildWorld({ tenantType: "text" });
    // The wall switches it off, so that no tenant sees in pg_stat_activity what another runs.
    await world.unguarded.query(
      `alter role ${new URL(world.appUrl).username} set track_activities = on`,
    );
  });
  afterAll(() => world.close());

  /** A guard with the option, over one connection, and what the server itself says that connection last ran. */
  async function commented(
    comment: StatementComment | undefined,
    use: (given: {
      pw: ReturnType<typeof instance>;
      client: pg.Client;
      seen: () => Promise<string>;
    }) => Promise<void>,
    more: object = {},
  ) {
    const pw = instance(comment, more);
    for (const { id, slug, name } of [world.a, world.b])
      await pw.tenants.create({ id, slug, name });
    const client = new pw.postgres.Client({ connectionString: world.appUrl });
    await client.connect();
    const { pid } = (await pw.central(() => client.query("select pg_backend_pid() as pid")))
      .rows[0] as { pid: number };
    const seen = async () => {
      const { rows } = await world.unguarded.query<{ query: string }>(
        "select query from pg_stat_activity where pid = $1",
        [pid],
      );
      return rows[0]?.query ?? "";
    };
    try {
      await use({ pw, client, seen });
    } finally {
      await client.end();
      await pw.close();
    }
  }
  const instance = (comment: StatementComment | undefined, more: object) =>
    createPartywall({
      realm: world.database.name,
      secret: SECRET,
      postgres: guardPg(pg, {
        app: world.appUrl,
        system: world.systemUrl,
        ...(comment === undefined ? {} : { comment }),
        ...more,
      }),
    });

  test("is on a statement while it runs, and another tenant's is on the next of the same connection", () =>
    commented("tenant", async ({ pw, client, seen }) => {
      const running = pw.run(world.b.id, () => client.query("select pg_sleep($1)", [0.3]));
      await expect.poll(seen).toBe(`select pg_sleep($1) ${COMMENT}`);
      await running;
      await pw.run(world.a.id, () => client.query("select note from orders"));
      expect(await seen()).toBe("select note from orders /*tenant='tenant-a'*/");
    }));

  test("is not there unless asked for, nor in central scope, nor on start-up chatter, nor on the guard's own", () =>
    commented("tenant", async ({ pw, client, seen }) => {
      await pw.central(() => client.query("select name from plans"));
      expect(await seen()).toBe("select name from plans");
      await client.query("SELECT 1");
      expect(await seen()).toBe("SELECT 1");
      await commented(undefined, async (plain) => {
        await plain.pw.run(world.b.id, () => plain.client.query("select 1 as one"));
        expect(await plain.seen()).toBe("select 1 as one");
      });
    }));

  test("leaves what the guard reads from a text as it was", () =>
    commented("tenant", async ({ pw, client, seen }) => {
      await pw.run(world.b.id, async () => {
        // One statement with a semicolon and a parameter is one still.
        expect((await client.query("select $1::int as n;", [1])).rows).toEqual([{ n: 1 }]);
        expect(await seen()).toBe(`select $1::int as n ${COMMENT};`);
        await client.query("begin;");
        await client.query("insert into orders (id, note) values (900, 'x')");
        await client.query("savepoint s");
        await expect(client.query("select 1/0")).rejects.toThrow("division by zero");
        await client.query("rollback to s;");
        expect((await client.query("select note from orders where id = 900")).rowCount).toBe(1);
        await client.query("rollback -- all of it;");
        expect((await client.query("select note from orders where id = 900")).rowCount).toBe(0);
        // Several statements: the text as a whole has one, at its end.
        const several = await client.query("select 1 as a; select 2 as b -- two");
        expect(several).toHaveLength(2);
        expect(await seen()).toContain(`select 1 as a; select 2 as b -- two\n${COMMENT}`);
        await expect(client.query("select nothing_there from orders")).rejects.toMatchObject({
          position: "8",
        });
      });
    }));

  test("is on cursors, streams, COPY and query objects", () =>
    commented("tenant", async ({ pw, client, seen }) => {
      await pw.run(world.b.id, async () => {
        const cursor = client.query(new Cursor("select note from orders order by id"));
        await cursor.read(1);
        expect(await seen()).toBe(`select note from orders order by id ${COMMENT}`);
        await cursor.close();
        for await (const _ of client.query(new QueryStream("select id from orders"))) break;
        expect(await seen()).toBe(`select id from orders ${COMMENT}`);
        const copy = client.query(copyTo("copy (select note from orders) to stdout"));
        const chunks: Buffer[] = [];
        for await (const chunk of copy) chunks.push(chunk as Buffer);
        expect(Buffer.concat(chunks).toString()).toContain("b1");
        expect(await seen()).toContain(`copy (select note from orders) to stdout ${COMMENT}`);
      });
    }));

  test("never lets one tenant's prepared statement say another's name", () =>
    commented(
      "tenant",
      async ({ pw, client, seen }) => {
        const text = "select note from orders where id = $1";
        for (let round = 0; round < 3; round += 1)
          for (const { id, say, note } of [
            { id: world.a.id, say: "/*tenant='tenant-a'*/", note: "a1" },
            { id: ID, say: COMMENT, note: "b1" },
          ]) {
            const { rows } = await pw.run(id, () => client.query(text, [1]));
            expect(rows).toEqual([{ note }]);
            expect(await seen()).toBe(`${text} ${say}`);
          }
      },
      { preparedStatements: true },
    ));

  test("holds what a function says, sorted, and asks it in the statement's own scope", () =>
    commented(
      ({ tenant, principal }) => ({ who: String(principal), slug: tenant?.slug ?? "*/;-- none" }),
      async ({ pw, client, seen }) => {
        await pw.run(ID, () => client.query("select 3"), { principal: "ada's" });
        expect(await seen()).toBe("select 3 /*slug='b',who='ada%27s'*/");
        await pw.run(ID, () => client.query("select 3"), { principal: "bob" });
        expect(await seen()).toBe("select 3 /*slug='b',who='bob'*/");
        await pw.central(() => client.query("select 4"));
        expect(await seen()).toBe("select 4 /*slug='%2A%2F%3B--%20none',who='undefined'*/");
        await Promise.all(
          [world.a, world.b].map((tenant) =>
            pw.run(tenant.id, () => pw.postgres.pool.query("select pg_sleep(0.01)")),
          ),
        );
      },
    ));

  test("a function that fails refuses the statement, and nothing is sent", () =>
    commented(
      ({ tenant }) => {
        if (tenant !== undefined) throw new Error("no name for it");
        return undefined;
      },
      async ({ pw, client, seen }) => {
        const before = await seen();
        await expect(pw.run(ID, () => client.query("select 5"))).rejects.toThrow("no name for it");
        expect(await seen()).toBe(before);
      },
    ));

  test("the option is a word or a function", () => {
    const error = (() => {
      try {
        guardPg(pg, { app: "", comment: "tenants" as "tenant" });
        return undefined;
      } catch (thrown) {
        return thrown as PartywallError;
      }
    })();
    expect(error?.code).toBe("PW_CONFIG");
  });

  test("no name or value ends the comment, begins another, or is a second statement", async () => {
    const nasty = fc.string({ unit: "binary", maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(
        nasty,
        fc.oneof(
          nasty,
          fc.constantFrom("*/ select 2 /*", "'*/;drop table orders;--", "*", "\uD800"),
        ),
        async (name, value) => {
          const comment = commentOf({ [name]: value }) ?? "";
          expect(comment.slice(2, -2)).not.toMatch(/\*|\/|;|--.*\n|\n/);
          // The server's own parser, which takes one statement with a parameter only.
          const { rows } = await world.unguarded.query(
            withComment("select $1::int as n;", comment),
            [7],
          );
          expect(rows).toEqual([{ n: 7 }]);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("a very long value is cut", () => {
    expect(commentOf({ tenant: "ä".repeat(10_000) })).toHaveLength(
      "/*tenant=''*/".length + 200 * 6,
    );
    expect(commentOf({})).toBeUndefined();
    expect(withComment(" ; ", "/*x*/")).toBe(" ; ");
  });
});
