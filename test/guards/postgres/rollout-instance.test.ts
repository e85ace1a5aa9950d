import pg from "pg";
import { createPartywall, type AuditEvent } from "partywall";
import { applyWall, guardPg, type GuardRollout, type Observation } from "partywall/guards/postgres";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { DAY, rolloutWorld, type RolloutWorld } from "./rollout-world.js";
import { SECRET } from "./world.js";

describeEngine("postgres", "what a rollout reports", () => {
  let world: RolloutWorld;
  beforeAll(async () => {
    world = await rolloutWorld({ tables: { orders: "observe" } });
  });
  afterAll(() => world.close());

  /** Another instance on the same database. */
  const opened = async (
    rollout: GuardRollout | undefined,
    use: (parts: {
      readonly pw: ReturnType<typeof createPartywall>;
      readonly pool: pg.Pool;
      readonly audit: AuditEvent[];
    }) => Promise<unknown>,
  ) => {
    const postgres = guardPg(pg, {
      app: { connectionString: world.appUrl, max: 1 },
      system: world.systemUrl,
      ...(rollout && { rollout }),
    });
    const audit: AuditEvent[] = [];
    const pw = createPartywall({
      realm: world.database.name,
      secret: SECRET,
      postgres,
      audit: (event) => void audit.push(event),
    });
    try {
      await pw.tenants.create({ id: world.a.id, slug: "a", name: "A" });
      await use({ pw, pool: postgres.pool, audit });
    } finally {
      await pw.close();
    }
  };
  const in2Days = new Date(Date.now() + 2 * DAY);

  test("closing tells of what was counted and not told", async () => {
    const told: Observation[] = [];
    const report = (one: Observation) => void told.push(one);
    await opened({ until: world.until, report }, async ({ pw, pool }) => {
      for (let times = 0; times < 3; times += 1) {
        await pw.run(world.a.id, () => pool.query("select * from orders"));
      }
    });
    expect(told.map(({ count }) => count)).toEqual([1, 3]);
  });

  test("no more than a thousand are kept; what makes room is told again where it was counted", async () => {
    const told: Observation[] = [];
    const report = (one: Observation) => void told.push(one);
    await opened({ until: world.until, report }, async ({ pool }) => {
      const first = "select 'first'";
      for (let times = 0; times < 4; times += 1) await pool.query(first);
      for (let n = 0; n < 1000; n += 1) await pool.query(`select ${n} as n`);
      await expect.poll(() => told).toHaveLength(1002);
      const counts = told.filter(({ statement }) => statement === first).map(({ count }) => count);
      expect(counts).toEqual([1, 4]);
      await pool.query(first);
      await expect.poll(() => told.at(-1)).toMatchObject({ statement: first, count: 1 });
    });
  });

  test("a long text is cut", async () => {
    const told: Observation[] = [];
    const report = (one: Observation) => void told.push(one);
    await opened({ until: world.until, report }, async ({ pool }) => {
      await pool.query(`select '${"x".repeat(10_000)}'`);
    });
    expect(told[0]?.statement).toHaveLength(4000);
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("no");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no"))],
  ])("a report that %s changes nothing for the statement, and is warned of", async (_, report) => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    try {
      await opened({ until: world.until, report }, async ({ pool }) => {
        expect((await pool.query("select * from orders")).rows).toHaveLength(6);
        await expect
          .poll(() => warned)
          .toHaveBeenCalledWith(expect.any(String), { code: "PW_ROLLOUT_REPORT" });
      });
    } finally {
      warned.mockRestore();
    }
  });

  test("a report that asks the database itself comes to an end, and runs in no scope", async () => {
    const scopes: unknown[] = [];
    let ask: () => Promise<unknown> = async () => undefined;
    const report = async () => {
      await ask();
    };
    await opened({ until: world.until, report }, async ({ pw, pool }) => {
      ask = (): Promise<unknown> => {
        scopes.push(pw.scope());
        return pool.query("select 'reported'");
      };
      await pw.run(world.a.id, () => pool.query("select * from orders"));
      await expect.poll(() => scopes.length).toBeGreaterThan(1);
    });
    expect(scopes.length).toBeLessThan(10);
    expect(new Set(scopes)).toEqual(new Set([undefined]));
  });

  test("the audit is told once that a rollout is open, by its first statement or by ready()", async () => {
    const report = (): void => undefined;
    await opened({ until: world.until, report }, async ({ pw, pool, audit }) => {
      expect(audit).toEqual([]);
      await pw.ready();
      await pool.query("select 1");
      expect(audit).toMatchObject([
        { type: "rollout", wire: "postgres", until: world.until.toISOString() },
      ]);
    });
    await opened({ until: world.until, report }, async ({ pool, audit }) => {
      await pool.query("select 2");
      await pool.query("select 2");
      expect(audit.map(({ type }) => type)).toEqual(["rollout"]);
    });
    await opened({ until: "2020-01-01", report }, async ({ pw, pool, audit }) => {
      await pw.central(() => pool.query("select 1"));
      expect(audit).toEqual([]);
    });
  });

  test("ready() accepts tables in rollout where the guard is in one that ends no earlier", async () => {
    const report = (): void => undefined;
    for (const until of [world.until, in2Days]) {
      await opened({ until, report }, async ({ pw }) => {
        await expect(pw.ready()).resolves.toBeUndefined();
      });
    }
  });

  test.each([
    ["no rollout", undefined],
    ["a rollout that has ended", "2020-01-01"],
    ["a rollout that ends before the table's", new Date(Date.now() + DAY / 2)],
  ])("ready() names the table in rollout where the guard has %s", async (_, until) => {
    await opened(
      until === undefined ? undefined : { until, report: () => undefined },
      async ({ pw }) => {
        await expect(pw.ready()).rejects.toMatchObject({
          code: "PW_GUARD_BYPASSED",
          message: expect.stringMatching(/public\.orders is in rollout \(observe\)/),
        });
      },
    );
  });

  const own = "partywall.sealed_uuid(4102444800000)";
  const observed = "(select partywall.observe('orders', 'observe', 'read', 4102444800000)) >= true";
  test.each([
    [
      "a policy that lets everything through",
      "alter policy partywall_tenant on orders using (true)",
    ],
    [
      "a policy that lets everything be written",
      "alter policy partywall_tenant on orders with check (true)",
    ],
    [
      "a policy with another end for reading",
      `alter policy partywall_tenant on orders using (tenant_id = (select ${own}) or ${observed})`,
    ],
    [
      "a policy that lets more through than it tells of",
      `alter policy partywall_tenant on orders using (tenant_id = (select ${own}) or id = 1 or ${observed})`,
    ],
    ["a policy for nobody", "alter policy partywall_tenant on orders to pg_monitor"],
    [
      "a function that never ends",
      "create or replace function partywall.observe(target regclass, mode text, kind text, until bigint) returns boolean language sql as 'select true'",
    ],
    [
      "a function that never asks for a tenant",
      "create or replace function partywall.sealed_text(until bigint) returns text language sql as 'select null'",
    ],
    [
      "a table beside it that is open to all",
      "alter policy partywall_tenant on customers using (true)",
    ],
  ])("ready() does not accept %s", async (_, fault) => {
    await world.unguarded.query(fault);
    try {
      await opened({ until: in2Days, report: () => undefined }, async ({ pw }) => {
        await expect(pw.ready()).rejects.toMatchObject({ code: "PW_GUARD_BYPASSED" });
      });
    } finally {
      await world.stage({ orders: "observe" });
    }
    await world.pw.ready();
  });

  test.each([
    ["no end", { report: (): void => undefined }],
    [
      "an end in a year",
      { until: new Date(Date.now() + 365 * DAY), report: (): void => undefined },
    ],
    ["an end that is none", { until: "tomorrow", report: (): void => undefined }],
    ["no report", { until: new Date(Date.now() + DAY) }],
  ])("guardPg() refuses a rollout with %s", (_, rollout) => {
    expect(() => guardPg(pg, { app: world.appUrl, rollout: rollout as GuardRollout })).toThrow(
      expect.objectContaining({ code: "PW_CONFIG" }),
    );
  });

  test("without the option nothing is sent outside any scope, whatever the tables are", async () => {
    await opened(undefined, async ({ pw, pool }) => {
      await expect(pool.query("select * from orders")).rejects.toMatchObject({
        code: "PW_NO_SCOPE",
        message: expect.stringContaining("nothing was sent"),
      });
      // The database tells it all the same, to whoever listens on the connection.
      const client = await pool.connect();
      const heard: unknown[] = [];
      client.on("notice", (notice) => heard.push(notice.code));
      await pw.run(world.a.id, () => client.query("select * from orders"));
      client.release();
      expect(heard).toEqual(["PW101"]);
    });
  });

  test("ended tables are accepted by ready(), with and without the option", async () => {
    await world.passTheEnd();
    for (const rollout of [undefined, { until: world.until, report: () => undefined }]) {
      await opened(rollout, async ({ pw }) => {
        await expect(pw.ready()).resolves.toBeUndefined();
      });
    }
    await applyWall(world.unguarded, {
      roles: { ...world.roles, owner: world.owner },
      tables: ["customers", "orders"],
      shared: ["plans"],
    });
    await world.pw.ready();
  });
});
