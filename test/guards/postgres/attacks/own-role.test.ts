import { afterEach, beforeAll, afterAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { urlAs, withClient } from "../../../support/postgres.js";
import {
  answer,
  breaches,
  expectRepelled,
  expectStanding,
  raid,
  raidedWorld,
  SEALS,
  truth,
  type World,
} from "./raid.js";

for (const seal of SEALS) {
  describeEngine("postgres", `the application's own role, under the ${seal} seal`, () => {
    let world: World;
    let app: string;
    beforeAll(async () => {
      world = await raidedWorld(seal);
      app = world.roles.app;
    });
    afterAll(() => world.close());
    afterEach(async () => {
      await world.unguarded.query(`alter role ${app} reset all`);
      await world.unguarded.query(`alter role ${app} set track_activities = off`);
      await world.unguarded.query(`alter role ${app} password 'secret' connection limit -1`);
      await reconnect();
    });

    /** Ends the pool's connections, so that what comes next is a new one with the role's settings. */
    const reconnect = async () => {
      await world.unguarded.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1",
        [app],
      );
      // The pool hears of the end before its next statement.
      await answer(world.pw.run(world.a.id, () => world.pool.query("select 1")));
      await answer(world.pw.run(world.a.id, () => world.pool.query("select 1")));
    };

    test("cannot be raised, renamed, lent or given another's rights", async () => {
      for (const sql of [
        "alter role APP superuser",
        "alter role APP bypassrls",
        "alter role APP createrole",
        "alter role APP replication",
        "alter role APP rename to other",
        "alter role APP connection limit 1",
        "alter role APP valid until '2000-01-01'",
        "alter role APP set role = 'postgres'; select 1/0",
        "alter role APP set backtrace_functions = 'pw_61'",
        "alter role APP set track_activities = on",
        "alter role APP reset track_activities",
        "alter role APP set session_replication_role = replica",
        `alter role ${world.roles.system} set search_path = x`,
        "alter role all set search_path = x",
        `alter database ${world.database.name} set search_path = x`,
        `grant APP to ${world.roles.system}`,
        `grant APP to public`,
        `grant ${world.roles.system} to APP`,
        `grant ${world.owner} to APP`,
        "grant pg_read_all_data to APP",
        "create role other login",
        "drop owned by APP; select 1/0",
        "reassign owned by APP to postgres",
        "drop role APP",
      ]) {
        const loot = await expectRepelled(world, sql.replaceAll("APP", app));
        expect(loot.text, sql).toHaveProperty("refused");
      }
    });

    // What a login may always do to itself. New connections of the neighbour must not feel any of it.
    const OWN_SETTINGS: Record<string, string> = {
      search_path: "nowhere",
      row_security: "off",
      standard_conforming_strings: "off",
      client_encoding: "'LATIN1'",
      statement_timeout: "'1ms'",
      lock_timeout: "'1ms'",
      idle_in_transaction_session_timeout: "'1ms'",
      default_transaction_read_only: "on",
      default_transaction_isolation: "serializable",
      "partywall.seal": "'x'",
    };
    for (const [name, value] of Object.entries(OWN_SETTINGS)) {
      test(`cannot carry ${name} to the neighbour's new connections by ALTER ROLE`, async () => {
        for (const where of ["", ` in database ${world.database.name}`]) {
          const before = await truth(world, world.b);
          const loot = await raid(world, `alter role ${app}${where} set ${name} = ${value}`);
          await reconnect();
          expect(await breaches(world, before, loot)).toEqual([]);
          const [set] = (await world.pw.run(world.b.id, () =>
            answer(world.pool.query(`select coalesce(current_setting('${name}', true), '') as v`)),
          )) as [{ v: string }];
          const plain = value.replaceAll("'", "");
          if (name !== "partywall.seal") expect(set.v).not.toBe(plain);
          const write = await expectStanding(world, () =>
            world.pw.run(world.a.id, () => world.pool.query("update orders set note = note")),
          );
          expect(write).toEqual([]);
          await world.unguarded.query(`alter role ${app}${where} reset all`);
        }
      });
    }

    test("can change its own password, which locks new connections out but opens nothing", async () => {
      await expectRepelled(world, `alter role ${app} password 'known to A'`);
      const url = urlAs(world.appUrl, { password: "known to A" });
      const loot = await withClient(url, (client) => answer(client.query("select * from orders")));
      expect(loot).toMatchObject({ refused: { code: "PW001" } });
    });
  });
}
