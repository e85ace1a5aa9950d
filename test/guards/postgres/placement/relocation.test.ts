import { setTimeout as sleep } from "node:timers/promises";
import type { Placement } from "partywall";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { buildTown, type Town } from "./town.js";

const ROW: Placement = { strategy: "row" };
const FIRST = "select note from orders where id = 1";

for (const seal of ["parameter", "mac"] as const) {
  describeEngine("postgres", `a tenant held and moved under its callers (${seal} seal)`, () => {
    let town: Town;
    let other: ReturnType<Town["elsewhere"]>;

    beforeAll(async () => {
      town = await buildTown(
        [
          { slug: "anna", strategy: "row" },
          { slug: "ben", strategy: "row" },
          { slug: "fred", strategy: "database" },
        ],
        { seal, guard: { budget: { waitMs: 3000 } } },
      );
      other = town.elsewhere();
    });
    afterAll(async () => {
      await other.close();
      await town.close();
    });

    const held = (slug: string, placement: Placement = ROW) => ({ id: town.id(slug), placement });
    const hold = (slug: string, placement?: Placement) =>
      town.guard.hold(held(slug, placement), { holdMs: 20_000, graceMs: 2000 });

    test("waits while it is held, then is answered as if nothing had been", async () => {
      expect(await hold("anna")).toBe(true);
      let answered = 0;
      const asking = Array.from({ length: 20 }, async (_, n) => {
        const pw = n % 2 === 0 ? town.pw : other;
        const { rows } = await pw.run({ slug: "anna" }, () => pw.postgres.pool.query(FIRST));
        answered += 1;
        return rows;
      });
      await sleep(100);
      expect(answered).toBe(0);
      // Nobody else waits for it.
      expect(await town.as("ben", FIRST)).toEqual([{ note: "ben1" }]);
      await town.guard.release(held("anna"));
      expect(await Promise.all(asking)).toEqual(asking.map(() => [{ note: "anna1" }]));
    });

    test("a client of a host's own pool waits, too", async () => {
      const url = town.login(town.database, town.roles.app);
      const client = new other.postgres.Client(url);
      await client.connect();
      const ask = () => other.run({ slug: "anna" }, () => client.query(FIRST));
      await ask();
      await hold("anna");
      let isAnswered = false;
      const asking = ask().finally(() => (isAnswered = true));
      await sleep(80);
      expect(isAnswered).toBe(false);
      await town.guard.release(held("anna"));
      expect((await asking).rows).toEqual([{ note: "anna1" }]);
      expect((await ask()).rows).toEqual([{ note: "anna1" }]);
      await client.end();
    });

    test("a hold waits for a transaction under way, and is given up where that goes on", async () => {
      const client = await other.run({ slug: "anna" }, () => other.postgres.pool.connect());
      const ask = (text: string) => other.run({ slug: "anna" }, () => client.query(text));
      await ask("begin");
      await ask("update orders set amount = 11 where id = 1");
      expect(await town.guard.hold(held("anna"), { holdMs: 20_000, graceMs: 50 })).toBe(false);
      expect(await town.as("anna", FIRST)).toEqual([{ note: "anna1" }]);
      const holding = hold("anna");
      await sleep(50);
      await ask("update orders set amount = 12 where id = 1");
      await ask("commit");
      expect(await holding).toBe(true);
      await town.guard.release(held("anna"));
      client.release();
      expect((await town.rows("anna"))[0]).toMatchObject({ amount: 12 });
    });

    test("a transaction that begins meanwhile is told to begin again, and the next waits", async () => {
      await hold("anna");
      const begun = town.pw.run({ slug: "anna" }, async () => {
        const client = await town.pool.connect();
        try {
          await client.query("begin");
          await client.query(FIRST);
        } finally {
          client.release(true);
        }
      });
      await expect(begun).rejects.toMatchObject({ code: "PW_PLACEMENT_STALE", status: 503 });
      // Somebody waits now, so that connections are not lent before the hold has ended.
      const waiting = town.as("anna", FIRST);
      await sleep(20);
      let lent = false;
      const connecting = town.pw.run({ slug: "anna" }, async () => {
        const client = await town.pool.connect();
        lent = true;
        await client.query("begin");
        const { rows } = await client.query(FIRST);
        await client.query("commit");
        client.release();
        return rows as unknown[];
      });
      await sleep(50);
      expect(lent).toBe(false);
      await town.guard.release(held("anna"));
      expect(await connecting).toEqual([{ note: "anna1" }]);
      await waiting;
    });

    test("a hold that nobody ends ends by itself", async () => {
      await town.guard.hold(held("anna"), { holdMs: 150, graceMs: 100 });
      expect(await town.as("anna", FIRST)).toEqual([{ note: "anna1" }]);
    });

    test("callers are told where the hold outlasts their patience", async () => {
      await town.guard.hold(held("ben"), { holdMs: Number.POSITIVE_INFINITY, graceMs: 100 });
      await expect(town.as("ben", FIRST)).rejects.toMatchObject({ code: "PW_PLACEMENT_STALE" });
      await town.guard.release(held("ben"));
      expect(await town.as("ben", FIRST)).toEqual([{ note: "ben1" }]);
    });

    // From rows of shared tables to a schema, a database, and back, with callers that never stop.
    test("is followed from place to place, in every process and in scopes opened before", async () => {
      const { superuser } = town.boroughs["default"]!;
      const id = town.id("anna");
      const schema = await town.buildHome(id, { slug: "anna_s", strategy: "schema" });
      const database = await town.buildHome(id, {
        slug: "anna_d",
        strategy: "database",
        own: true,
      });
      const placements: Placement[] = [ROW, schema.placement, database.placement, ROW];
      const eyes = [superuser, superuser, database.eye, superuser];
      const schemas = ["public", schema.schema, "public", "public"];

      const done = new AbortController();
      let turn = 100;
      const written: number[] = [];
      const caller = async (pw: typeof other) => {
        while (!done.signal.aborted) {
          turn += 1;
          const mine = turn;
          await pw.run({ slug: "anna" }, () =>
            pw.postgres.pool.query("insert into orders (id, note) values ($1, 'on the way')", [
              mine,
            ]),
          );
          written.push(mine);
          await sleep(1);
        }
      };
      // One scope that stays open all the time.
      const stayer = other.run({ slug: "anna" }, async () => {
        while (!done.signal.aborted) {
          turn += 1;
          const mine = turn;
          await other.postgres.pool.query("insert into orders (id, note) values ($1, 'stays')", [
            mine,
          ]);
          written.push(mine);
          await sleep(1);
        }
      });
      const callers = [caller(town.pw), caller(other), stayer];
      for (let at = 0; at + 1 < placements.length; at += 1) {
        await sleep(150);
        const [from, to] = [placements[at]!, placements[at + 1]!];
        expect(
          await town.guard.hold(held("anna", from), {
            holdMs: Number.POSITIVE_INFINITY,
            graceMs: 2000,
          }),
        ).toBe(true);
        const { rows } = await eyes[at]!.query(
          `select * from ${schemas[at]}.orders where tenant_id = $1`,
          [id],
        );
        const target = `${schemas[at + 1]}.orders`;
        await eyes[at + 1]!.query(`delete from ${target} where tenant_id = $1`, [id]);
        for (const row of rows) {
          await eyes[at + 1]!.query(
            `insert into ${target} (tenant_id, id, note, amount) values ($1, $2, $3, $4)`,
            [row.tenant_id, row.id, row.note, row.amount],
          );
        }
        await town.guard.admit(held("anna", to));
        await town.pw.tenants.relocate(id, from, to);
        if (to.strategy === "database") await town.guard.expel(held("anna", from));
      }
      await sleep(150);
      done.abort();
      await Promise.all(callers);
      const { rows } = await superuser.query(
        "select id from public.orders where tenant_id = $1 and id > 100 order by id",
        [id],
      );
      expect(rows.map((row) => row.id as number)).toEqual(written.toSorted((a, b) => a - b));
      expect(written.length).toBeGreaterThan(50);
      expect(await town.as("ben", "select count(*)::int as n from orders")).toEqual([{ n: 3 }]);
    });

    test("a client that is held while its tenant's database ends it does not end the process", async () => {
      const client = await other.run({ slug: "fred" }, () => other.postgres.pool.connect());
      const ask = () => other.run({ slug: "fred" }, () => client.query(FIRST));
      const { rows } = await other.run({ slug: "fred" }, () =>
        client.query("select pg_backend_pid() as pid"),
      );
      await town.eye("fred").query("select pg_terminate_backend($1)", [rows[0].pid]);
      await sleep(50);
      await expect(ask()).rejects.toMatchObject({ code: "PW_PLACEMENT_STALE" });
      client.release();
      expect(await town.as("fred", FIRST)).toEqual([{ note: "fred1" }]);
    });

    test("one that is suspended is refused at once, wherever it lives", async () => {
      for (const slug of ["ben", "fred"]) {
        // Bound where no scope is open, as an administrator's request would be.
        const suspend = town.pw.bind(() => town.pw.tenants.suspend(town.id(slug)));
        const asking = other.run({ slug }, async () => {
          await other.postgres.pool.query(FIRST);
          await suspend();
          return other.postgres.pool.query(FIRST);
        });
        await expect(asking).rejects.toMatchObject({
          code: slug === "ben" ? "PW_SEAL_REFUSED" : "PW_PLACEMENT_STALE",
        });
        await expect(
          other.run({ slug }, () => other.postgres.pool.query(FIRST)),
        ).rejects.toMatchObject({ code: "PW_TENANT_SUSPENDED" });
        await town.pw.tenants.restore(town.id(slug));
        expect(await town.as(slug, FIRST)).toEqual([{ note: `${slug}1` }]);
      }
    });
  });
}
