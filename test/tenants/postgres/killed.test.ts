import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compareTenant, scanTenant } from "partywall/tenants";
import { describeEngine } from "../../support/engine.js";
import { buildEstate, type Estate } from "./estate.js";
import { inProcess, type Job } from "./in-process.js";

const ROWS = 20_000;
const row = (tenantId: string) => ({ strategy: "row", tenantId }) as const;
const SUMS = `select 'parents' as of, count(*), md5(string_agg(p::text, '|' order by p::text)) from parents p where tenant_id <> $1
  union all select 'children', count(*), md5(string_agg(c::text, '|' order by c::text)) from children c where tenant_id <> $1 order by 1`;

describeEngine("postgres", "a process that is killed at its work on a tenant", () => {
  let estate: Estate;
  beforeAll(async () => {
    estate = await buildEstate(`
      create table parents (tenant_id text not null, id int, up int, body text, primary key (tenant_id, id),
        foreign key (tenant_id, up) references parents);
      create table children (tenant_id text not null, id int, parent int, body text, primary key (tenant_id, id),
        foreign key (tenant_id, parent) references parents);
      create index on parents (tenant_id, up); create index on children (tenant_id, parent);`);
    await estate.build({ tables: ["parents", "children"] });
    await estate.superuser.query(`
      insert into parents select 'a', n, nullif(${ROWS} - n, 0), repeat('x', 50) from generate_series(1, ${ROWS}) n;
      insert into children select 'a', n, n, repeat('y', 50) from generate_series(1, ${ROWS}) n;
      insert into parents select 'b', n, null, 'b' from generate_series(1, 500) n;
      insert into children select 'b', n, n, 'b' from generate_series(1, 500) n;
      analyze`);
  });
  afterAll(() => estate?.close());
  const others = async (tenantId: string) => (await estate.superuser.query(SUMS, [tenantId])).rows;
  const count = async (tenantId: string) => {
    const { rows } = await estate.superuser.query(
      "select (select count(*) from parents where tenant_id = $1)::int + (select count(*) from children where tenant_id = $1)::int as n",
      [tenantId],
    );
    return rows[0]!["n"] as number;
  };
  /** A backend notices at the end of its statement that nobody is there. */
  const quiet = async () => {
    for (;;) {
      const { rows } = await estate.superuser.query(
        "select 1 from pg_locks l join pg_database d on d.oid = l.database where d.datname = current_database() and l.locktype = 'advisory'",
      );
      if (rows.length === 0) return;
      await sleep(20);
    }
  };
  /** Kills a job again and again, later each time, until it gets to its end. */
  const untilDone = async (job: Job, afterKill: () => Promise<void>) => {
    let kills = 0;
    for (let killAfterMs = 1; ; killAfterMs = killAfterMs * 2 + Math.random() * 50) {
      const { wasKilled } = await inProcess(
        estate.database.url,
        job,
        kills < 6 ? { killAfterMs } : {},
      );
      await quiet();
      if (!wasKilled) return kills;
      kills += 1;
      await afterKill();
    }
  };

  test("leaves nothing of an import behind, and the next one brings in everything", async () => {
    const before = await others("copy");
    const kills = await untilDone({ do: "copy", from: row("a"), to: row("copy") }, async () => {
      expect(await count("copy")).toBe(0);
    });
    expect(kills).toBeGreaterThan(0);
    const same = await compareTenant(await estate.row("a"), await estate.row("copy"));
    expect(same).toMatchObject({ same: true, tables: [{ from: { rows: ROWS } }, {}] });
    expect(await others("copy")).toEqual(before);
  }, 120_000);

  test("leaves an erasure half done that goes on to the same end", async () => {
    const before = await others("a");
    const record = { id: "a", slug: "acme", status: "deleted" } as const;
    const seen: number[] = [];
    const kills = await untilDone(
      { do: "erase", premises: row("a"), record, confirm: "acme", batchRows: 200 },
      async () => void seen.push(await count("a")),
    );
    expect(kills).toBeGreaterThan(0);
    expect(seen[0]).toBeGreaterThan(0);
    expect(seen.toSorted((one, other) => other - one)).toEqual(seen);
    expect(await count("a")).toBe(0);
    expect(await others("a")).toEqual(before);
    expect(await scanTenant(await estate.row("a"))).toMatchObject({ clean: true });
  }, 120_000);
});
