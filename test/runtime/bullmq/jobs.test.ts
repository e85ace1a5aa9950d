import { fork } from "node:child_process";
import { once } from "node:events";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { Queue, Worker, type Job, type JobsOptions, type WorkerOptions } from "bullmq";
import { createPartywall, type Partywall } from "partywall";
import { postgresStore, type TenantStore } from "partywall/registry";
import { tenantProcessor, tenantQueue } from "partywall/runtime/bullmq";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { codeOf, SECRET } from "../../scope/instance.js";
import { describeEngine } from "../../support/engine.js";
import { testDatabase, type TestDatabase } from "../../support/postgres.js";
import { startRedis, type Redis } from "../../support/redis.js";

describeEngine("redis", "jobs of BullMQ", () => {
  let redis: Redis;
  beforeAll(async () => {
    redis = await startRedis({ "maxmemory-policy": "noeviction" });
  });
  afterAll(() => redis.stop());

  const connection = () => ({ host: "127.0.0.1", port: redis.port });
  const tenants = async (
    more: { realm?: string; store?: TenantStore } = {},
  ): Promise<Partywall> => {
    const pw = createPartywall({ realm: randomUUID(), secret: SECRET, ...more });
    onTestFinished(() => pw.close());
    for (const id of ["acme", "globex"]) await pw.tenants.create({ id, slug: id, name: id });
    return pw;
  };

  /** A queue, its unwrapped twin, and a worker whose jobs say where they ran. */
  async function site(
    work: (job: Job, pw: Partywall) => unknown = () => undefined,
    options: Partial<WorkerOptions> & { readonly waitMs?: number } = {},
  ) {
    const { waitMs = 100, ...rest } = options;
    const pw = await tenants();
    const name = randomUUID();
    const native = new Queue(name, { connection: connection() });
    const ran: string[] = [];
    const worker = new Worker(
      name,
      tenantProcessor(
        pw,
        async (job: Job) => {
          ran.push(`${pw.tryCurrent()?.slug ?? pw.scope()?.kind} ${job.name}`);
          return work(job, pw);
        },
        { waitMs },
      ),
      { connection: connection(), concurrency: 5, ...rest },
    );
    worker.on("error", () => undefined);
    onTestFinished(async () => {
      await worker.close(true);
      await native.close();
    });
    return { pw, name, native, queue: tenantQueue(pw, native), worker, ran };
  }
  const failures = async (native: Queue) =>
    (await native.getFailed()).map(({ failedReason }) => failedReason);

  it("run in the tenant's scope that added them, interleaved", async () => {
    const { pw, queue, native, ran } = await site(async (job, { current }) => {
      const before = current().slug;
      await new Promise((soon) => setTimeout(soon, Math.random() * 5));
      expect([before, current().slug]).toEqual([job.data.of, job.data.of]);
    });
    await Promise.all(
      Array.from({ length: 60 }, (_, at) => {
        const of = at % 2 === 0 ? "acme" : "globex";
        return pw.run(of, () => queue.add(`job ${of}`, { of }));
      }),
    );
    await pw.run("acme", () =>
      queue.addBulk([1, 2].map((n) => ({ name: `bulk ${n}`, data: { of: "acme" } }))),
    );
    await expect.poll(() => native.getCompletedCount(), { timeout: 10_000 }).toBe(62);
    expect(await failures(native)).toEqual([]);
    expect(ran.filter((one) => one.startsWith("acme"))).toHaveLength(32);
  });

  it("keep their tenant over retries, also when a job changes its own data", async () => {
    const { pw, queue, native, ran } = await site(async (job) => {
      await job.updateData({ changed: job.attemptsMade });
      if (job.attemptsMade < 2) throw new Error("again");
    });
    await pw.run("globex", () => queue.add("flaky", {}, { attempts: 3 }));
    await expect.poll(() => native.getCompletedCount(), { timeout: 10_000 }).toBe(1);
    expect(ran).toEqual(["globex flaky", "globex flaky", "globex flaky"]);
  });

  it("keep their tenant in every repetition, and a schedule is its tenant's own", async () => {
    const { pw, queue, native, ran } = await site();
    for (const tenant of ["acme", "globex"])
      await pw.run(tenant, () =>
        queue.upsertJobScheduler("nightly", { every: 50 }, { name: `report of ${tenant}` }),
      );
    expect(await native.getJobSchedulersCount()).toBe(2);
    await expect
      .poll(() => ["acme", "globex"].map((one) => ran.filter((r) => r.startsWith(one)).length > 2))
      .toEqual([true, true]);
    expect(new Set(ran)).toEqual(new Set(["acme report of acme", "globex report of globex"]));
    await pw.run("acme", () => queue.removeJobScheduler("nightly"));
    expect(await pw.run("acme", () => queue.getJobScheduler("nightly"))).toBeUndefined();
    expect(await pw.run("globex", () => queue.getJobScheduler("nightly"))).toBeDefined();
    await pw.run("globex", () => queue.removeJobScheduler("nightly"));
  });

  it("of central scopes are central, and outside every scope none is added", async () => {
    const { pw, queue, native, ran } = await site();
    await pw.central(() => queue.add("sweep", {}));
    await expect.poll(() => native.getCompletedCount(), { timeout: 10_000 }).toBe(1);
    expect(ran).toEqual(["central sweep"]);
    for (const add of [
      () => queue.add("lost", {}),
      () => queue.addBulk([{ name: "lost", data: {} }]),
      () => queue.upsertJobScheduler("lost", { every: 1000 }),
    ])
      expect(await codeOf(add)).toBe("PW_NO_SCOPE");
    expect(await native.getJobCounts("wait", "delayed")).toEqual({ wait: 0, delayed: 0 });
  });

  it("of two tenants never meet in one id", async () => {
    const { pw, queue, native, worker } = await site();
    await worker.pause();
    const add = (tenant: string, more: JobsOptions) =>
      pw.run(tenant, () => queue.add("invoice", { tenant }, more));
    for (const tenant of ["acme", "globex", "acme"]) {
      await add(tenant, { jobId: "invoice-7" });
      await add(tenant, { deduplication: { id: "invoice-8" } });
    }
    const waiting = (await native.getWaiting()).map(({ data }) => data.tenant as string);
    expect(waiting.toSorted()).toEqual(["acme", "acme", "globex", "globex"]);
  });

  describe("are not run", () => {
    const refused = async (
      meddle: (job: Job, other: Job, native: Queue, pw: Partywall) => Promise<unknown>,
    ) => {
      const { pw, queue, native, worker, ran } = await site();
      await worker.pause();
      const [job, other] = await Promise.all(
        ["acme", "globex"].map((one) => pw.run(one, () => queue.add(`of ${one}`, { of: one }))),
      );
      await meddle(job as Job, other as Job, native, pw);
      void worker.resume();
      await expect.poll(() => native.getJobCountByTypes("wait", "active")).toBe(0);
      return { ran, failed: await failures(native) };
    };
    const put = (job: Job, native: Queue, options: object) =>
      redis.command("hset", native.toKey(job.id ?? ""), "opts", JSON.stringify(options));
    const INVALID = /not signed by this Partywall instance|taken for something else/;

    it("when they were put into Redis without an envelope", async () => {
      const { failed, ran } = await refused((_job, _other, native) => native.add("forged", {}));
      expect(failed).toHaveLength(1);
      expect(failed[0]).toMatch(INVALID);
      expect(ran.toSorted()).toEqual(["acme of acme", "globex of globex"]);
    });

    it("when their envelope is another job's", async () => {
      const { failed, ran } = await refused((job, other, native) => put(job, native, other.opts));
      expect(failed[0]).toMatch(INVALID);
      expect(ran).toEqual(["globex of globex"]);
    });

    it("when their envelope was changed", async () => {
      const { failed, ran } = await refused((job, _, native) => {
        const envelope = Reflect.get(job.opts, "partywall") as string;
        const [body = "", mac = ""] = envelope.split(".");
        const payload = JSON.parse(Buffer.from(body, "base64url").toString()) as object;
        const changed = Buffer.from(JSON.stringify({ ...payload, id: "globex" }));
        return put(job, native, { partywall: `${changed.toString("base64url")}.${mac}` });
      });
      expect(failed[0]).toMatch(INVALID);
      expect(ran).toEqual(["globex of globex"]);
    });

    it("when their envelope was made for another queue", async () => {
      const { failed } = await refused(async (job, _, native, pw) => {
        const elsewhere = new Queue(randomUUID(), { connection: connection() });
        onTestFinished(() => elsewhere.close());
        const twin = await pw.run("acme", () => tenantQueue(pw, elsewhere).add("of acme", {}));
        await put(job, native, twin.opts);
      });
      expect(failed[0]).toMatch(INVALID);
    });

    it("when their tenant was deleted", async () => {
      const { pw, queue, native, worker, ran } = await site();
      await worker.pause();
      await pw.run("acme", () => queue.add("late", {}));
      await pw.tenants.delete("acme");
      void worker.resume();
      await expect.poll(() => native.getFailedCount()).toBe(1);
      expect(ran).toEqual([]);
    });
  });

  it("of a suspended tenant wait, lose no attempt, and run when it is back", async () => {
    const { pw, queue, native, worker, ran } = await site();
    await worker.pause();
    await pw.run("acme", () => queue.add("mail", {}, { attempts: 1 }));
    await pw.run("globex", () => queue.add("mail", {}));
    await pw.tenants.suspend("acme");
    void worker.resume();
    await expect.poll(() => native.getCompletedCount()).toBe(1);
    // Looked at again several times.
    await expect
      .poll(async () => (await native.getDelayed())[0]?.attemptsStarted ?? 0, { timeout: 10_000 })
      .toBeGreaterThan(2);
    expect([ran, await native.getFailedCount()]).toEqual([["globex mail"], 0]);
    await pw.tenants.restore("acme");
    await expect.poll(() => native.getCompletedCount(), { timeout: 10_000 }).toBe(2);
    expect(ran).toEqual(["globex mail", "acme mail"]);
  });

  it("of all tenants are seen and changed in a system scope, and nowhere else", async () => {
    const { pw, queue, native } = await site();
    await native.pause();
    await pw.run("globex", () => queue.add("secret", {}));
    const uses: (() => Promise<unknown>)[] = [
      () => queue.getJobs(),
      () => queue.getWaiting(),
      () => queue.count(),
      () => queue.drain(),
      () => queue.obliterate({ force: true }),
      () => queue.getJobSchedulers(),
      () => queue.getJob("1"),
    ];
    for (const use of uses)
      for (const scoped of [() => pw.run("acme", use), () => pw.central(use), async () => use()])
        expect(await codeOf(scoped)).toBe("PW_STATEMENT_REFUSED");
    expect(await native.count()).toBe(1);
    const seen = await pw.system({ reason: "looking after the queue" }, () => queue.getJobs());
    expect(seen.map(({ name }) => name)).toEqual(["secret"]);
    await native.resume();
  });

  describeEngine("postgres", "with their tenants in PostgreSQL", () => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = await testDatabase();
    });
    afterAll(() => database.drop());

    it("run again under their own tenant when their worker's process was killed", async () => {
      const realm = randomUUID();
      const store = postgresStore(pg, { connectionString: database.url });
      const pw = await tenants({ realm, store });
      const name = randomUUID();
      const native = new Queue(name, { connection: connection() });
      onTestFinished(() => native.close());
      const child = fork(
        fileURLToPath(new URL("worker-process.ts", import.meta.url)),
        [String(redis.port), database.url, name, realm, SECRET],
        { execArgv: ["--import", "tsx"] },
      );
      onTestFinished(() => void child.kill("SIGKILL"));
      await pw.run("globex", () => tenantQueue(pw, native).add("long", {}));
      const [said] = (await once(child, "message")) as [unknown];
      expect(said).toEqual({ job: "long", tenant: "globex" });
      child.kill("SIGKILL");
      await once(child, "exit");
      const ran: string[] = [];
      const second = new Worker(
        name,
        tenantProcessor(pw, (job: Job) => void ran.push(`${pw.current().slug} ${job.name}`)),
        { connection: connection(), stalledInterval: 500 },
      );
      onTestFinished(() => second.close(true));
      await expect.poll(() => native.getCompletedCount(), { timeout: 20_000 }).toBe(1);
      expect(ran).toEqual(["globex long"]);
    });
  });
});
