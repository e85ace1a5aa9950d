import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Queue, Worker, type Job } from "bullmq";
import { createPartywall } from "partywall";
import { tenantProcessor, tenantQueue } from "partywall/runtime/bullmq";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { codeOf, SECRET } from "../../scope/instance.js";
import { describeEngine } from "../../support/engine.js";
import { startRedis, type Redis } from "../../support/redis.js";

describeEngine("redis", "jobs of BullMQ with places for each tenant", () => {
  let redis: Redis;
  beforeAll(async () => {
    redis = await startRedis({ "maxmemory-policy": "noeviction" });
  });
  afterAll(() => redis.stop());

  /** A queue and workers that share one processor, which counts how many jobs of a tenant run at once. */
  async function site(work: (job: Job) => unknown, maxPerTenant = 2) {
    const connection = { host: "127.0.0.1", port: redis.port };
    const pw = createPartywall({ realm: randomUUID(), secret: SECRET });
    for (const id of ["acme", "globex"]) await pw.tenants.create({ id, slug: id, name: id });
    const name = randomUUID();
    const native = new Queue(name, { connection });
    const ran: string[] = [];
    const now = new Map<string, number>();
    const most = new Map<string, number>();
    const processor = tenantProcessor(
      pw,
      async (job: Job) => {
        const of = pw.tryCurrent()?.slug ?? "central";
        now.set(of, (now.get(of) ?? 0) + 1);
        most.set(of, Math.max(most.get(of) ?? 0, now.get(of) ?? 0));
        ran.push(`${of} ${job.name}`);
        try {
          return await work(job);
        } finally {
          now.set(of, (now.get(of) ?? 0) - 1);
        }
      },
      { maxPerTenant, waitMs: 500 },
    );
    const workers: Worker[] = [];
    const start = (options: object = {}): Worker => {
      const worker = new Worker(name, processor, { connection, concurrency: 4, ...options });
      worker.on("error", () => undefined);
      workers.push(worker);
      return worker;
    };
    onTestFinished(async () => {
      await Promise.all(workers.map((worker) => worker.close(true)));
      await native.close();
      await pw.close();
    });
    return { pw, native, queue: tenantQueue(pw, native), ran, most, start };
  }
  const many = (count: number, opts: object = {}) =>
    Array.from({ length: count }, (_, at) => ({ name: `job ${at}`, data: {}, opts }));

  it("never run more of one tenant than there are, over all workers, and none is lost", async () => {
    const { pw, queue, native, ran, most, start } = await site(() => sleep(10));
    for (const of of ["acme", "globex"])
      await pw.run(of, () => queue.addBulk(many(40, { attempts: 1 })));
    await pw.central(() => queue.addBulk(many(12)));
    start();
    start();
    await expect.poll(() => native.getCompletedCount(), { timeout: 20_000 }).toBe(92);
    expect([most.get("acme"), most.get("globex")]).toEqual([2, 2]);
    expect(most.get("central")).toBeGreaterThan(2);
    expect(new Set(ran).size).toBe(92);
    expect(ran).toHaveLength(92);
    expect(await native.getFailedCount()).toBe(0);
  });

  it("of a tenant with very many do not make another's wait behind them all", async () => {
    let release = () => {};
    const held = new Promise<void>((done) => (release = done));
    const { pw, queue, native, ran, start } = await site(({ name }) =>
      name === "one" ? release() : held,
    );
    await pw.run("acme", () => queue.addBulk(many(1000)));
    await pw.run("globex", () => queue.add("one", {}));
    start();
    await expect.poll(() => ran.includes("globex one"), { timeout: 40_000 }).toBe(true);
    // The two that hold all places of Acme until then.
    expect(ran.slice(0, ran.indexOf("globex one"))).toHaveLength(2);
    await expect.poll(() => native.getCompletedCount(), { timeout: 40_000 }).toBe(1001);
  }, 60_000);

  it("give their place up when they fail, and are retried", async () => {
    const { pw, queue, native, ran, start } = await site((job) => {
      if (job.attemptsMade === 0) throw new Error("again");
    }, 1);
    await pw.run("acme", () => queue.addBulk(many(5, { attempts: 2 })));
    start();
    await expect.poll(() => native.getCompletedCount(), { timeout: 20_000 }).toBe(5);
    expect(ran).toHaveLength(10);
  });

  it("that were sent away are run by another worker when theirs has gone", async () => {
    let isStuck = true;
    const { pw, queue, native, start } = await site(() => (isStuck ? new Promise(() => {}) : 0), 1);
    await pw.run("acme", () => queue.addBulk(many(6)));
    const first = start({ lockDuration: 500, stalledInterval: 250 });
    await expect.poll(() => native.getDelayedCount()).toBe(5);
    await first.close(true);
    isStuck = false;
    const connection = { host: "127.0.0.1", port: redis.port };
    const second = new Worker(
      native.name,
      tenantProcessor(pw, () => undefined, { maxPerTenant: 1, waitMs: 500 }),
      { connection, stalledInterval: 250 },
    );
    onTestFinished(() => second.close(true));
    await expect.poll(() => native.getCompletedCount(), { timeout: 20_000 }).toBe(6);
  });

  it("need a whole number of places", async () => {
    const pw = createPartywall({ realm: randomUUID(), secret: SECRET });
    for (const maxPerTenant of [0, -1, 1.5, Number.NaN])
      expect(await codeOf(async () => tenantProcessor(pw, () => 0, { maxPerTenant }))).toBe(
        "PW_CONFIG",
      );
  });
});
