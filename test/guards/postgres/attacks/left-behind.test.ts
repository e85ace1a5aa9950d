import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { answer, expectRepelled, expectStanding, raidedWorld, SEALS, type World } from "./raid.js";

// Settings an attacker would like the next tenant to run under. Each reaches B only if it stays on the session.
const SETTINGS: Record<string, string> = {
  statement_timeout: "'1ms'",
  lock_timeout: "'1ms'",
  idle_in_transaction_session_timeout: "'1ms'",
  search_path: "nowhere",
  default_transaction_read_only: "on",
  default_transaction_isolation: "serializable",
  timezone: "'Pacific/Chatham'",
  datestyle: "'SQL, DMY'",
  standard_conforming_strings: "off",
  backslash_quote: "on",
  client_encoding: "'LATIN1'",
  row_security: "off",
  session_authorization: "default",
  log_parameter_max_length_on_error: "-1",
  bytea_output: "escape",
  extra_float_digits: "-15",
  "app.anything": "'left by A'",
};

const WATCHED = Object.keys(SETTINGS).filter((name) => name !== "session_authorization");

for (const seal of SEALS) {
  describeEngine("postgres", `what a tenant leaves on a connection, under the ${seal} seal`, () => {
    let world: World;
    let fresh: unknown;
    beforeAll(async () => {
      world = await raidedWorld(seal);
      fresh = await session();
    });
    afterAll(() => world.close());

    const inA = <T>(fn: () => T) => world.pw.run(world.a.id, fn);
    const inB = <T>(fn: () => T) => world.pw.run(world.b.id, fn);
    const withClient = async <T>(fn: (client: pg.PoolClient) => Promise<T>) => {
      const client = await world.pool.connect();
      try {
        return await fn(client);
      } finally {
        client.release();
      }
    };
    // What B's session looks like: all settings an attacker may move, held locks, listened channels, open cursors.
    const session = () =>
      inB(() =>
        answer(
          world.pool.query(
            `select ${WATCHED.map((name) => `coalesce(current_setting('${name}', true), '') as "${name}"`).join(", ")},
               (select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks,
               (select count(*)::int from pg_listening_channels()) as channels,
               (select count(*)::int from pg_cursors where name <> '') as cursors,
               current_user = session_user as itself`,
          ),
        ),
      );
    const expectFresh = async (what: string) => expect(await session(), what).toEqual(fresh);

    for (const [name, value] of Object.entries(SETTINGS)) {
      test(`the setting ${name} does not reach the next tenant`, async () => {
        const forms = [
          `set ${name} = ${value}`,
          `set session ${name} = ${value}`,
          `set/**/${name} to ${value}`,
          `select set_config('${name}', ${value.startsWith("'") ? value : `'${value}'`}, false)`,
          `begin; set ${name} = ${value}; commit`,
          `set ${name} = ${value}; commit; select 1 / 0`,
          `set local ${name} = ${value}; set ${name} = ${value}`,
        ];
        for (const sql of forms) {
          await expectRepelled(world, sql);
          await expectFresh(sql);
        }
      });
    }

    // Functions that run a text handed to them: the words to look for need not stand in the statement.
    const HIDDEN: Record<string, (sql: string) => string> = {
      query_to_xml: (sql) => `select query_to_xml(${sql}, false, false, '')`,
      ts_stat: (sql) => `select * from ts_stat(${sql})`,
      ts_rewrite: (sql) => `select ts_rewrite('a'::tsquery, ${sql})`,
    };
    const COMPUTED: Record<string, string> = {
      query_to_xml: `'select set_con' || 'fig(''statement_timeout'', ''1ms'', false)'`,
      ts_stat: `'select to_tsvector(set_con' || 'fig(''statement_timeout'', ''1ms'', false))'`,
      ts_rewrite: `'select ''a''::tsquery, set_con' || 'fig(''application_name'', ''left'', false)::tsquery from set_con' || 'fig(''statement_timeout'', ''1ms'', false) as moved'`,
    };
    for (const [name, wrap] of Object.entries(HIDDEN)) {
      test(`a setting moved by a text that ${name}() runs does not reach the next tenant`, async () => {
        await expectRepelled(world, wrap(COMPUTED[name] as string));
        await expectFresh(name);
      });
    }

    test("the seed of random() does not reach the next tenant", async () => {
      const next = () =>
        inB(async () => (await world.pool.query("select random() as r")).rows[0].r);
      const seen = new Set<number>();
      for (let n = 0; n < 3; n += 1) {
        await inA(() => world.pool.query("select setseed(0.5)"));
        seen.add(await next());
      }
      expect(seen.size, "B's random numbers repeat as A chose").toBe(3);
    });

    const LOCKS: Record<string, string> = {
      "an advisory lock": "select pg_advisory_lock(77)",
      "a shared advisory lock": "select pg_try_advisory_lock_shared(7, 8)",
      "an advisory lock of a failing statement":
        "select pg_advisory_lock(77 + id), 1 / (3 - id) from orders",
      "an advisory lock named in Unicode escapes": `select U&"pg\\005fadvisory\\005flock"(78)`,
      "an advisory lock taken in several statements":
        "select pg_advisory_lock(79); commit; select 1 / 0",
      "an advisory lock of a statement that ran too long":
        "set local statement_timeout = 50; select pg_advisory_lock(80), pg_sleep(10)",
    };
    for (const [title, sql] of Object.entries(LOCKS)) {
      test(`${title} is not held while the next tenant runs`, async () => {
        await expectRepelled(world, sql);
        await expectFresh(sql);
        // Kept by its borrower after the error, unlike pool.query(), which closes the connection.
        await inA(() => withClient((client) => answer(client.query(sql))));
        await expectFresh(`${sql} on a client`);
      });
    }

    test("an advisory lock of a cancelled statement is not held while the next tenant runs", async () => {
      const slow = { text: "select pg_advisory_lock(81), pg_sleep(10)", query_timeout: 100 };
      const loot = await inA(() => withClient((client) => answer(client.query(slow))));
      expect(loot).toMatchObject({ refused: { code: "PW_QUERY_TIMEOUT" } });
      await expectFresh("cancelled");
    });

    test("LISTEN in a text of several statements does not leave the next tenant listening", async () => {
      for (const sql of [
        "select 1; listen x",
        "begin; listen x; commit",
        "/**/listen x;select 1",
      ]) {
        await expectStanding(world, () => inA(() => world.pool.query(sql)));
        await expectFresh(sql);
      }
    });

    test("a WITH HOLD cursor of one tenant cannot be fetched by the other", async () => {
      for (const sql of [
        "declare loot cursor with hold for select note from orders",
        "begin; declare loot cursor with hold for select note from orders; commit",
        "select 1; declare loot binary scroll cursor with hold for select note from orders",
      ]) {
        await inB(() => world.pool.query(sql));
        const loot = await expectRepelled(world, "fetch all from loot");
        expect(JSON.stringify(loot.text)).toContain("34000");
        await expectRepelled(world, sql);
        await expectFresh(sql);
      }
    });

    test("a cursor closed early leaves no setting behind", async () => {
      const sql =
        "select set_config('statement_timeout', '1ms', false) from generate_series(1, 100)";
      await expectStanding(world, () =>
        inA(() =>
          withClient(async (client) => {
            const cursor = client.query(new Cursor(sql));
            await cursor.read(1);
            await cursor.close();
          }),
        ),
      );
      await expectFresh("cursor");
    });

    test("a stream destroyed early leaves no setting behind", async () => {
      const sql =
        "select set_config('statement_timeout', '1ms', false) from generate_series(1, 1000)";
      await expectStanding(world, () =>
        inA(() =>
          withClient(async (client) => {
            const stream = client.query(new QueryStream(sql, [], { batchSize: 2 }));
            for await (const row of stream) {
              expect(row).toBeDefined();
              break;
            }
          }),
        ),
      );
      await expectFresh("stream");
    });

    test("a temporary table cannot stand before the real one", async () => {
      for (const sql of [
        "create temp table orders (note text)",
        "create temporary view orders as select 1",
        "select * into temp orders from public.orders",
        "create temp table orders as select * from public.orders",
        "create unlogged table orders (a int)",
        "create temp sequence s",
        "create function pg_temp.now() returns int return 1",
      ]) {
        const loot = await expectRepelled(world, sql);
        expect(JSON.stringify(loot.text)).toMatch(/42501/);
      }
    });

    test("a transaction left open is not the next tenant's", async () => {
      await expectRepelled(world, "begin");
      await expectRepelled(world, "select 1; begin; update orders set note = 'taken'");
      await expectRepelled(world, "begin; lock table orders in access exclusive mode");
      await expectFresh("transaction");
    });
  });
}
