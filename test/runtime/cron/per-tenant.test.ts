import { randomUUID } from "node:crypto";
import { Cron } from "croner";
import { createPartywall, EachError, type Partywall } from "partywall";
import { perTenant, type TenantRun } from "partywall/runtime/cron";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { codeOf, rejectionOf } from "../../scope/instance.js";

async function tenants(count: number): Promise<Partywall> {
  const pw = createPartywall({ realm: randomUUID() });
  onTestFinished(() => pw.close());
  for (let n = 1; n <= count; n += 1)
    await pw.tenants.create({ id: `t${n}`, slug: `t${n}`, name: `Tenant ${n}` });
  return pw;
}

/** A schedule, and what its last run reported. */
function reporting(...[pw, fn, options]: Parameters<typeof perTenant>) {
  const reports: TenantRun[] = [];
  const run = perTenant(pw, fn, { ...options, onReport: async (one) => void reports.push(one) });
  return async (): Promise<TenantRun> => {
    await run();
    return reports.at(-1) as TenantRun;
  };
}

describe("a schedule for every tenant", () => {
  it("runs each active one in its own scope, no more at once than told", async () => {
    const pw = await tenants(12);
    await pw.tenants.suspend("t5");
    let [now, most] = [0, 0];
    const ran: string[] = [];
    const run = reporting(
      pw,
      async (tenant) => {
        now += 1;
        most = Math.max(most, now);
        await new Promise((soon) => setTimeout(soon, 2));
        ran.push(`${tenant.id} ${pw.current().id}`);
        now -= 1;
      },
      { concurrency: 3 },
    );
    const report = await run();
    expect(report).toMatchObject({ overlapped: false, succeeded: 11, skipped: 0, failures: [] });
    expect(report.finishedAt.getTime()).toBeGreaterThanOrEqual(report.startedAt.getTime());
    expect(ran).toHaveLength(11);
    expect(ran.every((one) => one.split(" ")[0] === one.split(" ")[1])).toBe(true);
    expect(ran.some((one) => one.startsWith("t5"))).toBe(false);
    expect([most, pw.scope()]).toEqual([3, undefined]);
  });

  it("collects failures, reaches everybody else, and reports", async () => {
    const pw = await tenants(5);
    const run = reporting(pw, ({ id }) => {
      if (id === "t2" || id === "t4") throw new Error(`no paper for ${id}`);
    });
    const report = await run();
    expect(report.succeeded).toBe(3);
    expect(report.failures.map(({ tenantId, error }) => [tenantId, String(error)])).toEqual([
      ["t2", "Error: no paper for t2"],
      ["t4", "Error: no paper for t4"],
    ]);
  });

  it("swallows no failure that nobody was told of", async () => {
    const pw = await tenants(2);
    const run = perTenant(pw, () => Promise.reject(new Error("full")));
    expect(await rejectionOf(run)).toBeInstanceOf(EachError);
    // And runs again the next time.
    expect(await codeOf(run)).toBe("PW_EACH_FAILED");
  });

  it("does nothing while the run before is under way, and says so", async () => {
    const pw = await tenants(2);
    let finish = (): void => undefined;
    const wait = new Promise<void>((resolve) => (finish = resolve));
    const ran = vi.fn(() => wait);
    const run = reporting(pw, ran, { concurrency: 2 });
    const first = run();
    expect(await run()).toMatchObject({ overlapped: true, succeeded: 0 });
    finish();
    expect(await first).toMatchObject({ overlapped: false, succeeded: 2 });
    expect(ran).toHaveBeenCalledTimes(2);
    expect(await run()).toMatchObject({ overlapped: false, succeeded: 2 });
  });

  it("starts tenants apart from each other by the jitter", async () => {
    const pw = await tenants(3);
    const random = vi.spyOn(Math, "random");
    onTestFinished(() => random.mockRestore());
    for (const part of [0.9, 0.1, 0.5]) random.mockReturnValueOnce(part);
    const order: string[] = [];
    await perTenant(pw, ({ id }) => void order.push(id), { concurrency: 3, jitterMs: 200 })();
    expect(order).toEqual(["t2", "t3", "t1"]);
    expect(await codeOf(() => perTenant(pw, () => 1, { jitterMs: -1 }))).toBe("PW_CONFIG");
  });

  it("stops at a signal, in the middle of a jitter too, and says why", async () => {
    const pw = await tenants(3);
    const stop = new AbortController();
    const ran: string[] = [];
    const random = vi.spyOn(Math, "random");
    onTestFinished(() => random.mockRestore());
    const run = reporting(pw, ({ id }) => void ran.push(id), {
      concurrency: 1,
      jitterMs: 3_600_000,
      signal: stop.signal,
    });
    const running = run();
    await expect.poll(() => random.mock.calls.length).toBe(1);
    stop.abort(new Error("shutting down"));
    const report = await running;
    expect(ran).toEqual([]);
    expect(report.stopped).toEqual(new Error("shutting down"));
    expect(report.failures).toHaveLength(1);
  });

  it("is a handler for croner", async () => {
    const pw = await tenants(2);
    const ran: string[] = [];
    const run = perTenant(pw, () => void ran.push(pw.current().id));
    const job = new Cron("* * * * * *", { maxRuns: 1 }, run);
    onTestFinished(() => job.stop());
    await expect.poll(() => ran, { timeout: 5_000 }).toEqual(["t1", "t2"]);
  });
});
