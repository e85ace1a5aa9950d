import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { answer, expectStanding, raid, raidedWorld, SEALS, type World } from "./raid.js";

const BY_ID = "select note, '01/02/2020'::date::text as day from orders where id = $1";

// A function as an application may have one: what it runs, neither the text nor the command tag tells.
const HIDING = `create function run_text(sql text) returns void language plpgsql as 'begin execute sql; end';`;
const hidden = (sql: string) => `select run_text('${sql.replaceAll("'", "''")}')`;

for (const seal of SEALS) {
  describeEngine("postgres", `names the guard keeps to itself, under the ${seal} seal`, () => {
    let world: World;
    beforeAll(async () => {
      world = await raidedWorld(seal, { guard: { preparedStatements: true }, ddl: HIDING });
    });
    afterAll(() => world.close());

    const inA = <T>(fn: () => T) => world.pw.run(world.a.id, fn);
    const inB = <T>(fn: () => T) => world.pw.run(world.b.id, fn);
    const own = (run: typeof inA) => run(() => answer(world.pool.query(BY_ID, [1])));
    const expectOwn = async () => {
      for (let n = 0; n < 3; n += 1) {
        expect(await own(inA)).toEqual([{ note: "a1", day: "2020-01-02" }]);
        expect(await own(inB)).toEqual([{ note: "b1", day: "2020-01-02" }]);
      }
    };

    test("PostgreSQL shows a statement's name nowhere but where the login may not look", async () => {
      const { rows: views } = await world.unguarded.query<{ view: string }>(
        `select c.oid::regclass::text as view from pg_class c where c.relkind = 'v'
           and c.relnamespace = 'pg_catalog'::regnamespace and c.relname <> 'pg_prepared_statements' order by 1`,
      );
      expect(views.length).toBeGreaterThan(50);
      const name = "bnTUm4vX-Hk_unguessable";
      await world.unguarded.query({ name, text: "select $1::int as asked", values: [1] });
      const telling: string[] = [];
      for (const view of [...views.map((row) => row.view), "pg_prepared_statements"]) {
        const { rows } = await world.unguarded
          .query(`select 1 from ${view} v where v::text like '%' || 'bnTUm4vX' || '-Hk%'`)
          // Some ask for what is not loaded, such as a configuration file.
          .catch(() => ({ rows: [] }));
        if (rows.length > 0) telling.push(view);
      }
      expect(telling).toEqual(["pg_prepared_statements"]);
    });

    test("a login cannot list names, by any way", async () => {
      await expectOwn();
      for (const sql of [
        "select * from pg_prepared_statements",
        "select pg_prepared_statement()",
        hidden("select * from pg_prepared_statements"),
        "select query_to_xml('select * from pg_prepared_statements', true, true, '')",
      ]) {
        expect(JSON.stringify(await raid(world, sql)), sql).toContain("42501");
      }
    });

    for (const drop of [
      "deallocate all",
      "discard all",
      "discard plans",
      "deallocate prepare all",
    ]) {
      for (const sql of [drop, hidden(drop)]) {
        test(`statements a tenant drops do not fail the next tenant: ${sql}`, async () => {
          await expectOwn();
          await inA(() => answer(world.pool.query(sql)));
          expect(await own(inB)).toEqual([{ note: "b1", day: "2020-01-02" }]);
          await expectOwn();
        });

        test(`statements a tenant drops in a transaction: ${sql}`, async () => {
          await expectOwn();
          const client = await world.pool.connect();
          await inA(async () => {
            await client.query("begin");
            await answer(client.query(sql));
            const after = await answer(client.query(BY_ID, [1]));
            expect(JSON.stringify(after)).toMatch(/"a1"|26000|25P02/);
            expect(JSON.stringify(after)).not.toMatch(/prepared statement \\"[^\\]/);
            await client.query("rollback");
          });
          client.release();
          await expectOwn();
        });
      }
    }

    test("what a tenant prepares, seen or hidden, is never what another runs", async () => {
      await expectOwn();
      for (const name of ["", "s1", "S_1", "by-id", "partywall", "seal"]) {
        const planted = `prepare "${name}" (int) as select 'caught ' || $1 as note, 'never' as day`;
        for (const sql of [planted, hidden(planted), `deallocate all; ${planted}`]) {
          await expectStanding(world, () => inA(() => world.pool.query(sql)));
          expect(await own(inB)).toEqual([{ note: "b1", day: "2020-01-02" }]);
        }
      }
    });

    // What is prepared keeps the meaning that its literals had then, so a tenant's settings must not be in force.
    for (const setting of [
      "set local datestyle = 'sql, dmy'",
      "select set_config('datestyle', 'sql, dmy', true)",
      "set datestyle = 'sql, dmy'",
      "/* */ set local datestyle to 'sql, dmy'",
      hidden("set local datestyle = ''sql, dmy''".replaceAll("''", "'")),
    ]) {
      test(`a statement prepared under a tenant's settings is not the next tenant's: ${setting}`, async () => {
        const text = `select '01/02/2020'::date - '2020-01-01'::date as days, '${setting.length}' as n`;
        const days = (run: typeof inA) => run(() => answer(world.pool.query(text)));
        const client = await world.pool.connect();
        await inA(async () => {
          await client.query("begin");
          await client.query(setting);
          for (let n = 0; n < 3; n += 1) {
            expect((await client.query(text)).rows).toMatchObject([{ days: 31 }]);
          }
          await client.query("commit");
        });
        client.release();
        for (let n = 0; n < 3; n += 1) {
          expect(await days(inB)).toMatchObject([{ days: 1 }]);
          expect(await days(inA)).toMatchObject([{ days: 1 }]);
        }
      });
    }

    test("a statement prepared before does not outlive a tenant's own settings", async () => {
      const text = "select '01/02/2020'::date - '2020-01-01'::date as days";
      const client = await world.pool.connect();
      await inA(async () => {
        for (let n = 0; n < 3; n += 1) {
          expect((await client.query(text)).rows).toEqual([{ days: 1 }]);
        }
        await client.query("begin");
        await client.query("set local datestyle = 'sql, dmy'");
        expect((await client.query(text)).rows).toEqual([{ days: 31 }]);
        await client.query("commit");
        expect((await client.query(text)).rows).toEqual([{ days: 1 }]);
      });
      client.release();
    });

    test("a hundred statements of two tenants side by side are each one's own", async () => {
      const client = await world.pool.connect();
      const texts = Array.from(
        { length: 25 },
        (_, n) => `select note, ${n} as n from orders where id = $1`,
      );
      const asked: Promise<unknown>[] = [];
      for (let round = 0; round < 4; round += 1) {
        for (const [n, text] of texts.entries()) {
          const [run, slug] = (n + round) % 2 === 0 ? ([inA, "a"] as const) : ([inB, "b"] as const);
          asked.push(
            run(async () =>
              expect(await answer(client.query(text, [2]))).toEqual([{ note: `${slug}2`, n }]),
            ),
          );
        }
      }
      await Promise.all(asked);
      client.release();
    });

    test("a suspended tenant's seal is refused, and prepared again when it is restored", async () => {
      await expectOwn();
      await world.pw.tenants.suspend(world.a.id);
      expect(JSON.stringify(await own(inB))).toContain("b1");
      await world.pw.tenants.restore(world.a.id);
      await expectOwn();
      await world.unguarded.query(
        "update partywall.seals set expires_at = now() - interval '1 hour' where tenant = $1",
        [world.a.id],
      );
      for (let n = 0; n < 3; n += 1) {
        expect(await own(inA)).toMatchObject({ refused: { code: "PW_SEAL_REFUSED" } });
        expect(JSON.stringify(await own(inB))).toContain("b1");
      }
      await world.unguarded.query(
        "update partywall.seals set expires_at = 'infinity' where tenant = $1",
        [world.a.id],
      );
      await expectOwn();
    });
  });
}
