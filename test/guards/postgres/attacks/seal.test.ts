import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { withClient } from "../../../support/postgres.js";
import {
  answer,
  expectRepelled,
  expectStanding,
  raid,
  raidedWorld,
  SEALS,
  type World,
} from "./raid.js";

const hex = (id: string) => Buffer.from(id).toString("hex");
const literal = (value: string) => `'${value.replaceAll("'", "''")}'`;
const PARAMETERS = ["backtrace_functions", "partywall.seal", "app.tenant", "partywall.tenant"];
const guesses = (world: World) => [
  world.b.id,
  `pw_${hex(world.b.id)}`,
  `${"0".repeat(64)}${world.b.id}`,
  `${createHash("sha256").update(world.b.id).digest("hex")}${world.b.id}`,
  "",
];

// Statements around the transaction that carries the seal; rows of A or an error may come of them, nothing else.
const TRANSACTIONS = [
  "commit; select * from orders",
  "rollback; select * from orders",
  "rollback; begin; select * from orders; commit",
  "begin; select * from orders; commit; select * from orders",
  "commit and chain; select * from orders",
  "commit; begin; commit and chain; select * from orders; rollback and chain; select * from orders; rollback",
  "savepoint s; rollback to s; select * from orders",
  "begin; savepoint s; select 1; rollback to s; select * from orders; commit",
  "begin; savepoint s; release s; rollback to s",
  "begin; savepoint s; select 1; release s; rollback; select * from orders",
  "prepare transaction 'kept'; select * from orders",
  "end; start transaction; select * from orders; abort",
  "begin isolation level serializable; select * from orders; rollback",
  "set transaction isolation level repeatable read; select * from orders",
  "set session characteristics as transaction read only",
];

const IDENTITY = [
  "reset all",
  "reset role",
  "reset session authorization",
  "discard all",
  "discard plans",
  "discard sequences",
  "discard temp",
  "set session_replication_role = replica",
  "set row_security = off",
  "set local row_security = off",
  "set session authorization default",
];

for (const seal of SEALS) {
  describeEngine("postgres", `the ${seal} seal`, () => {
    let world: World;
    beforeAll(async () => {
      world = await raidedWorld(seal);
    });
    afterAll(() => world.close());

    const inA = <T>(fn: () => T) => world.pw.run(world.a.id, fn);

    for (const parameter of PARAMETERS) {
      test(`cannot be forged by set_config('${parameter}') inside the statement`, async () => {
        for (const guess of guesses(world)) {
          for (const local of [true, false]) {
            const forge = `set_config('${parameter}', ${literal(guess)}, ${local})`;
            await expectRepelled(
              world,
              `select * from orders where id = 1 or ${forge} is not null`,
            );
            await expectRepelled(
              world,
              `with forged as materialized (select ${forge} as s) select o.* from forged, orders o where forged.s is not null`,
            );
          }
        }
      });

      test(`cannot be forged by SET, SET LOCAL or RESET of ${parameter}`, async () => {
        for (const guess of guesses(world)) {
          await expectRepelled(world, `set ${parameter} = ${literal(guess)}`);
          await expectRepelled(world, `set local ${parameter} = ${literal(guess)}`);
          await expectRepelled(world, `set ${parameter} = ${literal(guess)}; select * from orders`);
        }
        await expectRepelled(world, `reset ${parameter}; select * from orders`);
        await expectRepelled(world, `set ${parameter} to default; select * from orders`);
      });
    }

    for (const sql of TRANSACTIONS) {
      test(`does not outlive its transaction: ${sql}`, async () => {
        await expectRepelled(world, sql);
      });
    }

    for (const sql of IDENTITY) {
      test(`cannot be shed by ${sql}`, async () => {
        await expectRepelled(world, sql);
        await expectRepelled(world, `${sql}; select * from orders`);
      });
    }

    test("cannot be walked around by another role", async () => {
      for (const role of [world.roles.system, world.owner, "postgres", "pg_read_all_data"]) {
        for (const sql of [
          `set role ${role}`,
          `set local role ${role}`,
          `set session authorization ${role}`,
        ]) {
          const loot = await expectRepelled(world, `${sql}; select * from orders`);
          expect(JSON.stringify(loot.text)).toContain("42501");
        }
        await expectRepelled(world, `select set_config('role', '${role}', false)`);
      }
    });

    test("cannot be reverted to an earlier one by a failing statement in its Sync", async () => {
      const stolen =
        "current_setting('backtrace_functions', true) as p, current_setting('partywall.seal', true) as s";
      await expectRepelled(world, `select ${stolen}, 1 / (id - 1) from orders`);
      await expectRepelled(world, "select 1; select 1 / 0; select * from orders");
      const loot = await world.pw.run(world.b.id, async () => {
        await answer(world.pool.query("select 1 / (id - 1) from orders"));
        return raidOutside(world, `select ${stolen}`);
      });
      // Outside the failed transaction nothing is left of the seal.
      expect(loot).toEqual([expect.objectContaining({ s: expect.toSatisfy((v) => !v) })]);
    });

    test("cannot be removed by a DO block, which does not run at all", async () => {
      for (const sql of [
        "do $$ begin rollback; end $$",
        "do language plpgsql $$ begin commit; end $$",
        `do 'begin perform set_config(''partywall.seal'', ''x'', false); end'`,
      ]) {
        const loot = await expectRepelled(world, sql);
        expect(JSON.stringify(loot.text)).toContain("42501");
        await expectRepelled(world, `${sql}; select * from orders`);
      }
    });

    test("read in one transaction, is worthless in another, on the same backend and on others", async () => {
      const read = `select current_setting('backtrace_functions') as p, coalesce(current_setting('partywall.seal', true), '') as s`;
      const second = new world.guard.Client({ connectionString: world.appUrl });
      await second.connect();
      for (const owner of [world.a, world.b]) {
        // Even the other tenant's, had it been carried off somehow.
        const [stolen] = (await world.pw.run(owner.id, () => answer(world.pool.query(read)))) as [
          { p: string; s: string },
        ];
        expect(seal === "mac" ? stolen.s : stolen.p).not.toBe("");
        const replay = [
          `set_config('partywall.seal', ${literal(stolen.s)}, true)`,
          `set_config('backtrace_functions', ${literal(stolen.p)}, true)`,
        ];
        for (const one of replay) {
          await expectRepelled(world, `select * from orders where ${one} is not null`);
          await expectRepelled(world, `select ${one}; select * from orders`);
          await expectRepelled(world, `commit; select ${one}; select * from orders`);
          await expectRepelled(
            world,
            `commit; select ${one.replace("true)", "false)")}; select * from orders`,
          );
        }
        const elsewhere = await expectStanding(world, () =>
          inA(async () => {
            const got: unknown[] = [];
            for (const one of replay) {
              got.push(await answer(second.query(`commit; select ${one}; select * from orders`)));
            }
            return got;
          }),
        );
        for (const got of elsewhere as unknown[]) {
          expect(JSON.stringify(got)).toMatch(/PW001|42501/);
        }
      }
      await second.end();
    });

    test("an unguarded connection of the login cannot replay it either", async () => {
      const [stolen] = (await raid(
        world,
        `select current_setting('backtrace_functions') as p, coalesce(current_setting('partywall.seal', true), '') as s`,
      )) as [{ p: string; s: string }];
      const loot = await raidOutside(
        world,
        `begin; select set_config('partywall.seal', ${literal(stolen.s)}, true); select * from orders; commit`,
      );
      expect(loot).toMatchObject({ refused: { code: "PW001" } });
    });

    test("cannot be entered with anything tenant SQL can know", async () => {
      const { rows } = await world.unguarded.query(
        "select encode(digest, 'hex') as digest, tenant from partywall.seals",
      );
      for (const { digest } of rows as { digest: string }[]) {
        for (const secret of [`decode('${digest}', 'hex')`, `sha256(decode('${digest}', 'hex'))`]) {
          const loot = await expectRepelled(
            world,
            `select partywall.enter(${secret}); select * from orders`,
          );
          expect(JSON.stringify(loot.text)).toContain("PW002");
        }
      }
      for (const junk of [
        `''`,
        "null",
        `'x'`,
        `'${world.b.id}'`,
        `decode(repeat('00', 32), 'hex')`,
      ]) {
        await expectRepelled(world, `select partywall.enter(${junk}); select * from orders`);
      }
    });

    test("cannot be looked up", async () => {
      for (const sql of [
        "select * from partywall.seals",
        "select count(*) from partywall.seals",
        "select * from partywall.seal_key",
        "insert into partywall.seals (digest, tenant, realm) values (sha256('x'), 'x', 'x')",
        `update partywall.seals set tenant = '${world.a.id}'`,
        "delete from partywall.seals",
        "truncate partywall.seals",
        "copy partywall.seals to stdout",
        `select partywall.seal_mac('key', '${world.b.id}')`,
        "alter function partywall.enter(bytea) owner to current_user",
        "create or replace function partywall.tenant_uuid() returns uuid language sql as $$ select null::uuid $$",
        "drop function partywall.tenant_uuid() cascade",
      ]) {
        const loot = await expectRepelled(world, sql);
        expect(JSON.stringify(loot.text), sql).toMatch(/42501|42P01|42883/);
      }
    });

    test("keeps its secret: what tenant SQL can see of the running statement is the text", async () => {
      const loot = await inA(() =>
        answer(
          world.pool.query(
            "select (select string_agg(statement, ';') from pg_cursors) as cursors, (select string_agg(query, ';') from pg_stat_activity) as activity",
          ),
        ),
      );
      expect(JSON.stringify(loot)).not.toMatch(/enter\('|\\\\x[0-9a-f]{64}/);
    });
  });
}

/** SQL of the application's own login without the guard: what an attacker holding the password could send. */
async function raidOutside(world: World, sql: string): Promise<unknown> {
  return withClient(world.appUrl, (client) => answer(client.query(sql)));
}
