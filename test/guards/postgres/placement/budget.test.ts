import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { guardPg } from "partywall/guards/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../../support/engine.js";
import { buildTown, type Town } from "./town.js";

const SHARED = ["anna", "ben"];
const OWN = ["fay", "gus", "hal", "ida", "jon"];
const CONNECTIONS = 3;

describeEngine("postgres", "the budget of connections", () => {
  let town: Town;

  beforeAll(async () => {
    town = await buildTown(
      [
        ...SHARED.map((slug) => ({ slug, strategy: "row" as const })),
        ...OWN.map((slug) => ({ slug, strategy: "database" as const, own: slug === "jon" })),
      ],
      { guard: { budget: { connections: CONNECTIONS, perTenant: 2, waitMs: 20_000 } } },
    );
  });
  afterAll(() => town.close());

  /** Connections that the server has of the application's logins. */
  const connected = async () => {
    const { rows } = await town.boroughs["default"]!.superuser.query(
      "select count(*)::int as n from pg_stat_activity where usename = $1 or usename like $2",
      [town.roles.app, `${town.database.name}%login`],
    );
    return rows[0].n as number;
  };

  test("is never exceeded, and serves everyone, with more tenants at once than connections", async () => {
    const slugs = [...SHARED, ...OWN];
    let most = 0;
    const done = new AbortController();
    const watch = (async () => {
      while (!done.signal.aborted) {
        most = Math.max(most, await connected());
        await sleep(2);
      }
    })();
    const answers = await Promise.all(
      Array.from({ length: 140 }, async (_, turn) => {
        const slug = slugs[turn % slugs.length]!;
        const rows = await town.as(slug, "select note, pg_sleep(0.001) from orders where id = 2");
        return rows[0]!["note"] === `${slug}2`;
      }),
    );
    done.abort();
    await watch;
    expect(answers).toEqual(answers.map(() => true));
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(CONNECTIONS);
  });

  test("lets a quiet tenant in while busy ones never stop asking", async () => {
    const stopped = new AbortController();
    const hog = async (slug: string) => {
      while (!stopped.signal.aborted) await town.as(slug, "select pg_sleep(0.002)");
    };
    const hogs = ["fay", "fay", "gus", "gus", "hal", "hal"].map(hog);
    try {
      for (const slug of ["ida", "anna", "jon", "ben"]) {
        expect(await town.as(slug, "select note from orders where id = 1")).toEqual([
          { note: `${slug}1` },
        ]);
      }
    } finally {
      stopped.abort();
      await Promise.all(hogs);
    }
  });

  test("tells a caller who waited too long what was in use, and serves the next", async () => {
    const strict = await buildTown(
      [
        { slug: "kim", strategy: "database" },
        { slug: "lea", strategy: "database" },
      ],
      { guard: { budget: { connections: 1, perTenant: 1, waitMs: 200 } } },
    );
    try {
      const held = await strict.pw.run({ slug: "kim" }, () => strict.pool.connect());
      const refused = strict.as("lea", "select 1");
      await expect(refused).rejects.toMatchObject({ code: "PW_POOL_EXHAUSTED" });
      await expect(refused).rejects.toThrow("1 of 1 of all pools");
      await expect(
        strict.pw.run({ slug: "lea" }, () => strict.pool.connect()),
      ).rejects.toMatchObject({ code: "PW_POOL_EXHAUSTED" });
      held.release();
      expect(await strict.as("lea", "select note from orders where id = 1")).toEqual([
        { note: "lea1" },
      ]);
    } finally {
      await strict.close();
    }
  });

  test("never closes a connection under a query to make room", async () => {
    const client = await town.pw.run({ slug: "fay" }, () => town.pool.connect());
    await town.pw.run({ slug: "fay" }, () => client.query("begin"));
    const { rows } = await town.pw.run({ slug: "fay" }, () =>
      client.query("select pg_backend_pid() as pid"),
    );
    await Promise.all(
      [...OWN.slice(1), ...SHARED].map((slug) => town.as(slug, "select pg_sleep(0.01)")),
    );
    const after = await town.pw.run({ slug: "fay" }, () =>
      client.query("select pg_backend_pid() as pid"),
    );
    expect(after.rows).toEqual(rows);
    await town.pw.run({ slug: "fay" }, () => client.query("commit"));
    client.release();
  });

  test("takes a number only", () => {
    for (const budget of [{ connections: 0 }, { perTenant: 1.5 }, { waitMs: -1 }]) {
      expect(() => buildGuard(budget)).toThrow(/budget/);
    }
  });
});

function buildGuard(budget: Record<string, number>) {
  return guardPg(pg, { app: undefined, budget });
}
